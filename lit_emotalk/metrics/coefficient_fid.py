"""Fréchet distances of coefficients: E-FID of the expression, pose FID of the head's pose."""

from typing import Any

from torch import Tensor

from lit_emotalk.coefficients import ARKIT, POSE_SIZE
from lit_emotalk.metrics.base import Protocol
from lit_emotalk.metrics.fid import FrechetDistance


class ExpressionFID(FrechetDistance):
    """E-FID: Fréchet distance of the expressions (51) of generated and true frames.

    update(expression (N, 51), real: bool); frames with NaN (no face) do not count. Source: EMO, which takes a
    3DMM's coefficients; ours are the tracker's.
    """

    PROTOCOL = Protocol(
        "E-FID", "lower", "", "arkit: 51 coefficients of this package's tracker",
        "Fréchet distance between the expressions of all generated and all true frames, relative to the true "
        "speaker's rest",
    )  # fmt: skip

    def __init__(self, size: int = ARKIT.expression_size, **arguments: Any) -> None:
        super().__init__(size, **arguments)

    def update(self, features: Tensor, real: bool) -> None:
        """Add frames to the true set (`real`) or to the generated one."""
        super().update(features[features.isfinite().all(-1)], real)


class PoseFID(ExpressionFID):
    """Pose FID: Fréchet distance of the poses (6) of generated and true frames. update(pose (N, 6), real)."""

    PROTOCOL = Protocol(
        "Pose FID", "lower", "", "our pose: MediaPipe's mesh aligned to the linear face",
        "Fréchet distance between the poses of all generated and all true frames: rotation vector in "
        "radians, place in half widths of the picture, log scale",
    )  # fmt: skip

    def __init__(self, size: int = POSE_SIZE, **arguments: Any) -> None:
        super().__init__(size, **arguments)
