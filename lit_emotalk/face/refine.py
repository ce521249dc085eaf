"""Readings brought onto the landmarks they were read from: a ridge regression with bounds, towards the reading."""

import numpy as np

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.face.basis import LinearFace
from lit_emotalk.face.regions import LANDMARKS, LIPS

TRUST = 0.5
"""How much a unit's reading counts beside its landmarks, as squared inter-ocular distances: the less, the more
is left to the landmarks, which cannot tell every unit from its neighbours (our choice, by the units' truth on
the embedded corpus' test speakers)."""
LIPS_COUNT, DEPTH_COUNTS = 3.0, 0.3
"""What a point of the lips and depth, which one picture hardly shows, count beside any other point and axis."""
SWEEPS = 10


class Refinement:
    """Weights near a reading by which the linear `face` moves as the landmarks did.

    Minimises |moved - weights @ basis|^2 + TRUST |weights - reading|^2 over weights in [0, 1] by coordinate
    descent, points and axes weighted as above.
    """

    def __init__(self, face: LinearFace) -> None:
        counts = np.ones((LANDMARKS, 3))
        counts[list(LIPS)] = LIPS_COUNT
        counts[:, 2] *= DEPTH_COUNTS**2
        shapes = face.basis.double().numpy()
        self._seen = (shapes * counts).reshape(len(shapes), -1)
        self._gram = self._seen @ shapes.reshape(len(shapes), -1).T + TRUST * np.eye(len(shapes))

    def __call__(self, moved: np.ndarray, reading: np.ndarray) -> np.ndarray:
        """Movement from rest (T, 478, 3) in inter-ocular distances and its reading (T, 51) -> weights (T, 51)
        float32 in [0, 1]."""
        wanted = moved.reshape(len(moved), -1) @ self._seen.T + TRUST * reading
        weights = reading.clip(ARKIT.low, ARKIT.high).astype(np.float64)
        for _ in range(SWEEPS):
            for unit, row in enumerate(self._gram):
                step = (wanted[:, unit] - weights @ row) / row[unit]
                weights[:, unit] = (weights[:, unit] + step).clip(ARKIT.low, ARKIT.high)
        return weights.astype(np.float32)
