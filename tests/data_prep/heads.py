"""Small clips of rendered heads, from which the tests build corpora."""

import numpy as np

from data_prep.synthetic.scenes.render import Renderer
from lit_emotalk.coefficients import ARKIT

FRAMES = 20
SIZE = 192


def hum(frames: int) -> np.ndarray:
    """A voice that swells, (frames * 640,)."""
    time = np.arange(frames * 640) / 16000
    return (0.2 * np.sin(2 * np.pi * 150 * time) * (1 + np.sin(2 * np.pi * 3 * time))).astype(np.float32)


def render_clip(renderer: Renderer, count: int, **units: float) -> list[np.ndarray]:
    """Frames of a head that opens and closes its mouth with constant weights of `units` and a slow turn."""
    frames = []
    for index in range(count):
        weights = np.zeros(ARKIT.expression_size, np.float32)
        weights[ARKIT.columns("jawOpen")] = 0.3 + 0.3 * np.sin(index * 0.8)
        for prefix, value in units.items():
            weights[ARKIT.columns(prefix)] = value
        turn = np.array([0.05, 0.15 * np.sin(index * 0.2), 0.0], np.float32)
        frames.append(renderer.frame(weights, turn, np.zeros(2, np.float32)))
    return frames
