"""Figures: labelled grids of frames, and `lit-emotalk figures {contact-sheet,compare,attention}`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lit_emotalk import attention_figure
from lit_emotalk.errors import UserError
from lit_emotalk.files import atomic_path

FORMATS = (".png", ".pdf")
MARGIN = 4
TEXT_SHARE = 0.11
SMALLEST_TEXT = 12


def contact_sheet(rows: dict[str, Sequence[np.ndarray]], columns: Sequence[str] = ()) -> np.ndarray:
    """A labelled grid: label -> frames (H, W, 3) uint8, all of one size, to one picture (H', W', 3) uint8 on
    white.

    Rows may have different lengths. `columns` are labels above the columns. Raises UserError where there is
    no frame or sizes differ.
    """
    shapes = {frame.shape for frames in rows.values() for frame in frames}
    if len(shapes) != 1:
        raise UserError("a contact sheet needs frames" + (" of one size" if shapes else ""))
    height, width, _ = shapes.pop()
    font = ImageFont.load_default(max(SMALLEST_TEXT, round(TEXT_SHARE * height)))
    left = MARGIN + max(round(font.getlength(label)) for label in rows) + MARGIN
    line = sum(font.getbbox("Ag")[1::2]) + MARGIN
    top = line + MARGIN if columns else MARGIN
    count = max(len(frames) for frames in rows.values())
    size = (left + count * (width + MARGIN), top + len(rows) * (height + MARGIN))
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for place, label in enumerate(columns[:count]):
        draw.text((left + place * (width + MARGIN) + width / 2, MARGIN), label, "black", font, anchor="ma")
    for place, (label, frames) in enumerate(rows.items()):
        y = top + place * (height + MARGIN)
        draw.text((left - MARGIN, y + height / 2), label, "black", font, anchor="rm")
        for column, frame in enumerate(frames):
            sheet.paste(Image.fromarray(frame), (left + column * (width + MARGIN), y))
    return np.asarray(sheet)


def sampled(path: Path, count: int, size: int) -> tuple[list[np.ndarray], list[str]]:
    """`count` frames of a video, evenly spread from its first to its last, as (size, size', 3), and their
    times."""
    from lit_emotalk.schema import FPS
    from lit_emotalk.video import read_frames

    frames = list(read_frames(path))
    places = np.linspace(0, len(frames) - 1, count).round().astype(int)
    height, width = frames[0].shape[:2]
    scaled = (max(round(width * size / height), 1), size)
    pictures = [
        np.asarray(Image.fromarray(frames[p]).resize(scaled, Image.Resampling.LANCZOS)) for p in places
    ]
    return pictures, [f"{place / FPS:.2f} s" for place in places]


def save(picture: np.ndarray, output: Path) -> None:
    """Write a picture (H, W, 3) uint8 as PNG or PDF, by the suffix."""
    with atomic_path(output) as temporary:
        Image.fromarray(picture).save(temporary)


def named_paths(values: list[str], option: str) -> dict[str, Path]:
    """`NAME=PATH` arguments as a dict; a bare path is named by its stem. UserError for a path that is not
    there."""
    named = {}
    for value in values:
        name, _, place = value.rpartition("=")
        path = Path(place)
        if not path.exists():
            raise UserError(f"{option}: no such file or folder: {path}")
        named[name or path.stem] = path
    return named


def compare(methods: dict[str, Path], clips: list[str], columns: int, size: int) -> np.ndarray:
    """The grid of the supplement's Fig. 3: for each clip a row per method, columns sampled times (H, W, 3)
    uint8.

    A method's folder holds CLIP.mp4. UserError for a clip that a method lacks.
    """
    rows: dict[str, Sequence[np.ndarray]] = {}
    times: list[str] = []
    for clip in clips:
        for name, folder in methods.items():
            path = folder / f"{clip}.mp4"
            if not path.is_file():
                raise UserError(f"{name} has no video of {clip}: {path} is missing")
            rows[f"{clip} {name}" if len(clips) > 1 else name], times = sampled(path, columns, size)
    return contact_sheet(rows, times if len(clips) == 1 else ())


def build_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(prog="lit-emotalk figures", description="Figures.")
    commands = parser.add_subparsers(dest="command", required=True)
    sheet = commands.add_parser("contact-sheet", help="a row per video, columns sampled times")
    sheet.add_argument("--videos", nargs="+", required=True, metavar="[LABEL=]FILE")
    grid = commands.add_parser("compare", help="for chosen clips a row per method, columns sampled times")
    grid.add_argument(
        "--methods", nargs="+", required=True, metavar="[NAME=]FOLDER", help="folders with CLIP.mp4"
    )
    grid.add_argument("--clips", nargs="+", required=True, metavar="CLIP")
    for command in (sheet, grid):
        command.add_argument("--columns", type=int, default=8, help="frames a row")
        command.add_argument("--size", type=int, default=160, help="height of a frame in pixels")
        command.add_argument("--output", type=Path, required=True, help=".png or .pdf")
    attention_figure.add_parser(commands)
    return parser


def main(argv: list[str]) -> None:
    """Run the command; raises UserError for wrong input."""
    args = build_parser().parse_args(argv)
    if args.output.suffix.lower() not in FORMATS:
        raise UserError(f"{args.output} must end in {' or '.join(FORMATS)}")
    if args.command == "attention":
        sounds = named_paths(args.audio, "--audio")
        write(attention_figure.attention_picture(args.models, sounds), args.output)
        return
    if min(args.columns, args.size) < 1:
        raise UserError("--columns and --size must be at least 1")
    if args.command == "contact-sheet":
        videos = named_paths(args.videos, "--videos")
        picture = contact_sheet(
            {name: sampled(path, args.columns, args.size)[0] for name, path in videos.items()}
        )
    else:
        picture = compare(named_paths(args.methods, "--methods"), args.clips, args.columns, args.size)
    write(picture, args.output)


def write(picture: np.ndarray, output: Path) -> None:
    """Save a picture and say so."""
    save(picture, output)
    print(f"wrote {output}: {picture.shape[1]}x{picture.shape[0]} pixels")
