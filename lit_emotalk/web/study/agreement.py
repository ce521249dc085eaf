"""How far raters agree."""

from collections.abc import Hashable, Iterable

import numpy as np


def ordinal_alpha(ratings: Iterable[tuple[Hashable, Hashable, float]]) -> float | None:
    """Krippendorff's alpha for ordered scores: 1 full agreement, 0 as by chance, below 0 systematic
    disagreement.

    `ratings` are (unit, rater, score), each rater at most once a unit; raters may miss units. None where no
    unit has two scores, or where all scores are the same (alpha has no value then). Source: Krippendorff,
    "Computing Krippendorff's Alpha-Reliability", 2011, section F with the ordinal metric.
    """
    units: dict[Hashable, list[float]] = {}
    for unit, _, score in ratings:
        units.setdefault(unit, []).append(score)
    paired = [scores for scores in units.values() if len(scores) > 1]
    levels = sorted({score for scores in paired for score in scores})
    if len(levels) < 2:
        return None
    counts = np.array([[scores.count(level) for level in levels] for scores in paired], float)
    pairable = counts.sum(1, keepdims=True)
    coincidences = counts.T @ (counts / (pairable - 1)) - np.diag((counts / (pairable - 1)).sum(0))
    totals = coincidences.sum(1)
    middles = np.cumsum(totals) - totals / 2
    distances = (middles[:, None] - middles[None, :]) ** 2
    expected = (np.outer(totals, totals) * distances).sum() / (totals.sum() - 1)
    return float(1 - (coincidences * distances).sum() / expected)
