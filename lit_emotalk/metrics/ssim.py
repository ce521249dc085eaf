"""Structural similarity, per picture."""

import torch
from torch import Tensor
from torch.nn import functional as F

from lit_emotalk.metrics.base import ClipMean, Protocol
from lit_emotalk.metrics.psnr import box_corners

WINDOW = 11
SIGMA = 1.5
K1, K2 = 0.01, 0.03


def ssim(generated: Tensor, reference: Tensor, boxes: Tensor | None = None) -> Tensor:
    """SSIM of each picture: (N, 3, H, W) pictures in [0, 255] twice -> (N,) in [-1, 1]; H, W >= 11.

    Gaussian window of 11, sigma 1.5, population covariance, mean over windows that lie inside the picture
    and over RGB: scikit-image's structural_similarity(gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False). `boxes` (N, 4) in pixels restricts each picture to its box (rounded,
    clipped, at least 11 pixels a side). Source: Wang et al., "Image quality assessment: from error
    visibility to structural similarity", 2004.
    """
    if boxes is None:
        return _ssim(generated, reference)
    corners = box_corners(boxes, generated.shape[-2], generated.shape[-1], WINDOW).tolist()
    parts = [
        _ssim(a[None, :, y0:y1, x0:x1], b[None, :, y0:y1, x0:x1])
        for a, b, (x0, y0, x1, y1) in zip(generated, reference, corners, strict=True)
    ]
    return torch.cat(parts)


def _ssim(generated: Tensor, reference: Tensor) -> Tensor:
    a, b = generated.float() / 255, reference.float() / 255
    count, channels = a.shape[:2]
    stacked = torch.cat([a, b, a * a, b * b, a * b]).flatten(0, 1)[:, None]
    mean_a, mean_b, square_a, square_b, product = _smooth(stacked).unflatten(0, (5, count, channels))[
        :, :, :, 0
    ]
    variance_a = square_a - mean_a.square()
    variance_b = square_b - mean_b.square()
    covariance = product - mean_a * mean_b
    c1, c2 = K1**2, K2**2
    likeness = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    scale = (mean_a.square() + mean_b.square() + c1) * (variance_a + variance_b + c2)
    return (likeness / scale).mean((1, 2, 3))


def _smooth(pictures: Tensor) -> Tensor:
    distance = torch.arange(WINDOW, device=pictures.device, dtype=pictures.dtype) - WINDOW // 2
    kernel = torch.exp(-0.5 * (distance / SIGMA).square())
    kernel = kernel / kernel.sum()
    return F.conv2d(F.conv2d(pictures, kernel.view(1, 1, -1, 1)), kernel.view(1, 1, 1, -1))


class SSIM(ClipMean):
    """`ssim` averaged over frames, then clips. update(generated, reference, boxes=None), see `ssim`."""

    PROTOCOL = Protocol(
        "SSIM",
        "higher",
        "",
        "none",
        "gaussian window 11, sigma 1.5, RGB, mean per frame (scikit-image's definition)",
    )

    def score(self, *inputs: Tensor) -> Tensor:
        """(frames,) similarities."""
        return ssim(*inputs)
