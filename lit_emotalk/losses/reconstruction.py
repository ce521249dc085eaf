"""Distances between drawn and true images, and the smoothness of flows."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from lit_emotalk.models.picture import laplacian

DETAIL_SIZE = 8


def weighted_l1(image: Tensor, target: Tensor, region: Tensor) -> Tensor:
    """Mean absolute difference of images (B, 3, H, W), by `weighted_mean` with `region` (B, 1, H, W)."""
    return weighted_mean((image - target).abs(), region)


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Mean over the images of each one's mean of `values` (B, C, H, W), weighted by `weights` (B, 1, H, W) >=
    0 -> scalar. Constant weights give the plain mean, an image without any counts as 0.

    Every image has the same say, so that a batch spread over processes is worth the same as in one.
    """
    sums = (values * weights).mean((1, 2, 3))
    return (sums / weights.mean((1, 2, 3)).clamp_min(1e-8)).mean()


def emphasised(region: Tensor, warped: Tensor, target: Tensor, gain: float) -> Tensor:
    """Weights `region` (B, 1, H, W), raised where a warped source (B, 3, H, W) is not the target: there is
    something to draw. Times 1 + `gain` where they differ by the mean over the image, more where they differ
    more, smoothed over `DETAIL_SIZE` pixels (our choice)."""
    apart = (warped.detach().float() - target).abs().mean(1, keepdim=True)
    near = F.avg_pool2d(apart, DETAIL_SIZE + 1, 1, DETAIL_SIZE // 2, count_include_pad=False)
    return region * (1 + gain * near / near.mean((1, 2, 3), keepdim=True).clamp_min(1e-4))


def area_pyramid(image: Tensor, levels: int) -> list[Tensor]:
    """`image` (B, C, S, S) area-averaged to S / 2^(levels-1), ..., S / 2, S: coarse to fine, as HEF's
    lists.
    """
    pyramid = [image]
    for _ in range(levels - 1):
        pyramid.append(F.avg_pool2d(pyramid[-1], 2))
    return pyramid[::-1]


def pyramid_l1(images: Sequence[Tensor], targets: Sequence[Tensor], regions: Sequence[Tensor]) -> Tensor:
    """`weighted_l1` of every level, averaged over levels; three lists of one length (see `area_pyramid`)."""
    each = [weighted_l1(*level) for level in zip(images, targets, regions, strict=True)]
    return torch.stack(each).mean()


def detail_l1(image: Tensor, target: Tensor, region: Tensor) -> Tensor:
    """How far the amount of fine detail is from the true amount: `weighted_l1` of the mean absolute Laplacian
    over neighbourhoods of `DETAIL_SIZE` pixels, of images (B, 3, H, W), weighted by `region` (B, 1, H, W).

    L1 and edges alone reward blur where a detail lies a pixel off; this asks only that it be there (our
    choice). In single precision also under autocast: small differences of neighbours are all there is.
    """
    with torch.autocast(image.device.type, enabled=False):
        made, true = (
            F.avg_pool2d(laplacian(each.float(), padding=1).abs(), DETAIL_SIZE, DETAIL_SIZE // 2)
            for each in (image, target)
        )
    return weighted_l1(made, true, F.avg_pool2d(region, DETAIL_SIZE, DETAIL_SIZE // 2))


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


def change_l1(images: Sequence[Tensor], targets: Sequence[Tensor], region: Tensor) -> Tensor:
    """How far the change from one picture to the next is from the true change: `weighted_l1` of two
    consecutive pictures' differences (our choice; it punishes flicker that each picture alone does not
    show)."""
    first, second = images
    true_first, true_second = targets
    return weighted_l1(second - first, true_second - true_first, region)


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
