"""Figures: labelled grids of frames, and `lit-emotalk figures
{contact-sheet,compare,ablation,attention,curves,eac-attention}`."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.figures import attention as attention_figure
from lit_emotalk.evaluate.figures import curves as eac_figures
from lit_emotalk.evaluate.figures.rows import (
    CONDITION_NAMES,
    Rows,
    Sampling,
    file_row,
    find_clips,
    folder_row,
    model_rows,
)
from lit_emotalk.io.files import atomic_path
from lit_emotalk.schema import SPLITS
from lit_emotalk.weights.starter import HELP, models_folder

if TYPE_CHECKING:
    from lit_emotalk.evaluate.settings import Condition

FORMATS = (".png", ".pdf")
MARGIN = 4
TEXT_SHARE = 0.11
SMALLEST_TEXT = 12
TITLE_TEXT = 16


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


def save(picture: np.ndarray, output: Path) -> None:
    """Write a picture (H, W, 3) uint8 as PNG or PDF, by the suffix."""
    with atomic_path(output) as temporary:
        Image.fromarray(picture).save(temporary)


def named_paths(values: list[str], option: str) -> dict[str, Path]:
    """`NAME=PATH` arguments as a dict; a bare path is named by its stem. UserError for a path that is not
    there, and for two of one name."""
    named: dict[str, Path] = {}
    for value in values:
        name, _, place = value.rpartition("=")
        path = Path(place)
        if not path.exists():
            raise UserError(f"{option}: no such file or folder: {path}")
        key = name or path.stem
        if key in named:
            raise UserError(f"{option}: {named[key]} and {path} are both called {key}; give NAME=PATH")
        named[key] = path
    return named


def named_models(values: list[str]) -> dict[str, Path]:
    """As `named_paths`, of folders of exports: `starter` is the one that ships with this package."""
    named = {}
    for value in values:
        name, _, place = value.rpartition("=")
        named[name or Path(place).stem] = models_folder(place)
    return named


def compare(methods: dict[str, Path], clips: list[str], sampling: Sampling) -> np.ndarray:
    """The grid of the supplement's Fig. 3: for each clip a row per method, columns sampled times (H, W, 3)
    uint8.

    A method's folder holds CLIP.mp4. UserError for a clip that a method lacks.
    """
    blocks: list[tuple[Rows, list[str]]] = []
    for clip in clips:
        rows, times = dict[str, Sequence[np.ndarray]](), list[str]()
        for name, folder in methods.items():
            rows[name], times = folder_row(name, folder, clip, sampling)
        blocks.append((rows, times))
    return stacked(dict(zip(clips, blocks, strict=True)))


def compare_models(
    shards: Path,
    split: str,
    clips: list[str],
    made: "dict[str, tuple[Path, Condition]]",
    folders: dict[str, Path],
    sampling: Sampling,
    device: str = "cpu",
) -> np.ndarray:
    """As `compare`, on clips of shards: the truth, the methods in `folders` (CLIP.mp4 by key), and the videos
    that our models make, name -> (models, condition). Without `clips` a few are chosen."""
    found = find_clips(shards, split, clips)
    blocks = model_rows(found, made, sampling, device)
    for clip, (rows, _) in zip(found, blocks, strict=True):
        theirs = {name: folder_row(name, place, clip.key, sampling)[0] for name, place in folders.items()}
        ours = {name: rows.pop(name) for name in made}
        rows |= theirs | ours
    return stacked({clip.key: block for clip, block in zip(found, blocks, strict=True)})


def stacked(blocks: dict[str, tuple[Rows, list[str]]]) -> np.ndarray:
    """One picture of several clips, clip -> (rows, times), below each other; with their names where there
    are several."""
    sheets = [contact_sheet(rows, times) for rows, times in blocks.values()]
    if len(sheets) > 1:
        sheets = [titled(sheet, clip) for clip, sheet in zip(blocks, sheets, strict=True)]
    width = max(sheet.shape[1] for sheet in sheets)
    padded = [
        np.pad(sheet, ((0, 0), (0, width - sheet.shape[1]), (0, 0)), constant_values=255) for sheet in sheets
    ]
    return np.concatenate(padded)


def titled(sheet: np.ndarray, title: str) -> np.ndarray:
    """A picture (H, W, 3) uint8 with a line of text above it."""
    font = ImageFont.load_default(TITLE_TEXT)
    line = Image.new("RGB", (sheet.shape[1], TITLE_TEXT + 2 * MARGIN), "white")
    ImageDraw.Draw(line).text((MARGIN, MARGIN), title, "black", font)
    return np.concatenate([np.asarray(line), sheet])


def build_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(prog="lit-emotalk figures", description="Figures.")
    commands = parser.add_subparsers(dest="command", required=True)
    sheet = commands.add_parser("contact-sheet", help="a row per video, columns sampled times")
    sheet.add_argument("--videos", nargs="+", required=True, metavar="[LABEL=]FILE")
    grid = commands.add_parser("compare", help="for chosen clips a row per method, columns sampled times")
    grid.add_argument(
        "--methods", nargs="+", default=[], metavar="[NAME=]FOLDER", help="folders with CLIP.mp4"
    )
    grid.add_argument(
        "--models",
        type=Path,
        help=f"our exports; needs --shards and adds the true clip; without --methods: {HELP}",
    )
    grid.add_argument("--condition", nargs="+", default=["text"], choices=tuple(CONDITION_NAMES))
    ablation = commands.add_parser("ablation", help="as compare, a row for each variant of our models")
    ablation.add_argument(
        "--models",
        nargs="+",
        required=True,
        metavar="NAME=FOLDER",
        help="each variant's exports, or NAME=starter",
    )
    ablation.add_argument("--condition", default="text", choices=tuple(CONDITION_NAMES))
    for command in (grid, ablation):
        command.add_argument("--clips", nargs="+", default=[], metavar="CLIP", help="default: a few clips")
        command.add_argument("--shards", type=Path, required=command is ablation, help="where the clips are")
        command.add_argument("--split", choices=SPLITS, default="test")
        command.add_argument("--device", default="cpu", help="where our models run: cpu or cuda")
    for command in (sheet, grid, ablation):
        command.add_argument("--columns", type=int, default=8, help="frames a row")
        command.add_argument("--size", type=int, default=160, help="height of a frame in pixels")
        command.add_argument("--output", type=Path, nargs="+", required=True, help=".png or .pdf, or both")
    attention_figure.add_parser(commands)
    eac_figures.add_parsers(commands)
    return parser


def draw(args: argparse.Namespace) -> np.ndarray:
    """The picture that the arguments ask for; UserError for arguments that do not go together."""
    sampling = Sampling(args.columns, args.size)
    if args.command == "contact-sheet":
        videos = named_paths(args.videos, "--videos")
        return contact_sheet({name: file_row(path, sampling)[0] for name, path in videos.items()})
    if args.command == "ablation":
        variants = named_models(args.models)
        made = {name: (folder, args.condition) for name, folder in variants.items()}
        return compare_models(args.shards, args.split, args.clips, made, {}, sampling, args.device)
    folders = named_paths(args.methods, "--methods")
    if args.shards is not None:
        made = {}
        if args.models is not None or not folders:
            models = models_folder(args.models)
            made = {CONDITION_NAMES[condition]: (models, condition) for condition in args.condition}
        return compare_models(args.shards, args.split, args.clips, made, folders, sampling, args.device)
    if args.models is not None or not folders or not args.clips:
        raise UserError("give --methods and --clips, or --shards with --models, --methods or both")
    return compare(folders, args.clips, sampling)


def main(argv: list[str]) -> None:
    """Run the command; raises UserError for wrong input."""
    args = build_parser().parse_args(argv)
    for output in args.output:
        if output.suffix.lower() not in FORMATS:
            raise UserError(f"{output} must end in {' or '.join(FORMATS)}")
    if args.command == "attention":
        picture = attention_figure.attention_picture(
            args.models, named_paths(args.audio, "--audio"), args.device
        )
    elif args.command in eac_figures.COMMANDS:
        picture = eac_figures.picture(args)
    else:
        if min(args.columns, args.size) < 1:
            raise UserError("--columns and --size must be at least 1")
        picture = draw(args)
    for output in args.output:
        save(picture, output)
        print(f"wrote {output}: {picture.shape[1]}x{picture.shape[0]} pixels")
