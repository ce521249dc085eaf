"""Every rater's order: methods balanced by Williams squares, clips at random, anchors and checks spread."""

import random
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from lit_emotalk.web.study.spec import GROUND_TRUTH, StudySpec

Kind = Literal["practice", "rated", "check"]
TRIALS = 200
"""At most so many orders are drawn for a rater, until no clip follows itself."""


@dataclass(frozen=True)
class PlannedItem:
    """What a rater sees at one place: `kind`, and of a rated item the method and clip, of a check the score
    asked for."""

    kind: Kind
    method: str = ""
    clip: str = ""
    expected: int = 0


def williams_square(size: int) -> list[list[int]]:
    """Rows of 0 .. size - 1: over all rows each number stands at each place equally often and follows each
    other number equally often. `size` rows where it is even, twice as many where it is odd.

    Source: Williams, "Experimental designs balanced for the estimation of residual effects of treatments",
    1949.
    """
    first = [0]
    for step in range(1, size):
        first.append((step + 1) // 2 if step % 2 else size - step // 2)
    rows = [[(number + shift) % size for number in first] for shift in range(size)]
    return rows if size % 2 == 0 else rows + [row[::-1] for row in rows]


def plan_raters(spec: StudySpec) -> list[list[PlannedItem]]:
    """The items of each rater in their order: practice, then blocks of one video of every method.

    Over raters each method has each place within a block, and each clip is shown, equally often up to one.
    Anchors and checks stand one in each equal stretch of the order. The same seed gives the same orders.
    """
    pool = list(spec.clips)
    random.Random(f"{spec.seed} clips").shuffle(pool)
    plans = []
    for rater in range(spec.raters):
        start = rater * spec.clips_per_rater
        clips = [pool[(start + i) % len(pool)] for i in range(spec.clips_per_rater)]
        source = random.Random(f"{spec.seed} rater {rater}")
        best = _order(spec, rater, clips, source)
        for _ in range(TRIALS):
            if repeats(best) == 0:
                break
            best = min(best, _order(spec, rater, clips, source), key=repeats)
        plans.append([PlannedItem("practice"), *best])
    return plans


def repeats(items: list[PlannedItem]) -> int:
    """How often a clip follows itself."""
    return sum(bool(a.clip) and a.clip == b.clip for a, b in pairwise(items))


def _order(spec: StudySpec, rater: int, clips: list[str], source: random.Random) -> list[PlannedItem]:
    shown = source.sample(clips, len(clips))
    rows = williams_square(len(spec.methods))
    leads = source.sample(range(max(len(shown), len(spec.methods))), len(spec.methods))
    items = []
    for block in range(len(shown)):
        for place in rows[(rater + block) % len(rows)]:
            items.append(
                PlannedItem("rated", spec.methods[place], shown[(block + leads[place]) % len(shown)])
            )
    anchors = [
        PlannedItem("rated", GROUND_TRUTH, clip) for clip in source.sample(clips, spec.anchors_per_rater)
    ]
    checks = [PlannedItem("check", expected=source.randint(1, 5)) for _ in range(spec.checks)]
    return _spread(_spread(items, anchors, source), checks, source)


def _spread(items: list[PlannedItem], extra: list[PlannedItem], source: random.Random) -> list[PlannedItem]:
    """`items` with one of `extra` at a random place in each of as many equal stretches."""
    result = list(items)
    for index in reversed(range(len(extra))):
        low, high = (len(items) * i // len(extra) for i in (index, index + 1))
        result.insert(source.randint(low + 1, max(high, low + 1)), extra[index])
    return result
