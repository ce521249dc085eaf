"""What the metrics share: the declaration of how a figure was made, and the mean over clips."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torchmetrics import Metric

ARROWS = {"higher": "↑", "lower": "↓", "truth": "→"}


@dataclass(frozen=True)
class Protocol:
    """How a figure is made: printed under every table that shows it.

    `better` says which way is better ("truth": the nearer to the true videos' value); `backbone` names
    networks and weights ("none" where there are none).
    """

    name: str
    better: Literal["higher", "lower", "truth"]
    unit: str
    backbone: str
    text: str

    @property
    def arrow(self) -> str:
        """The arrow that papers put beside the column's name."""
        return ARROWS[self.better]


class ClipMean(Metric):
    """Mean over clips of a clip's mean over frames; sums are the states, so processes just add up.

    A subclass sets `PROTOCOL` and `score(*inputs) -> (frames,)`. NaN for no clip.
    """

    PROTOCOL: ClassVar[Protocol]
    full_state_update = False
    total: Tensor
    clips: Tensor

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        better = cls.PROTOCOL.better
        cls.higher_is_better = None if better == "truth" else better == "higher"

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("clips", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def score(self, *inputs: Any) -> Tensor:
        """One number per frame of one clip."""
        raise NotImplementedError

    def update(self, *inputs: Any) -> None:
        """Add one clip; its frames without a value (NaN: no face) do not count, nor does a clip without
        any."""
        values = self.score(*inputs).double()
        values = values[~values.isnan()]
        if len(values):
            self.total += values.mean()
            self.clips += 1

    def compute(self) -> Tensor:
        """The mean over the clips seen by all processes."""
        return self.total / self.clips
