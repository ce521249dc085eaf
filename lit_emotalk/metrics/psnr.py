"""Peak signal-to-noise ratio, per picture."""

import torch
from torch import Tensor

from lit_emotalk.metrics.base import ClipMean, Protocol

CAP_DB = 100.0
"""Equal pictures have no finite ratio; it is cut here so that means exist (our choice)."""


def squared_errors(generated: Tensor, reference: Tensor) -> Tensor:
    """Squared error of every pixel: (N, 3, H, W) pictures in [0, 255] twice -> (N, H, W), the mean over
    RGB."""
    return (generated.float() - reference.float()).square().mean(1)


def decibels(errors: Tensor, boxes: Tensor | None = None) -> Tensor:
    """PSNR of each picture from its squared errors (N, H, W) -> (N,) dB, at most `CAP_DB`; `boxes` as in
    `psnr`."""
    if boxes is None:
        means = errors.double().mean((1, 2))
    else:
        inside = box_mask(boxes, errors.shape[-2], errors.shape[-1])
        means = (errors * inside).double().sum((1, 2)) / inside.sum((1, 2))
    return (10 * torch.log10(255.0**2 / means)).clamp(max=CAP_DB)


def psnr(generated: Tensor, reference: Tensor, boxes: Tensor | None = None) -> Tensor:
    """PSNR in dB of each picture: (N, 3, H, W) pictures in [0, 255] twice -> (N,), at most `CAP_DB`.

    `boxes` (N, 4): x0, y0, x1, y1 in pixels, restricts each picture to its box (rounded, clipped to the
    picture). The mean is taken over pictures' ratios, never over their squared errors.
    """
    return decibels(squared_errors(generated, reference), boxes)


def box_corners(boxes: Tensor, height: int, width: int, smallest: int = 1) -> Tensor:
    """Boxes (N, 4) in pixels -> integer corners (N, 4) inside the picture, at least `smallest` pixels a
    side."""
    limit = torch.tensor([width, height], device=boxes.device)
    low = torch.minimum(boxes[:, :2].round().long().clamp(min=0), limit - smallest)
    high = torch.minimum(torch.maximum(boxes[:, 2:].round().long(), low + smallest), limit)
    return torch.cat([low, high], 1)


def box_mask(boxes: Tensor, height: int, width: int) -> Tensor:
    """Boolean (N, H, W), true inside the box: columns x0 .. x1 - 1, rows y0 .. y1 - 1."""
    x0, y0, x1, y1 = box_corners(boxes, height, width).unbind(1)
    columns = torch.arange(width, device=boxes.device)[None]
    rows = torch.arange(height, device=boxes.device)[None]
    across = (columns >= x0[:, None]) & (columns < x1[:, None])
    down = (rows >= y0[:, None]) & (rows < y1[:, None])
    return down[:, :, None] & across[:, None, :]


class PSNR(ClipMean):
    """`psnr` averaged over frames, then clips. update(generated, reference, boxes=None), see `psnr`."""

    PROTOCOL = Protocol(
        "PSNR", "higher", "dB", "none",
        "mean of the frames' PSNR on RGB in [0, 255]; equal frames count as 100 dB",
    )  # fmt: skip

    def score(self, *inputs: Tensor) -> Tensor:
        """(frames,) dB."""
        return psnr(*inputs)
