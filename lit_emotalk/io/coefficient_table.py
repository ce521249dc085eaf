"""Coefficients as a CSV for other tools: written by `lit-emotalk animate --coefficients-out`, read back.

One row a frame, 25 a second; the columns, named in the first line:

- `time`: seconds from the start of the sound to the frame's start
- the 51 units of ARKit in [0, 1] by Apple's names (`browDownLeft` ... `noseSneerRight`; `tongueOut` is
  absent): blend shapes of the same names on any ARKit-compatible head. VRM avatars with perfect sync and
  Blender's shape keys use these names as they are; MetaHuman's ARKit pose asset and Live Link Face write
  them with a capital first letter.
- `rotX`, `rotY`, `rotZ`: the head's rotation vector in radians, image axes (x right, y down, z away)
- `transX`, `transY`: the head's place from the middle of the picture in half widths, right and down
- `logScale`: natural log of the head's size relative to that half width
"""

import csv
from pathlib import Path

import numpy as np

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.errors import UserError
from lit_emotalk.io.files import atomic_path
from lit_emotalk.schema import FPS

HEADER: tuple[str, ...] = ("time", *ARKIT.names, "rotX", "rotY", "rotZ", "transX", "transY", "logScale")


def write_coefficients(path: Path | str, coefficients: np.ndarray) -> None:
    """Write coefficients (T, 57)."""
    with atomic_path(path) as temporary, open(temporary, "w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(HEADER)
        for index, row in enumerate(coefficients):
            writer.writerow([f"{index / FPS:.2f}", *(f"{value:.5f}" for value in row)])


def read_coefficients(path: Path | str) -> np.ndarray:
    """Coefficients (T, 57) float32 of such a file; columns may come in any order, others are left out.

    Raises UserError where the file is missing, a column is not there, a value is no number, or it has no row.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"no such file of coefficients: {path}")
    try:
        with open(path, newline="", encoding="utf-8-sig") as handle:
            rows = list(csv.DictReader(handle))
        lacking = [name for name in HEADER if not rows or name not in rows[0]]
        if lacking:
            raise UserError(f"{path} lacks the column {lacking[0]}; see lit_emotalk/io/coefficient_table.py")
        values = np.array([[float(row[name]) for name in HEADER[1:]] for row in rows], np.float32)
    except (ValueError, TypeError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is not a table of coefficients ({error})") from error
    if not np.isfinite(values).all():
        raise UserError(f"{path} holds values that are not finite")
    return values
