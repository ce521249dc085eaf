"""Structural similarity, per picture."""

from functools import lru_cache

import torch
from torch import Tensor

from lit_emotalk.metrics.base import ClipMean, Protocol
from lit_emotalk.metrics.psnr import box_corners, box_mask

WINDOW = 11
SIGMA = 1.5
K1, K2 = 0.01, 0.03


def ssim_maps(generated: Tensor, reference: Tensor) -> Tensor:
    """Similarity of every window: (N, 3, H, W) pictures in [0, 255] twice -> (N, H - 10, W - 10), the mean
    over RGB.

    Gaussian window of 11, sigma 1.5, population covariance; only windows that lie inside the picture. H, W
    >= 11. Source: Wang et al., "Image quality assessment: from error visibility to structural similarity",
    2004.
    """
    a, b = generated.float() / 255, reference.float() / 255
    mean_a, mean_b, square_a, square_b, product = _smooth(torch.stack([a, b, a * a, b * b, a * b]))
    variance_a = square_a - mean_a.square()
    variance_b = square_b - mean_b.square()
    covariance = product - mean_a * mean_b
    c1, c2 = K1**2, K2**2
    likeness = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    scale = (mean_a.square() + mean_b.square() + c1) * (variance_a + variance_b + c2)
    return (likeness / scale).mean(1)


def mean_ssim(maps: Tensor, boxes: Tensor | None = None) -> Tensor:
    """Mean of `ssim_maps` (N, H - 10, W - 10) -> (N,); with `boxes` (N, 4) over the windows inside each
    picture's box.

    Boxes are x0, y0, x1, y1 in pixels (rounded, clipped, at least 11 pixels a side); the result is that of
    the cut pictures.
    """
    if boxes is None:
        return maps.mean((1, 2))
    edge = WINDOW - 1
    corners = box_corners(boxes, maps.shape[1] + edge, maps.shape[2] + edge, WINDOW)
    corners[:, 2:] -= edge
    inside = box_mask(corners, maps.shape[1], maps.shape[2])
    return (maps * inside).sum((1, 2)) / inside.sum((1, 2))


def ssim(generated: Tensor, reference: Tensor, boxes: Tensor | None = None) -> Tensor:
    """SSIM of each picture: (N, 3, H, W) pictures in [0, 255] twice -> (N,) in [-1, 1]; H, W >= 11.

    scikit-image's structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False) on
    RGB; `boxes` as in `mean_ssim`.
    """
    return mean_ssim(ssim_maps(generated, reference), boxes)


def _smooth(pictures: Tensor) -> Tensor:
    """(..., H, W) -> (..., H - 10, W - 10), by two matrix products: far faster than one-channel convolutions
    on a CPU."""
    height, width = pictures.shape[-2:]
    down = _band(height).to(pictures.device)
    across = down if width == height else _band(width).to(pictures.device)
    return down.T @ (pictures @ across)


@lru_cache(maxsize=64)
def _band(size: int) -> Tensor:
    """(size, size - 10): column j holds the window's weights from row j on."""
    distance = torch.arange(WINDOW) - WINDOW // 2
    kernel = torch.exp(-0.5 * (distance / SIGMA).square())
    band = torch.zeros(size, size - WINDOW + 1)
    for column in range(size - WINDOW + 1):
        band[column : column + WINDOW, column] = kernel / kernel.sum()
    return band


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
