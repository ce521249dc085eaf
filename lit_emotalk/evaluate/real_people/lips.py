"""Lips from real speech: how the predicted opening of the mouth follows the tracked one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lit_emotalk.evaluate.coefficients.methods import Convertor
from lit_emotalk.evaluate.real_people.clips import RealClip
from lit_emotalk.evaluate.tables.spec import Bootstrap
from lit_emotalk.evaluate.tables.statistics import Estimate, estimate
from lit_emotalk.face.basis import LinearFace
from lit_emotalk.io.progress import track
from lit_emotalk.metrics.closure import LAGS, lag_curve, lip_gap

FARTHEST_LAG = 5
"""Frames within which the best lag is looked for."""
EVERYONE = "all"


@dataclass(frozen=True, eq=False)
class Spoken:
    """A clip: `curve`, the correlation of its tracked opening at t with the predicted one at t + lag for each
    of the lags within `FARTHEST_LAG`; `ratio`, predicted over tracked standard deviation."""

    clip: RealClip
    curve: np.ndarray
    ratio: float


@dataclass(frozen=True)
class Lips:
    """The figures of a group of clips.

    `correlation`: mean over clips with its interval over people; `lag`: the frames by which the prediction
    comes after the true mouth where the mean correlation is best, `at_lag`; `ratio`: the median clip's.
    """

    correlation: Estimate
    lag: int
    at_lag: float
    ratio: float


def nearby_lags() -> np.ndarray:
    """The lags looked at, in frames."""
    return LAGS[np.abs(LAGS) <= FARTHEST_LAG]


def follow(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Correlation at each of `nearby_lags` of two openings (T,)."""
    return lag_curve(true, predicted)[np.abs(LAGS) <= FARTHEST_LAG]


def speak(convertor: Convertor, clips: Sequence[RealClip]) -> tuple[list[Spoken], list[str]]:
    """The clips in which somebody speaks, spoken by the convertor from their own sound under the emotion of
    that voice; and the keys of those whose mouth, tracked or predicted, does not move."""
    face = LinearFace.load()
    spoken, still = [], []
    heard = [clip for clip in clips if clip.spoken]
    for clip in track(heard, "lips from speech", len(heard), "clips"):
        code = convertor.code(clip.face, "audio", ())
        made = convertor.expression(clip.face, code, clip.face.intensity)
        true, predicted = lip_gap(face, clip.face.true), lip_gap(face, made)
        curve = follow(true, predicted)
        if np.isfinite(curve).all():
            spoken.append(Spoken(clip, curve, float(predicted.std() / true.std())))
        else:
            still.append(clip.key)
    return spoken, still


def figures(spoken: Sequence[Spoken], bootstrap: Bootstrap) -> dict[str, Lips]:
    """Group -> figures: all clips, then each corpus; empty without clips."""
    corpora = sorted({each.clip.corpus for each in spoken})
    groups = {EVERYONE: list(spoken)} if spoken else {}
    if len(corpora) > 1:
        groups |= {name: [each for each in spoken if each.clip.corpus == name] for name in corpora}
    return {name: _figures(group, bootstrap) for name, group in groups.items()}


def _figures(group: Sequence[Spoken], bootstrap: Bootstrap) -> Lips:
    lags = nearby_lags()
    now = int(np.flatnonzero(lags == 0)[0])
    values = {each.clip.key: float(each.curve[now]) for each in group}
    people = {each.clip.key: each.clip.person for each in group}
    mean = np.mean([each.curve for each in group], 0)
    best = int(mean.argmax())
    ratio = float(np.median([each.ratio for each in group]))
    return Lips(estimate(values, people, bootstrap), int(lags[best]), float(mean[best]), ratio)
