"""How near a face's points come to the true ones: LVE, FDD and MHD, in percent of the inter-ocular distance.

Points are without head pose: the linear face's of coefficients, or a video's landmarks aligned to its mean.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics.functional.multimodal import lip_vertex_error

from lit_emotalk.face.regions import LIPS
from lit_emotalk.metrics.base import ClipMean, Protocol

POINTS = "478 landmarks without head pose"


def lve(generated: Tensor, reference: Tensor) -> Tensor:
    """Lip vertex error: points (T, 478, 3) in inter-ocular distances twice -> a scalar in squared percent.

    The largest squared distance of the 40 lip points of a frame, averaged over frames, by torchmetrics.
    Frames with NaN (no face) do not count; NaN without any other.
    """
    made, true = _percent(generated, reference)
    if not len(made):
        return made.new_tensor(torch.nan)
    return lip_vertex_error(made, true, list(LIPS), validate_args=False)


def fdd(generated: Tensor, reference: Tensor, still: Tensor, upper: Sequence[int]) -> Tensor:
    """Upper face dynamics deviation: points (T, 478, 3) in inter-ocular distances twice, the face at rest
    (478, 3), the points of the upper face (`LinearFace.upper_face`) -> a scalar in percent, at least 0.

    A point's dynamics is the standard deviation over time of its distance from rest; true less generated,
    averaged over the points, without sign (our choice: so that clips that move too much do not make up for
    others). NaN with fewer than two frames with a face. Source: CodeTalker, and ARTalk.
    """
    made, true = _percent(generated, reference)
    if len(made) < 2:
        return made.new_tensor(torch.nan)
    rest, chosen = 100 * torch.as_tensor(still).double(), list(upper)
    dynamics = [(side - rest)[:, chosen].norm(dim=-1).std(0, correction=0) for side in (true, made)]
    return (dynamics[0] - dynamics[1]).mean().abs()


def mhd(generated: Tensor, reference: Tensor) -> Tensor:
    """Root mean squared distance of all points: (T, 478, 3) in inter-ocular distances twice -> a scalar in
    percent. NaN without a frame with a face."""
    made, true = _percent(generated, reference)
    return (made - true).square().sum(-1).mean().sqrt()


def _percent(generated: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Both in percent, float64, in the frames where both have a face."""
    made, true = (100 * torch.as_tensor(points).double() for points in (generated, reference))
    seen = (made + true).isfinite().all(-1).all(-1)
    return made[seen], true[seen]


class LVE(ClipMean):
    """`lve`, averaged over clips. update(generated, reference)."""

    PROTOCOL = Protocol(
        "LVE", "lower", "%² of the inter-ocular distance", POINTS,
        "largest squared distance of a frame's lip points, mean over frames (torchmetrics)",
    )  # fmt: skip

    def score(self, *inputs: Any) -> Tensor:
        """The clip's value (1,)."""
        return lve(*inputs)[None]


class FDD(ClipMean):
    """`fdd`, averaged over clips. update(generated, reference, still, upper)."""

    PROTOCOL = Protocol(
        "FDD", "lower", "% of the inter-ocular distance", POINTS,
        "difference of the upper face's dynamics (standard deviation over time of the distance from rest)",
    )  # fmt: skip

    def score(self, *inputs: Any) -> Tensor:
        """The clip's value (1,)."""
        return fdd(*inputs)[None]


class MHD(ClipMean):
    """`mhd`, averaged over clips. update(generated, reference)."""

    PROTOCOL = Protocol(
        "MHD", "lower", "% of the inter-ocular distance", POINTS,
        "root mean squared distance of all points",
    )  # fmt: skip

    def score(self, *inputs: Any) -> Tensor:
        """The clip's value (1,)."""
        return mhd(*inputs)[None]
