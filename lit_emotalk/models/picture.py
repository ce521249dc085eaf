"""A picture as the networks take it."""

import numpy as np
import torch
from torch import Tensor


def to_tensor(image: np.ndarray, device: torch.device) -> Tensor:
    """One picture (H, W, 3) uint8 -> (1, 3, H, W) float32 in [-1, 1]."""
    return torch.tensor(image, device=device).permute(2, 0, 1)[None].float() / 127.5 - 1
