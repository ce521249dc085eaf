"""Small clips of rendered heads, from which the tests build corpora."""

import numpy as np

from data_prep.synthetic.heads.head import UNIT
from data_prep.synthetic.scenes.render import Renderer

FRAMES = 20
SIZE = 192


def hum(frames: int) -> np.ndarray:
    """A voice that swells, (frames * 640,)."""
    time = np.arange(frames * 640) / 16000
    return (0.2 * np.sin(2 * np.pi * 150 * time) * (1 + np.sin(2 * np.pi * 3 * time))).astype(np.float32)


def units(**values: float) -> np.ndarray:
    """Weights (51,) by the units' names; without Left or Right both sides have the value."""
    weights = np.zeros(len(UNIT), np.float32)
    for name, value in values.items():
        for side in ("", "Left", "Right"):
            if name + side in UNIT:
                weights[UNIT[name + side]] = value
    return weights


def render_clip(renderer: Renderer, count: int, **values: float) -> list[np.ndarray]:
    """Frames of a head that opens and closes its mouth with constant units of `values` and a slow turn."""
    frames = []
    for index in range(count):
        weights = units(**{"jawOpen": 0.3 + 0.3 * np.sin(index * 0.8), **values})
        turn = np.array([0.05, 0.15 * np.sin(index * 0.2), 0.0], np.float32)
        frames.append(renderer.frame(weights, turn, np.zeros(2, np.float32)))
    return frames
