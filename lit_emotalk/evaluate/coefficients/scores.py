"""The figures of one method: errors, lips, emotion, response to intensity, compounds."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from sklearn.pipeline import Pipeline
from torchmetrics import Metric

from lit_emotalk.emotions import COMPOUNDS, EMOTIONS, LEVELS, intensity_of
from lit_emotalk.evaluate.coefficients.clips import FaceClip
from lit_emotalk.face.basis import LinearFace, mouth_opening
from lit_emotalk.metrics.closure import LAGS, Closures, closures, lag_curve, lip_gap, loudness
from lit_emotalk.metrics.coefficient_fid import ExpressionFID
from lit_emotalk.metrics.expression import HEARD, ExpressionError, correlation
from lit_emotalk.metrics.face_emotion import emotion_classifier, face_features
from lit_emotalk.metrics.shape_error import FDD, LVE, MHD

Figures = dict[str, Any]
EXACT = ("error", "error_mouth", "error_brows", "error_eyes", "velocity", "lips", "opening")
"""Figures taken over from `ExpressionError`."""

FEWEST = 2
"""The classifier learns emotions with at least so many training clips."""

STILL = ("neutral", "calm")
"""Emotions without levels."""


class Scorer:
    """Scores predictions for `clips`; `train` fits the classifier and the directions of emotions."""

    def __init__(self, clips: Sequence[FaceClip], train: Sequence[FaceClip]) -> None:
        self.clips = clips
        self.face = LinearFace.load()
        known = [clip for clip in train if clip.emotion in EMOTIONS]
        self.classifier = _fitted(known)
        self.directions = _directions(known)

    def score(self, made: dict[str, np.ndarray]) -> Figures:
        """Figures of one method, key of the clip -> expression (T, 51).

        `error`, `error_mouth`, `error_brows`, `error_eyes`, `velocity`, `lips` (percent of the inter-ocular
        distance), `opening` (correlation with the truth): see `ExpressionError`. `lag`: frames by which the
        mouth's opening follows the true one, at the best mean correlation; `sound_lag`: likewise the sound's
        loudness; None for a still face. `lve`, `fdd`, `mhd`: of the linear face's points, see `shape_error`;
        `e_fid`: Fréchet distance of all clips' expressions; `slcc`: mean correlation of the mouth's opening
        and the sound's loudness. `closure`: share of m, b, p in which the lips meet, and by emotion
        `closures`, `closure_gap` the largest difference of these from the truth's; None without phonemes.
        `compounds`: "7 of 10", see `compounds`. `emotion_LEVEL`: share of clips of a level whose emotion the
        classifier of true faces names.
        """
        errors = ExpressionError(self.face)
        for clip in self.clips:
            errors.update(torch.tensor(made[clip.key]), torch.tensor(clip.true))
        figures: Figures = {name: float(value) for name, value in errors.compute().items() if name in EXACT}
        figures |= self._shapes(made)
        gaps = {clip.key: lip_gap(self.face, made[clip.key]) for clip in self.clips}
        true = {clip.key: lip_gap(self.face, clip.true) for clip in self.clips}
        figures["lag"] = _best_lag([lag_curve(true[clip.key], gaps[clip.key]) for clip in self.clips])
        figures["sound_lag"] = _best_lag([lag_curve(loudness(c.mel), gaps[c.key]) for c in self.clips])
        ours, theirs = self._closures(gaps), self._closures(true)
        figures["closures"] = {name: found.rate for name, found in ours.items()}
        figures["closure"] = sum(ours.values(), Closures(0, 0)).rate if ours else None
        figures["closure_gap"] = max((abs(ours[n].rate - theirs[n].rate) for n in ours), default=None)
        nearer = self.compounds(made)
        figures["compounds"] = f"{sum(nearer.values())} of {len(nearer)}" if nearer else None
        return figures | self._emotions(made)

    def _shapes(self, made: dict[str, np.ndarray]) -> Figures:
        still, upper = self.face.mean, self.face.upper_face
        metrics: dict[str, Metric] = {"lve": LVE(), "fdd": FDD(), "mhd": MHD(), "e_fid": ExpressionFID()}
        correlations = []
        for clip in self.clips:
            own, true = (torch.tensor(side) for side in (made[clip.key], clip.true))
            points = self.face.landmarks(own), self.face.landmarks(true)
            metrics["lve"].update(*points)
            metrics["mhd"].update(*points)
            metrics["fdd"].update(*points, still, upper)
            metrics["e_fid"].update(own, real=False)
            metrics["e_fid"].update(true, real=True)
            opening = mouth_opening(points[0]).double()
            correlations.append(float(correlation(opening, torch.from_numpy(loudness(clip.mel)))))
        found = {name: float(metric.compute()) for name, metric in metrics.items()}
        found["e_fid"] = max(found["e_fid"], 0.0)
        return {name: value for name, value in found.items() if np.isfinite(value)} | {
            "slcc": float(np.mean(correlations))
        }

    def _closures(self, gaps: dict[str, np.ndarray]) -> dict[str, Closures]:
        """By emotion; emotions without closures are left out."""
        found: dict[str, Closures] = {}
        for clip in self.clips:
            here = closures(gaps[clip.key], clip.closed)
            found[clip.emotion] = found.get(clip.emotion, Closures(0, 0)) + here
        return {emotion: one for emotion, one in sorted(found.items()) if one.spoken}

    def _emotions(self, made: dict[str, np.ndarray]) -> Figures:
        if self.classifier is None:
            return {}
        known = [clip for clip in self.clips if clip.emotion in self.classifier.classes_]
        if not known:
            return {}
        guessed = self.classifier.predict(np.stack([face_features(made[clip.key]) for clip in known]))
        right = np.array([clip.emotion == guess for clip, guess in zip(known, guessed, strict=True)])
        levels = np.array([clip.level or 0 for clip in known])
        return {
            f"emotion_{level}": float(right[levels == level].mean()) for level in LEVELS if level in levels
        }

    def intensity(self, predict: Callable[[FaceClip, float], np.ndarray]) -> float | None:
        """Share of (speaker, emotion) pairs whose expression grows from level 1 to 2 and from 2 to 3.

        `predict` gives a clip's expression at an intensity. A face's strength is its mean's projection on the
        way from the neutral mean face of training to the emotion's. None where no emotion has such a way.
        """
        strengths: dict[tuple[str, str], list[list[float]]] = {}
        for clip in self.clips:
            way = self.directions.get(clip.emotion)
            if way is not None:
                levels = [float(predict(clip, intensity_of(level)).mean(0)[HEARD] @ way) for level in LEVELS]
                strengths.setdefault((clip.speaker, clip.emotion), []).append(levels)
        grows = [bool((np.diff(np.mean(levels, 0)) > 0).all()) for levels in strengths.values()]
        return float(np.mean(grows)) if grows else None

    def compounds(self, made: dict[str, np.ndarray]) -> dict[str, bool]:
        """For each compound in the clips whether its predicted mean face, lids and gaze left out, is nearer
        to the compound's true one than to that of either part, on clips of the same levels."""
        nearer = {}
        for compound, parts in COMPOUNDS.items():
            own = [clip for clip in self.clips if clip.emotion == compound]
            levels = {clip.level for clip in own}
            others = [[c for c in self.clips if c.emotion == part and c.level in levels] for part in parts]
            if own and all(others):
                here = _mean([made[clip.key] for clip in own])
                target, *rest = (_mean([clip.true for clip in some]) for some in (own, *others))
                away = [float(np.linalg.norm(here - there)) for there in (target, *rest)]
                nearer[compound] = away[0] < min(away[1:])
        return nearer


def _fitted(train: Sequence[FaceClip]) -> Pipeline | None:
    counts = Counter(clip.emotion for clip in train)
    chosen = [clip for clip in train if counts[clip.emotion] >= FEWEST]
    emotions = [clip.emotion for clip in chosen]
    if len(set(emotions)) < 2:
        return None
    return emotion_classifier().fit(np.stack([face_features(clip.true) for clip in chosen]), emotions)


def _directions(train: Sequence[FaceClip]) -> dict[str, np.ndarray]:
    neutral = [clip.true for clip in train if clip.emotion == "neutral"]
    named = {clip.emotion for clip in train} - set(STILL) if neutral else set()
    return {
        emotion: _mean([clip.true for clip in train if clip.emotion == emotion]) - _mean(neutral)
        for emotion in named
    }


def _mean(faces: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(faces).mean(0)[HEARD]


def _best_lag(curves: Sequence[np.ndarray]) -> int | None:
    moving = [curve for curve in curves if np.isfinite(curve).all()]
    return int(LAGS[np.mean(moving, 0).argmax()]) if moving else None
