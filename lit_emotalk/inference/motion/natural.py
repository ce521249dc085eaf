"""Head motion and blinks that speech does not determine, drawn from a seed (our choice)."""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from lit_emotalk.coefficients import ARKIT, POSE_SIZE
from lit_emotalk.schema import FPS

BLINK_SHAPE = np.array([0.25, 0.8, 1.0, 0.75, 0.4, 0.15], np.float32)
"""Lid closure over the frames of one blink: it closes faster than it opens."""

BLINK_GAP_SECONDS = (1.8, 4.5)
SWAY_FRAMES = 0.4 * FPS
"""Standard deviation of the Gaussian in time that makes the sway slow, in frames."""

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
    slow = gaussian_filter1d(noise, sigma=SWAY_FRAMES, axis=0)[padding : padding + frames]
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


class LiveMotion:
    """The motion of `add_natural_motion` for coefficients that come piece by piece, drawn from `seed`.

    Memory does not grow; how the pieces are cut changes nothing.
    """

    def __init__(self, seed: int) -> None:
        self._blinking, self._swaying = (np.random.default_rng((seed, part)) for part in range(2))
        reach = round(4 * SWAY_FRAMES)
        kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SWAY_FRAMES) ** 2)
        self._kernel = kernel / np.sqrt((kernel**2).sum())
        self._noise = self._swaying.standard_normal((len(kernel), 3))
        self._start = self._kernel @ self._noise
        self._frame = 0
        self._blink = int(self._blinking.uniform(0.4, BLINK_GAP_SECONDS[1]) * FPS)

    def __call__(self, coefficients: np.ndarray) -> np.ndarray:
        """The next coefficients (n, 57) in the `arkit` layout with blinks and head sway added."""
        moved = coefficients.copy()
        eyes = ARKIT.columns("eyeBlink")
        for row in moved:
            row[eyes] = np.maximum(row[eyes], self._closure())
            row[ARKIT.pose][:3] += self._turn()
            self._frame += 1
        return moved

    def _closure(self) -> float:
        place = self._frame - self._blink
        if place < 0:
            return 0.0
        if place == len(BLINK_SHAPE) - 1:
            self._blink = self._frame + 1 + int(self._blinking.uniform(*BLINK_GAP_SECONDS) * FPS)
        return float(BLINK_SHAPE[place])

    def _turn(self) -> np.ndarray:
        slow = self._kernel @ self._noise
        self._noise = np.concatenate([self._noise[1:], self._swaying.standard_normal((1, 3))])
        return min(self._frame / FPS, 1.0) * (slow - self._start) * np.deg2rad(SWAY_DEGREES)
