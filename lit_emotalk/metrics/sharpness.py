"""How sharp a picture is beside the true one, by the variance of the Laplacian."""

import torch
from torch import Tensor

from lit_emotalk.metrics.base import ClipMean, Protocol
from lit_emotalk.metrics.psnr import box_corners, box_mask
from lit_emotalk.models.picture import laplacian

LUMA = (0.299, 0.587, 0.114)
EDGE = 2
"""Pixels by which the Laplacian's map is smaller than its picture."""


def sharpness(pictures: Tensor, boxes: Tensor | None = None) -> Tensor:
    """Variance of the Laplacian of the luma: (N, 3, H, W) pictures in [0, 255] -> (N,); H, W >= 3.

    Only places whose four neighbours lie in the picture count; with `boxes` (N, 4), x0, y0, x1, y1 in pixels
    (rounded, clipped), in the box. Source: Pech-Pacheco et al., "Diatom autofocusing in brightfield
    microscopy", 2000.
    """
    luma = (pictures.float() * pictures.new_tensor(LUMA, dtype=torch.float32)[:, None, None]).sum(1)
    edges = laplacian(luma[:, None])[:, 0].double()
    if boxes is None:
        return edges.var((1, 2), correction=0)
    corners = box_corners(boxes, pictures.shape[-2], pictures.shape[-1], EDGE + 1)
    corners[:, 2:] -= EDGE
    inside = box_mask(corners, edges.shape[1], edges.shape[2])
    count = inside.sum((1, 2))
    mean = (edges * inside).sum((1, 2)) / count
    return ((edges - mean[:, None, None]).square() * inside).sum((1, 2)) / count


def relative_sharpness(generated: Tensor, reference: Tensor, boxes: Tensor | None = None) -> Tensor:
    """`sharpness` of each generated picture in percent of the true one's: (N, 3, H, W) twice -> (N,).

    NaN where the true picture has no edges at all.
    """
    true = sharpness(reference, boxes)
    return (100 * sharpness(generated, boxes) / true).where(true > 0, torch.nan)


class Sharpness(ClipMean):
    """`relative_sharpness` averaged over frames, then clips. update(generated, reference, boxes=None)."""

    PROTOCOL = Protocol(
        "Sharp %", "higher", "%", "none",
        "variance of the Laplacian of the luma, in percent of the true frame's: 100 is as sharp as the truth",
    )  # fmt: skip

    def score(self, *inputs: Tensor) -> Tensor:
        """(frames,) percent."""
        return relative_sharpness(*inputs)
