"""Do the lips of the linear face meet when they must, and do they move with the sound? Our protocol."""

from dataclasses import dataclass

import numpy as np
import torch

from lit_emotalk.face.basis import LinearFace, mouth_opening, mouth_width
from lit_emotalk.metrics.speech import runs
from lit_emotalk.schema import MEL_PER_FRAME

CLOSED_GAP = 0.03
"""Lips are closed below this opening beyond that at rest, in widths of the mouth (the corpus check's)."""

STILL = 1e-4
"""A curve whose standard deviation is not above this does not move (lips: widths of the mouth)."""

REACH = 8
LAGS = np.arange(-REACH, REACH + 1)
"""Frames by which lips and sound are moved against each other; positive: the lips come after the sound."""


@dataclass(frozen=True)
class Closures:
    """How many spoken closures (m, b, p) there were and in how many the lips met."""

    met: int
    spoken: int

    def __add__(self, other: "Closures") -> "Closures":
        return Closures(self.met + other.met, self.spoken + other.spoken)

    @property
    def rate(self) -> float:
        """Share in [0, 1]; NaN without closures."""
        return self.met / self.spoken if self.spoken else float("nan")


def lip_gap(face: LinearFace, expression: np.ndarray) -> np.ndarray:
    """Opening between the middles of the inner lips beyond that at rest, in widths of the mouth: (T, 51) ->
    (T,)."""
    points = face.landmarks(torch.from_numpy(np.ascontiguousarray(expression, np.float32)))
    return ((mouth_opening(points) - mouth_opening(face.mean)) / mouth_width(points)).numpy()


def closures(gap: np.ndarray, closed: np.ndarray) -> Closures:
    """Closures in which the lips met: gap (T,); closed (T,) bool, one closure for each unbroken run."""
    spans = runs(closed)
    return Closures(sum(bool(gap[first:end].min() < CLOSED_GAP) for first, end in spans), len(spans))


def lag_curve(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Correlation of `first` (T,) at t with `second` (T,) at t + lag for each of LAGS; NaN where one is still
    or shorter than the lag."""
    found = []
    for lag in LAGS.tolist():
        a, b = first[max(-lag, 0) : len(first) - max(lag, 0)], second[max(lag, 0) : len(second) + min(lag, 0)]
        moves = len(a) > 1 and min(a.std(), b.std()) > STILL
        found.append(((a - a.mean()) * (b - b.mean())).mean() / (a.std() * b.std()) if moves else np.nan)
    return np.array(found)


def loudness(mel: np.ndarray) -> np.ndarray:
    """Mean magnitude of each frame's log-mel: (4T, 80) -> (T,)."""
    return np.exp(mel.astype(np.float64)).reshape(-1, MEL_PER_FRAME, mel.shape[1]).mean((1, 2))
