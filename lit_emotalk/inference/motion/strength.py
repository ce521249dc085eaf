"""How far a face goes from its rest: more than life, as animators do, or less."""

import numpy as np

MOST_STRENGTH = 3.0
"""Beyond it a face of half its range would be at its bounds, whatever it does (our choice)."""


def strengthened(expression: np.ndarray, strength: float) -> np.ndarray:
    """Expression weights (T, 51) in [0, 1], times `strength`: at 1 as they are, at 0 the resting face.

    What would leave the range stays at its bound. Head and natural blinks are not touched: they come later.
    """
    return (strength * expression).clip(0, 1).astype(np.float32) if strength != 1 else expression
