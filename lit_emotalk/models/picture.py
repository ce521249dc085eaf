"""Pictures as the networks take them, and their edges."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


def to_tensor(image: np.ndarray, device: torch.device) -> Tensor:
    """One picture (H, W, 3) uint8 -> (1, 3, H, W) float32 in [-1, 1]."""
    return torch.tensor(image, device=device).permute(2, 0, 1)[None].float() / 127.5 - 1


def laplacian(images: Tensor, padding: int = 0) -> Tensor:
    """The 3x3 Laplacian of each channel: (N, C, H, W) -> (N, C, H - 2 + 2 padding, W - 2 + 2 padding)."""
    channels = images.shape[1]
    axis = torch.arange(-1, 2, device=images.device).abs()
    steps = axis[:, None] + axis
    kernel = (steps == 1).to(images) - 4 * (steps == 0).to(images)
    return F.conv2d(images, kernel.expand(channels, 1, 3, 3), padding=padding, groups=channels)
