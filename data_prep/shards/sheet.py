"""A contact sheet of prepared clips: frames, landmarks and the strongest units, for a person to look at."""

import io
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from data_prep.shards.verify_sample import Sample, read_record, read_samples
from lit_emotalk.coefficients import get_layout
from lit_emotalk.data.manifest import read_manifest
from lit_emotalk.errors import UserError
from lit_emotalk.face.regions import (
    FACE_OVAL,
    LEFT_BROW,
    LEFT_EYE,
    LIPS_INNER,
    LIPS_OUTER,
    RIGHT_BROW,
    RIGHT_EYE,
)
from lit_emotalk.io.files import atomic_path

COLUMNS = 8
MAX_ROWS = 16
TILE = 192
CAPTION = 44
STRONGEST = 5
COLOURS = {
    FACE_OVAL: (90, 200, 255), LIPS_OUTER: (255, 90, 90), LIPS_INNER: (255, 200, 90),
    RIGHT_EYE: (120, 255, 120), LEFT_EYE: (120, 255, 120),
    RIGHT_BROW: (255, 120, 255), LEFT_BROW: (255, 120, 255),
}  # fmt: skip


def draw_sheet(directory: Path, path: Path) -> None:
    """Write a png: a row per clip, clips spread over the shards, frames over time, with landmarks; the key
    frame is framed; the caption names the units that are strongest there.

    Raises UserError where the directory has no frames shards.
    """
    manifest = read_manifest(directory)
    shards = [shard for shard in manifest.shards if shard.kind == "frames"]
    if not shards:
        raise UserError(f"{directory} has no frames shards to draw")
    per_shard = -(-MAX_ROWS // len(shards))
    rows = []
    for shard in shards[:: max(1, len(shards) // MAX_ROWS)]:
        rows += [draw_row(sample) for _, sample in islice(read_samples(shard.path), per_shard)]
    with atomic_path(path) as temporary:
        Image.fromarray(np.concatenate(rows[:MAX_ROWS])).save(temporary)


def draw_row(sample: Sample) -> np.ndarray:
    """One clip of a frames shard as a row of the sheet, uint8 (TILE + CAPTION, COLUMNS * TILE, 3)."""
    record = read_record(sample)
    assert record is not None
    layout = get_layout(record["layout"])
    landmarks = np.load(io.BytesIO(sample["landmarks.npy"])).astype(np.float32)
    coeffs = np.load(io.BytesIO(sample["coeffs.npy"]))
    row = Image.new("RGB", (COLUMNS * TILE, TILE + CAPTION))
    draw = ImageDraw.Draw(row)
    indices = np.linspace(0, record["frames"] - 1, COLUMNS).round().astype(int)
    indices[np.abs(indices - record["key_frame"]).argmin()] = record["key_frame"]
    for column, index in enumerate(indices):
        with Image.open(io.BytesIO(sample[f"{index:04d}.jpg"])) as picture:
            row.paste(picture.resize((TILE, TILE)), (column * TILE, 0))
        for points, colour in COLOURS.items():
            for x, y, _ in landmarks[index, list(points)] * TILE:
                place = (column * TILE + x, y)
                draw.ellipse((place[0] - 1, place[1] - 1, place[0] + 1, place[1] + 1), fill=colour)
        if index == record["key_frame"]:
            draw.rectangle(
                (column * TILE, 0, (column + 1) * TILE - 1, TILE - 1), outline=(255, 255, 255), width=2
            )
    key_row = coeffs[record["key_frame"], layout.expression]
    strongest = np.argsort(-key_row)[:STRONGEST]
    scores = "  ".join(f"{layout.names[unit]} {key_row[unit]:.2f}" for unit in strongest)
    draw.text((6, TILE + 4), f"{record['key']}   {record['frames']} frames", fill=(255, 255, 255))
    draw.text((6, TILE + 22), f"key frame {record['key_frame']}: {scores}", fill=(180, 220, 255))
    return np.asarray(row)
