"""THEval's score of a set of videos: how near each measure's mean is to that of the true videos."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric

from lit_emotalk.face.basis import LinearFace
from lit_emotalk.metrics.base import Protocol
from lit_emotalk.metrics.theval import (
    BACKBONE,
    eyebrow_dynamics,
    head_motion_dynamics,
    head_track,
    lip_dynamics,
    lip_sync,
    silent_lip_stability,
)
from lit_emotalk.schema import FPS

MEASURES: tuple[str, ...] = ("lip_dynamics", "head_motion", "eyebrow_dynamics", "silent_lips", "lip_sync")
"""The five that need no quality network, in THEval's order."""

QUALITY: tuple[str, ...] = ("aesthetics", "mouth_quality", "face_quality")
"""The other three of THEval's eight: they need the weights of quality networks that this package has not."""

QUALITY_REASON = (
    "needs the weights of a picture quality network (TOPIQ, MUSIQ or Q-Align), which are not here"
)

NO_FACE = "needs more frames with a face"
NO_SOUND = "needs sound"
NO_SILENCE = "needs 300 ms without speech and a face in them"
NO_SPEECH = "needs speech in a tenth of the clip and a face in it"

PROTOCOL = Protocol(
    "THEval", "higher", "", BACKBONE,
    "mean over THEval's measures that are there of 1 - |mean - true mean| / |true mean|, over the clips that "
    "have the measure on both sides; the authors' total is of eight",
)  # fmt: skip

QUALITY_PROTOCOL = Protocol(
    "Quality", "higher", "", "none here", "THEval's quality of the picture, not computed by this package",
)  # fmt: skip


@dataclass(frozen=True)
class ClipMeasures:
    """A clip's `values` by name of MEASURES, and for each of them that could not be taken the reason."""

    values: dict[str, float]
    missing: dict[str, str]


def clip_measures(
    landmarks: Tensor,
    size: tuple[int, int],
    samples: np.ndarray | Tensor | None,
    face: LinearFace,
    fps: float = FPS,
) -> ClipMeasures:
    """All five of a clip: landmarks (T, 478, 3) in pixels of frames of `size` (height, width), NaN where
    there is no face; sound (N,) at 16 kHz, None without."""
    values = {
        "lip_dynamics": lip_dynamics(landmarks, size),
        "head_motion": head_motion_dynamics(*head_track(landmarks, size, face)),
        "eyebrow_dynamics": eyebrow_dynamics(landmarks),
    }
    reasons = dict.fromkeys(values, NO_FACE)
    if samples is None:
        reasons |= {"silent_lips": NO_SOUND, "lip_sync": NO_SOUND}
    else:
        values["silent_lips"] = silent_lip_stability(landmarks, samples, fps)
        values["lip_sync"] = lip_sync(landmarks, samples, fps)
        reasons |= {"silent_lips": NO_SILENCE, "lip_sync": NO_SPEECH}
    found = {name: float(value) for name, value in values.items() if math.isfinite(value)}
    return ClipMeasures(found, {name: reason for name, reason in reasons.items() if name not in found})


def normalised(made: Mapping[str, float], true: Mapping[str, float]) -> dict[str, float]:
    """Scores of a set's means by measure: 1 - |made - true| / |true|, at most 1 (it may be negative).

    A measure that is missing on one side, not a number, or zero in the true videos has none.
    """
    scores = {}
    for name, truth in true.items():
        value = made.get(name, math.nan)
        if math.isfinite(value) and math.isfinite(truth) and truth:
            scores[name] = 1 - abs(value - truth) / abs(truth)
    return scores


def total(scores: Mapping[str, float]) -> float:
    """The plain mean of the scores that are there; NaN without any."""
    return sum(scores.values()) / len(scores) if scores else math.nan


class THEval(Metric):
    """Scores of a method's clips against the true ones. update(made, true): two `ClipMeasures.values`.

    A measure counts with the clips that have it on both sides (our choice: so that a lost face does not move
    the means apart). `compute` gives the score by measure, and `total`.
    """

    PROTOCOL = PROTOCOL
    full_state_update = False
    higher_is_better = True
    sums: Tensor
    clips: Tensor

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.add_state("sums", torch.zeros(2, len(MEASURES), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("clips", torch.zeros(len(MEASURES), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, made: Mapping[str, float], true: Mapping[str, float]) -> None:
        """Add one clip's measures as made and as they truly are."""
        for place, name in enumerate(MEASURES):
            if name in made and name in true:
                self.sums[:, place] += self.sums.new_tensor([made[name], true[name]])
                self.clips[place] += 1

    def compute(self) -> dict[str, Tensor]:
        """Scores over the clips seen by all processes; a measure that no clip has is left out."""
        made, true = (
            {n: float(m) for n, m, c in zip(MEASURES, side, self.clips, strict=True) if c}
            for side in self.sums / self.clips
        )
        scores = normalised(made, true)
        return {name: torch.tensor(value) for name, value in (scores | {"total": total(scores)}).items()}
