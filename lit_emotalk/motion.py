"""Head motion and blinks that speech does not determine, drawn from a seed (our choice)."""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from lit_emotalk.coefficients import ARKIT, POSE_SIZE
from lit_emotalk.schema import FPS

BLINK_SHAPE = np.array([0.25, 0.8, 1.0, 0.75, 0.4, 0.15], np.float32)
"""Lid closure over the frames of one blink: it closes faster than it opens."""

BLINK_GAP_SECONDS = (1.8, 4.5)
SWAY_DEGREES = np.array([1.6, 2.2, 1.2])
"""Standard deviation of pitch, yaw and roll."""


def blinks(frames: int, rng: np.random.Generator) -> np.ndarray:
    """Lid closure in [0, 1] of `frames` frames: (frames,) float32, one blink every 1.8 to 4.5 s."""
    closure = np.zeros(frames + len(BLINK_SHAPE), np.float32)
    start = int(rng.uniform(0.4, BLINK_GAP_SECONDS[1]) * FPS)
    while start < frames:
        closure[start : start + len(BLINK_SHAPE)] = BLINK_SHAPE
        start += len(BLINK_SHAPE) + int(rng.uniform(*BLINK_GAP_SECONDS) * FPS)
    return closure[:frames]


def sway(frames: int, rng: np.random.Generator) -> np.ndarray:
    """Pose offsets of a head that is never quite still: (frames, 6) float32, zero at the first frame.

    Slow noise with the standard deviations of `SWAY_DEGREES` in rotation; translation and scale stay.
    """
    padding = 2 * FPS
    noise = rng.standard_normal((frames + 2 * padding, 3))
    slow = gaussian_filter1d(noise, sigma=0.4 * FPS, axis=0)[padding : padding + frames]
    slow = slow / max(float(slow.std()), 1e-6)
    offsets = np.zeros((frames, POSE_SIZE), np.float32)
    fade_in = np.minimum(np.arange(frames) / FPS, 1.0)[:, None]
    offsets[:, :3] = fade_in * (slow - slow[:1]) * np.deg2rad(SWAY_DEGREES)
    return offsets


def add_natural_motion(coefficients: np.ndarray, seed: int) -> np.ndarray:
    """Coefficients (T, 57) in the `arkit` layout with blinks and head sway from `seed` added."""
    rng = np.random.default_rng(seed)
    moved = coefficients.copy()
    columns = ARKIT.columns("eyeBlink")
    moved[:, columns] = np.maximum(moved[:, columns], blinks(len(moved), rng)[:, None])
    moved[:, ARKIT.pose] += sway(len(moved), rng)
    return moved
