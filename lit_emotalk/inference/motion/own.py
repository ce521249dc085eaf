"""Where a portrait is far from rest, its face starts from the expression that the picture shows.

Brought to rest first, such a face is drawn from what its picture does not have: eyes behind narrowed lids,
skin without its folds. On four such pictures (a frown, and three of MEAD's strongest) under seven emotions
the eyes were pulled open to 1.7 times what the picture shows, at worst 3.5 times; from their own expression
to 1.2, at worst 1.8 times. A smile differs from rest as before, brows a tenth less (our choice).
"""

from functools import cache

import numpy as np

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.face.basis import LinearFace

KEPT = ARKIT.columns(
    "brow", "cheekSquint", "eyeSquint", "noseSneer", "jawLeft", "jawRight", "mouthLeft", "mouthRight"
)
"""What speech does not move: the picture's own stays, and an emotion goes on from there."""
LIDS = ARKIT.columns("eyeBlink")
WIDE, SQUINT = ARKIT.columns("eyeWide"), ARKIT.columns("eyeSquint")
GAZE = ARKIT.columns("eyeLook")
REST, FAR = 0.02, 0.035
"""How far the points of a face are from where they rest (root mean square, in inter-ocular distances):
pictures up to the first are drawn as from rest, from the second on wholly from their own expression."""


def from_own(expression: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Expression weights (T, 51) in [0, 1], begun at those that a portrait's picture shows, `own` (51,), as
    far as it is from rest.

    A unit that the picture shows at s and that is asked for at e becomes s + (1 - s) e. Lids open no further
    than in the picture, and widen the less the more they are narrowed in it. Lips and jaw follow the speech.
    """
    share = farness(own)
    if share == 0:
        return expression
    begun = expression.copy()
    begun[:, KEPT] = own[KEPT] + (1 - own[KEPT]) * expression[:, KEPT]
    begun[:, LIDS] = np.maximum(expression[:, LIDS], own[LIDS])
    begun[:, WIDE] = (1 - own[SQUINT]) * expression[:, WIDE]
    return (share * begun + (1 - share) * expression).astype(np.float32)


def farness(own: np.ndarray) -> float:
    """How far an expression (51,) is from rest, gaze left out: 0 up to `REST`, 1 from `FAR` on."""
    weights = own.copy()
    weights[GAZE] = 0
    moved = (weights @ _basis()).reshape(-1, 3)
    distance = float(np.sqrt((moved**2).sum(1).mean()))
    return float(np.clip((distance - REST) / (FAR - REST), 0, 1))


@cache
def _basis() -> np.ndarray:
    return LinearFace.load().basis.flatten(1).numpy()
