"""A drawn face that talks: landmarks and sound whose measures are known."""

import numpy as np

from lit_emotalk.face.basis import LinearFace
from lit_emotalk.schema import FPS, SAMPLE_RATE

SIZE = 200
SAMPLES = SAMPLE_RATE // FPS


def landmarks(frames: int, seed: int = 0) -> np.ndarray:
    """(T, 478, 3) pixels of a face in frames of 200 pixels that talks, frowns, turns and shakes a little."""
    dice = np.random.default_rng(seed)
    points = np.tile(LinearFace.load().mean.double().numpy(), (frames, 1, 1))
    times = np.arange(frames) / FPS
    lower, brows = points[0, :, 1] > 0.4, points[0, :, 1] < -0.2
    points[:, lower, 1] += 0.05 * np.abs(np.sin(9 * times + seed))[:, None]
    points[:, brows, 1] -= 0.03 * np.sin(5 * times)[:, None]
    turn = 0.2 * np.sin(3 * times + 1)
    cosine, sine = np.cos(turn), np.sin(turn)
    x, z = points[..., 0].copy(), points[..., 2].copy()
    points[..., 0] = cosine[:, None] * x + sine[:, None] * z
    points[..., 2] = cosine[:, None] * z - sine[:, None] * x
    points += dice.normal(0, 0.002, points.shape)
    return 60 * points + [SIZE / 2, SIZE / 2, 0]


def speech(spoken: np.ndarray, seed: int = 0) -> np.ndarray:
    """Noise of changing loudness in the frames (T,) bool where somebody speaks, next to silence elsewhere."""
    dice = np.random.default_rng(seed)
    level = np.repeat(np.where(spoken, 0.05 + 0.2 * dice.random(len(spoken)), 1e-5), SAMPLES)
    return level * dice.uniform(-1, 1, len(level))
