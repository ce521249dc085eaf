"""The order of training data: a pure function of the seed and of a position that only counts up.

Position p of the endless training sequence always holds the same clip and the same random choices, however
many ranks and workers there are. Batch b of epoch e on rank r of R takes the positions

    ((e * steps_per_epoch + b) * R + r) * batch_size + i,    i = 0 .. batch_size - 1,

so that the ranks' batches are disjoint, two ranks with half the batch see together what one rank sees with
the whole, and a run resumed at an epoch's start needs no state.
"""

import os
from collections.abc import Hashable, Sequence
from functools import lru_cache

import numpy as np

_GROUP_ORDER, _CLIP_ORDER, _CHOICES = range(3)


@lru_cache(maxsize=1024)
def _permutation(size: int, *words: int) -> np.ndarray:
    return np.random.default_rng(words).permutation(size)


def global_seed() -> int:
    """The run's seed, set by `seed_everything` in the YAML (0 where none was set)."""
    return int(os.environ.get("PL_GLOBAL_SEED", "0"))


class Order:
    """Endless shuffled sequence of clips.

    `groups` gives each clip's group. Groups take turns in random order, each as often as the others; within a
    group every clip comes once before any comes again. With one group for all this is a plain reshuffled pass
    over the clips.
    """

    def __init__(self, groups: Sequence[Hashable], seed: int) -> None:
        names = sorted(set(groups), key=str)
        self.members = [[i for i, group in enumerate(groups) if group == name] for name in names]
        self.seed = seed

    def clip(self, position: int) -> int:
        """Index of the clip at `position` >= 0."""
        turn, place = divmod(position, len(self.members))
        group = int(_permutation(len(self.members), self.seed, _GROUP_ORDER, turn)[place])
        members = self.members[group]
        passes, step = divmod(turn, len(members))
        return members[int(_permutation(len(members), self.seed, _CLIP_ORDER, group, passes)[step])]

    def generator(self, position: int) -> np.random.Generator:
        """The random choices made for the sample at `position` (windows, pairs, augmentation)."""
        return np.random.default_rng((self.seed, _CHOICES, position))
