"""Contact sheet of faces: `python -m data_prep.synthetic.faces_sheet --shards DIR --output PNG`.

A row is a person: their first resting frame, then the key frame of every burst with what it shows.
"""

import argparse
import io
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from lit_emotalk.data.index import Clip, index_split
from lit_emotalk.data.manifest import read_manifest
from lit_emotalk.errors import UserError, run_main
from lit_emotalk.io.files import atomic_path
from lit_emotalk.schema import SPLITS

CAPTION = 16


def draw_faces_sheet(shards: Path, people: int, cell: int) -> Image.Image:
    """The sheet of `people` people, spread over all of a shard directory, in cells of `cell` pixels.

    Raises UserError where there are no shards of frames.
    """
    manifest = read_manifest(shards)
    bursts: dict[str, list[Clip]] = defaultdict(list)
    for split in SPLITS:
        for clip in index_split(manifest, "frames", split):
            bursts[clip.record["speaker"]].append(clip)
    if not bursts:
        raise UserError(f"{shards} has no frames shards; make them with python -m data_prep.synthetic.faces")
    names = sorted(bursts)
    rows = min(people, len(names))
    chosen = [names[row * len(names) // rows] for row in range(rows)]
    columns = 1 + max(len(bursts[name]) for name in chosen)
    sheet = Image.new("RGB", (cell * columns, (cell + CAPTION) * rows), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for row, name in enumerate(chosen):
        clips = sorted(bursts[name], key=lambda clip: clip.key.rpartition("_")[2])
        shown = [(clips[0], 0, name)] + [
            (c, c.record["key_frame"], f"{c.record['emotion'] or 'units'} {c.record['level'] or ''}")
            for c in clips
        ]
        for column, (clip, frame, caption) in enumerate(shown):
            with Image.open(io.BytesIO(clip.read(f"{frame:04d}.jpg"))) as picture:
                small = picture.resize((cell, cell), Image.Resampling.LANCZOS)
            place = (column * cell, row * (cell + CAPTION))
            sheet.paste(small, place)
            pen.text((place[0] + 3, place[1] + cell), caption, "black", font)
    return sheet


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw a contact sheet of faces."""
    parser = argparse.ArgumentParser(
        "python -m data_prep.synthetic.faces_sheet", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--shards", type=Path, required=True, help="folder of the shards")
    parser.add_argument("--output", type=Path, required=True, help="picture to write, png or jpg")
    parser.add_argument("--people", type=int, default=12, help="rows (default: 12)")
    parser.add_argument("--cell", type=int, default=128, help="pixels of a cell's side (default: 128)")
    options = parser.parse_args(arguments)
    if options.people < 1 or not 16 <= options.cell <= 512:
        raise UserError("--people must be at least 1 and --cell 16 to 512")
    sheet = draw_faces_sheet(options.shards, options.people, options.cell)
    with atomic_path(options.output) as temporary:
        sheet.save(temporary)


if __name__ == "__main__":
    run_main(main, "data_prep.synthetic.faces_sheet")
