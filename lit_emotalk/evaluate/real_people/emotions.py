"""Reading emotion off real people: the emotion space's nearest emotion for key pictures and for voices."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lit_emotalk.emotions import EMOTIONS
from lit_emotalk.evaluate.coefficients.methods import Convertor
from lit_emotalk.evaluate.real_people.clips import RealClip
from lit_emotalk.io.progress import track
from lit_emotalk.metrics.zero_shot import average_recall

SIDES = ("key picture", "voice")


@dataclass(frozen=True, eq=False)
class Reading:
    """What one side of the space made of labelled clips: `counts` (9, 9), rows the true emotion, columns the
    nearest of all nine; or the `reason` why there is nothing."""

    counts: np.ndarray
    reason: str = ""

    @property
    def clips(self) -> int:
        """How many were read."""
        return int(self.counts.sum())

    @property
    def recalls(self) -> dict[str, float]:
        """Share of each true emotion's clips that were named right."""
        totals = self.counts.sum(1)
        return {name: float(self.counts[i, i] / totals[i]) for i, name in enumerate(EMOTIONS) if totals[i]}

    @property
    def mean_recall(self) -> float | None:
        """The unweighted mean of the recalls."""
        true, found = np.nonzero(self.counts)
        repeats = torch.from_numpy(self.counts[true, found])
        if not len(true):
            return None
        expanded = (torch.from_numpy(each).repeat_interleave(repeats) for each in (found, true))
        return float(average_recall(*expanded))


def read_emotions(convertor: Convertor, clips: Sequence[RealClip]) -> dict[str, Reading]:
    """Side -> its reading of the clips with a label among the nine; of voices only where somebody speaks."""
    labelled = [clip for clip in clips if clip.emotion in EMOTIONS]
    chosen = {"key picture": labelled, "voice": [clip for clip in labelled if clip.spoken]}
    reasons = {
        "key picture": "no clip has a label: give a labels.csv (LABELS=FILE)",
        "voice": "nobody speaks in a clip with a label" if labelled else "no clip has a label",
    }
    readings = {}
    for side, some in chosen.items():
        counts = np.zeros((len(EMOTIONS), len(EMOTIONS)), np.int64)
        for clip in track(some, f"emotion by {side}", len(some), "clips") if some else ():
            nearest = next(iter(convertor.space.similarities(_code(convertor, clip, side))))
            counts[EMOTIONS.index(clip.emotion), EMOTIONS.index(nearest)] += 1
        readings[side] = Reading(counts, "" if some else reasons[side])
    return readings


def _code(convertor: Convertor, clip: RealClip, side: str) -> torch.Tensor:
    if side == "key picture":
        return convertor.picture(clip.face.signals)
    return convertor.voice(clip.face)
