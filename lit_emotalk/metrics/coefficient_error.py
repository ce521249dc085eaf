"""How near predicted coefficients without names come to the true ones, beside the mean faces."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from lit_emotalk.metrics.expression import BASELINES


class CoefficientError(Metric):
    """Errors of predicted coefficients and of baselines' on the same frames, whatever the numbers mean. Our
    protocol, for Deep3DFaceRecon's; `ExpressionError` knows the units of arkit.

    `compute` gives, over all frames and coefficients: `error`, the mean absolute error; `velocity`, that of
    the frame-to-frame differences; with baselines also theirs, `mean_error` and `level_error`, and the shares
    of them that ours leave out: `gain` and `level_gain`.
    """

    full_state_update = False
    frames: Tensor
    pairs: Tensor
    clips: Tensor
    compared: Tensor
    absolute: Tensor
    changes: Tensor
    baseline: Tensor

    def __init__(self, units: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.units = units
        for name in ("frames", "pairs", "clips", "compared", "absolute", "changes"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("baseline", torch.zeros(len(BASELINES), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, made: Tensor, true: Tensor, baselines: Tensor | None = None) -> None:
        """Add one clip: made, true (T, units); baselines (2, units), as in BASELINES, or None for none."""
        made, true = made.double(), true.double()
        self.frames += len(true)
        self.pairs += len(true) - 1
        self.clips += 1
        self.absolute += (made - true).abs().sum()
        self.changes += (made.diff(dim=0) - true.diff(dim=0)).abs().sum()
        if baselines is not None:
            self.compared += 1
            self.baseline += (baselines.double()[:, None] - true).abs().sum((1, 2))

    def compute(self) -> dict[str, Tensor]:
        """The figures; empty before any clip."""
        if not self.clips:
            return {}
        error = self.absolute / self.frames / self.units
        figures = {"error": error, "velocity": self.changes / self.pairs.clamp(min=1) / self.units}
        if self.compared == self.clips:
            for name, total, gain in zip(BASELINES, self.baseline, ("gain", "level_gain"), strict=True):
                still = total / self.frames / self.units
                figures |= {f"{name}_error": still, gain: 1 - error / still}
        return {name: value.float() for name, value in figures.items()}
