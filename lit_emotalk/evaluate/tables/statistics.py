"""Means with bootstrap intervals clustered by speaker, and which of several methods is best beyond doubt."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lit_emotalk.evaluate.tables.spec import Bootstrap

FEWEST_COMPARED = 5
"""Fewer clips say nothing of the difference of two methods: their intervals are too narrow (our choice)."""

Values = dict[str, float]
"""A method's number per clip."""


@dataclass(frozen=True)
class Estimate:
    """A mean over clips with the bounds of its interval, and how many clips and speakers (in a user study
    ratings and raters) it rests on."""

    mean: float
    low: float
    high: float
    clips: int
    speakers: int


def resample(speakers: list[str], bootstrap: Bootstrap) -> np.ndarray:
    """Weights (samples, clips) of each clip in each resample; `speakers` names each clip's.

    Speakers are drawn with replacement, then clips with replacement within each drawn speaker: clips of one
    speaker are not independent. With one speaker only clips are drawn. Our choice (two-stage cluster
    bootstrap). The columns of a table share their resamples, which are kept, read-only.
    """
    return _resampled(tuple(speakers), bootstrap)


@lru_cache(maxsize=8)
def _resampled(speakers: tuple[str, ...], bootstrap: Bootstrap) -> np.ndarray:
    generator = np.random.default_rng(bootstrap.seed)
    names = sorted(set(speakers))
    members = [np.array([i for i, speaker in enumerate(speakers) if speaker == name]) for name in names]
    weights = np.zeros((bootstrap.samples, len(speakers)))
    for row in weights:
        for place in generator.integers(len(names), size=len(names)):
            np.add.at(row, generator.choice(members[place], len(members[place])), 1)
    weights.flags.writeable = False
    return weights


def resample_crossed(raters: list[str], videos: list[str], bootstrap: Bootstrap) -> np.ndarray:
    """Weights (samples, ratings) of each rating in each resample; the lists name each rating's rater and
    video.

    Raters and videos are drawn with replacement, independently of each other; a rating counts as often as its
    rater times as often as its video: neither the ratings of one person nor those of one video are
    independent. Source: Owen, "The pigeonhole bootstrap", 2007.
    """
    generator = np.random.default_rng(bootstrap.seed)
    weights = np.ones((bootstrap.samples, len(raters)))
    for names in (raters, videos):
        known, place = np.unique(names, return_inverse=True)
        drawn = generator.multinomial(len(known), np.full(len(known), 1 / len(known)), bootstrap.samples)
        weights *= drawn[:, place]
    return weights[weights.sum(1) > 0]


def estimate(values: Values, speakers: dict[str, str], bootstrap: Bootstrap) -> Estimate:
    """Mean and interval of a method's values, clip -> number; `speakers` maps clips to speakers. At least
    one clip."""
    clips = sorted(values)
    groups = [speakers[clip] for clip in clips]
    numbers = np.array([values[clip] for clip in clips])
    return weighted_estimate(numbers, resample(groups, bootstrap), bootstrap, len(set(groups)))


def weighted_estimate(
    numbers: np.ndarray, weights: np.ndarray, bootstrap: Bootstrap, groups: int
) -> Estimate:
    """Mean of `numbers` (N,) and its interval over the resamples `weights` (samples, N)."""
    low, high = np.quantile(weights @ numbers / weights.sum(1), _tails(bootstrap))
    return Estimate(float(numbers.mean()), float(low), float(high), len(numbers), groups)


def clear_winner(
    methods: dict[str, Values], speakers: dict[str, str], lower: bool, bootstrap: Bootstrap
) -> str | None:
    """The method whose mean is better than every other's so that the interval of each difference leaves out
    zero.

    Differences are taken clip by clip, on the clips that all methods have. None where there is no such
    method, fewer than two methods, or fewer than `FEWEST_COMPARED` clips.
    """
    clips = common(methods)
    if not clips:
        return None
    weights = resample([speakers[clip] for clip in clips], bootstrap)
    return paired_winner(methods, clips, weights, lower, bootstrap)


def common(methods: dict[str, Values]) -> list[str]:
    """What all methods have a number of; nothing where that is too little to compare them, or where there are
    fewer than two methods."""
    shared = sorted(set.intersection(*map(set, methods.values()))) if len(methods) > 1 else []
    return shared if len(shared) >= FEWEST_COMPARED else []


def paired_winner(
    methods: dict[str, Values], clips: list[str], weights: np.ndarray, lower: bool, bootstrap: Bootstrap
) -> str | None:
    """As `clear_winner`, on `clips` and their resamples `weights` (samples, clips)."""
    sign = -1.0 if lower else 1.0
    numbers = {name: sign * np.array([values[clip] for clip in clips]) for name, values in methods.items()}
    best = max(numbers, key=lambda name: float(numbers[name].mean()))
    for name, other in numbers.items():
        if name != best:
            differences = weights @ (numbers[best] - other) / weights.sum(1)
            if np.quantile(differences, _tails(bootstrap)[0]) <= 0:
                return None
    return best


def _tails(bootstrap: Bootstrap) -> tuple[float, float]:
    return (1 - bootstrap.level) / 2, (1 + bootstrap.level) / 2
