"""Readings brought onto the landmarks they were read from: a bounded ridge regression towards the reading."""

import numpy as np

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.face.basis import LinearFace
from lit_emotalk.face.regions import (
    LANDMARKS,
    LEFT_BROW,
    LEFT_EYE,
    LIPS,
    MOUTH_OPENING,
    RIGHT_BROW,
    RIGHT_EYE,
)

TRUST = 0.5
"""How much a unit's reading counts beside the landmarks, of which a sum of squared inter-ocular distances
counts as one. The less, the more is left to the landmarks, which cannot tell every unit from its neighbours
(our choice, as are the numbers below: by the units' truth and the lips' motion on the embedded corpus, and by
the opening of real mouths)."""
COUNTS: dict[tuple[int, ...], float] = {LIPS: 3.0, LEFT_BROW + RIGHT_BROW: 6.0, LEFT_EYE + RIGHT_EYE: 3.0}
"""What a point of these parts counts beside any other."""
DEPTH_COUNTS = 0.09
"""What depth, which one picture hardly shows, counts beside another axis."""
OPENING_COUNTS = 30.0
"""What the height of the gap between the inner lips counts: speech is in this one distance."""
SWEEPS = 50


class Refinement:
    """Weights near a reading by which the linear `face` moves as the landmarks did.

    Minimises sum(counts * (moved - weights @ basis)^2) + OPENING_COUNTS * (the same of the lips' gap)^2 +
    TRUST * |weights - reading|^2 over weights in [0, 1], by coordinate descent.
    """

    def __init__(self, face: LinearFace) -> None:
        shapes = face.basis.double().numpy()
        counted = shapes.copy()
        for part, count in COUNTS.items():
            counted[:, list(part)] *= count
        counted[..., 2] *= DEPTH_COUNTS
        upper, lower = MOUTH_OPENING
        gap = OPENING_COUNTS * (shapes[:, lower, 1] - shapes[:, upper, 1])
        counted[:, lower, 1] += gap
        counted[:, upper, 1] -= gap
        self._counted = counted.reshape(len(shapes), LANDMARKS * 3)
        self._gram = self._counted @ shapes.reshape(len(shapes), -1).T + TRUST * np.eye(len(shapes))

    def __call__(self, moved: np.ndarray, reading: np.ndarray) -> np.ndarray:
        """Movement from rest (T, 478, 3) in inter-ocular distances and its reading (T, 51) -> weights (T, 51)
        float32 in [0, 1]."""
        wanted = moved.reshape(len(moved), -1) @ self._counted.T + TRUST * reading
        weights = reading.clip(ARKIT.low, ARKIT.high).astype(np.float64)
        for _ in range(SWEEPS):
            for unit, row in enumerate(self._gram):
                step = (wanted[:, unit] - weights @ row) / row[unit]
                weights[:, unit] = (weights[:, unit] + step).clip(ARKIT.low, ARKIT.high)
        return weights.astype(np.float32)
