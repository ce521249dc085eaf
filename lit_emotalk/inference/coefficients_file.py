"""Coefficients as a table that other avatars read."""

import csv
from pathlib import Path

import numpy as np

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.files import atomic_path
from lit_emotalk.schema import FPS

POSE_NAMES = ("rotX", "rotY", "rotZ", "transX", "transY", "logScale")


def write_coefficients(path: Path | str, coefficients: np.ndarray) -> None:
    """Write coefficients (T, 57) as CSV: seconds, the 51 named weights, then the six pose numbers.

    Raises UserError where the place cannot be written.
    """
    with atomic_path(path) as temporary, open(temporary, "w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["time", *ARKIT.names, *POSE_NAMES])
        for index, row in enumerate(coefficients):
            writer.writerow([f"{index / FPS:.2f}", *(f"{value:.5f}" for value in row)])
