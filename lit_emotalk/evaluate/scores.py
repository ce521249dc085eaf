"""The numbers of one clip, and what stood in their way."""

from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

DIGITS = 6

FAILURES: dict[str, str] = {
    "frames_more_than_reference": "longer than the reference: the last frames are left out",
    "frames_fewer_than_reference": "shorter than the reference: its last frames are left out",
    "frames_off_reference": "off the reference by the sound: compared as they are, or shifted with --align",
    "no_face_in_generated": "with frames without a face: the face metrics leave them out",
    "no_face_in_reference": "whose reference has frames without a face: the face metrics leave them out",
    "no_sound": "without a sound track: no Sync",
    "too_short_or_faceless_for_sync": "too short or without a face: no Sync",
}
"""The kinds of `Scores.failures`, and what is done about them."""


def rounded(value: float) -> float:
    """A number as rows keep it: six digits."""
    return float(f"{value:.{DIGITS}g}")


@dataclass
class Scores:
    """A clip's `metrics` by column (see `columns`), `missing` ones with the reason, `frames` counted by kind,
    `failures` counted by kind.

    truth: the measures of the true video that a set's score needs, by column. coefficients: (T, 57) of the
    generated video.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    frames: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    truth: dict[str, float] = field(default_factory=dict)
    coefficients: np.ndarray | None = None

    def put(self, name: str, values: np.ndarray | Tensor, otherwise: str = "") -> None:
        """Set a column to the mean over the values that are numbers; where there is none, nothing, or the
        reason `otherwise`."""
        array = np.asarray(values, np.float64)
        array = array[np.isfinite(array)]
        if len(array):
            self.metrics[name] = rounded(float(array.mean()))
        elif otherwise:
            self.missing[name] = otherwise

    def fail(self, kind: str, count: int) -> None:
        """Count failures of a kind, if there are any."""
        if count:
            self.failures[kind] = count
