"""Distances between drawn and true images, and the smoothness of flows."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def weighted_l1(image: Tensor, target: Tensor, region: Tensor) -> Tensor:
    """Mean absolute difference weighted by `region` (B, 1, H, W) >= 0, divided by the weights' mean.

    Images (B, 3, H, W) -> scalar. A constant `region` gives the plain mean.
    """
    return ((image - target).abs() * region).mean() / region.mean()


def pyramid_l1(images: Sequence[Tensor], target: Tensor, region: Tensor) -> Tensor:
    """`weighted_l1` of every level against the target area-averaged to that level's size, averaged over
    levels.

    `images`: (B, 3, r, r) each, with r dividing the target's size.
    """
    total = target.new_zeros(())
    for image in images:
        size = (image.shape[-2], image.shape[-1])
        total = total + weighted_l1(
            image, F.adaptive_avg_pool2d(target, size), F.adaptive_avg_pool2d(region, size)
        )
    return total / len(images)


def flow_roughness(flows: Sequence[Tensor]) -> Tensor:
    """Mean absolute second difference of the flows (B, 2, r, r), in pixels of each level, averaged over
    levels.

    Second differences leave translation, rotation and scale of the whole free (our choice).
    """
    total = flows[0].new_zeros(())
    for flow in flows:
        pixels = flow * (flow.shape[-1] / 2)
        across = pixels[..., 2:] - 2 * pixels[..., 1:-1] + pixels[..., :-2]
        down = pixels[..., 2:, :] - 2 * pixels[..., 1:-1, :] + pixels[..., :-2, :]
        total = total + across.abs().mean() + down.abs().mean()
    return total / len(flows)


def box_psnr(image: Tensor, target: Tensor, box: Tensor) -> Tensor:
    """PSNR in dB of each image (B, 3, H, W) in [-1, 1], inside its `box` (B, 4) x0, y0, x1, y1 in pixels
    -> (B,).

    The error is floored at 1e-10 (100 dB).
    """
    height, width = image.shape[-2:]
    xs = torch.arange(width, device=image.device) + 0.5
    ys = torch.arange(height, device=image.device) + 0.5
    x0, y0, x1, y1 = box.unbind(1)
    inside = ((xs > x0[:, None]) & (xs < x1[:, None]))[:, None, :] & (
        (ys > y0[:, None]) & (ys < y1[:, None])
    )[:, :, None]
    error = ((image - target) / 2).square().mean(1)
    mean = (error * inside).sum((1, 2)) / inside.sum((1, 2)).clamp(min=1)
    return -10 * torch.log10(mean.clamp(min=1e-10))
