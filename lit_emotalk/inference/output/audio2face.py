"""Coefficients as the JSON that NVIDIA's Audio2Face exports: names of ARKit's 52 blend shapes and a matrix of
weights, a row a frame."""

import json
from pathlib import Path

import numpy as np

from lit_emotalk.inference.output.live_link import SHAPES, shapes
from lit_emotalk.io.files import write_text
from lit_emotalk.schema import FPS

DIGITS = 6


def write_audio2face(path: Path | str, coefficients: np.ndarray) -> None:
    """Write coefficients (T, 57) at 25 fps; head pose has no place in this format."""
    weights = shapes(coefficients).astype(np.float64).round(DIGITS)
    content = {
        "exportFps": float(FPS),
        "trackPath": "",
        "numPoses": len(SHAPES),
        "numFrames": len(weights),
        "facsNames": [name[0].lower() + name[1:] for name in SHAPES],
        "weightMat": weights.tolist(),
    }
    write_text(path, json.dumps(content))
