"""Who is seen: embeddings of faces by the identity network, where it is here, and whether two are one."""

from functools import lru_cache

import numpy as np

from lit_emotalk.errors import UserError
from lit_emotalk.models.identity import DlibIdentity

OTHER_PERSON = 0.6
"""Embeddings farther apart are of two people, says dlib of its network; nearer ones may be of one."""
SURELY_OTHER = 0.7
"""Farther apart than any neighbouring pictures of one person that we measured: 0.42 over the emotions of
MEAD's M030, 0.66 over talks of LRS3, one turned to the side; of two people 0.55 and more,
0.8 in the median."""


@lru_cache(maxsize=1)
def identity_network() -> DlibIdentity | None:
    """dlib's network, once per process; None where the package or its weights are not here."""
    try:
        return DlibIdentity()
    except UserError:
        return None


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """Euclidean distance of two embeddings (128,)."""
    return float(np.linalg.norm(one - other))


def widest_step(embeddings: np.ndarray) -> tuple[float, int, int]:
    """The longest edge of the shortest tree that joins embeddings (N, 128), N >= 2, and the two it joins.

    One person's pictures are joined by short steps, however different the outermost are.
    """
    distances = np.linalg.norm(embeddings[:, None] - embeddings[None], axis=-1)
    nearest, joined_by = distances[0].copy(), np.zeros(len(embeddings), int)
    outside = set(range(1, len(embeddings)))
    widest = (0.0, 0, 0)
    while outside:
        new = min(outside, key=lambda index: nearest[index])
        widest = max(widest, (float(nearest[new]), int(joined_by[new]), new))
        outside.remove(new)
        closer = distances[new] < nearest
        nearest[closer], joined_by[closer] = distances[new][closer], new
    return widest
