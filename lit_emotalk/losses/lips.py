"""Losses on the lips of the linear face."""

import torch
from torch import Tensor, nn

from lit_emotalk.face.basis import LIPS, MOUTH_OPENING, LinearFace
from lit_emotalk.losses.coefficients import masked_mean


class LipLoss(nn.Module):
    """Distance of the lips that two sets of coefficients give, in percent of the inter-ocular distance.

    Lip landmarks: mean absolute difference of the coordinates. Opening: absolute difference of the gap
    between the inner lips (signed, downwards), with `closed` times the weight where the truth closes the
    mouth for m, b, p.
    """

    def __init__(self, closed: float = 4.0, face: LinearFace | None = None) -> None:
        super().__init__()
        self.face = LinearFace.load() if face is None else face
        self.register_buffer("basis", self.face.basis[:, list(LIPS)].clone(), persistent=False)
        self.basis: Tensor
        self.closed = closed
        self.upper, self.lower = (LIPS.index(point) for point in MOUTH_OPENING)

    def forward(self, made: Tensor, true: Tensor, mask: Tensor, closed: Tensor) -> tuple[Tensor, Tensor]:
        """made, true (B, T, 51); mask, closed (B, T) bool -> (landmark loss, opening loss) in percent."""
        difference = 100 * torch.einsum("...k,kpd->...pd", made - true, self.basis)
        opening = (difference[..., self.lower, 1] - difference[..., self.upper, 1]).abs()
        return masked_mean(difference.abs(), mask), masked_mean(opening * (1 + self.closed * closed), mask)
