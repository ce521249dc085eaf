"""Perceptual distances: VGG19's features, or a declared substitute that needs no weights."""

import pickle
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lit_emotalk.errors import UserError
from lit_emotalk.losses.reconstruction import weighted_mean

CONVOLUTIONS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30)
"""Indices of VGG19's convolutions in torchvision's `features`, up to conv 5_2."""

AFTER_POOLING = (5, 10, 19, 28)
KEPT = (2, 7, 12, 21, 30)
VGG_SCALES = 2

SCALES = 3


def _derivatives() -> Tensor:
    """Derivative-of-binomial filters at 0, 45, 90 and 135 degrees: (4, 1, 3, 3)."""
    horizontal = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    diagonal = torch.tensor([[-2.0, -1, 0], [-1, 0, 1], [0, 1, 2]]) / 8
    return torch.stack((horizontal, diagonal, horizontal.T, diagonal.flip(1)))[:, None]


class EdgeDistance(nn.Module):
    """A perceptual distance without learned weights: oriented edges at three scales (our choice).

    On grey images in [-1, 1], at full, half and quarter size: the mean absolute difference of the oriented
    derivatives (edges in the right place) plus that of their local energy, the root mean square over 5x5
    pixels (as much texture as the target has, wherever it lies exactly: this is what blur loses).
    Weighted by `region`. In single precision also under autocast: edges are small differences.

    image, target (B, 3, H, W), region (B, 1, H, W) -> scalar.
    """

    def __init__(self, energy: float = 1.0) -> None:
        super().__init__()
        self.energy = energy
        self.register_buffer("filters", _derivatives(), persistent=False)
        self.filters: Tensor

    def forward(self, image: Tensor, target: Tensor, region: Tensor) -> Tensor:
        """The distance; 0 for equal images."""
        with torch.autocast(image.device.type, enabled=False):
            return self._distance(torch.cat((image.float(), target.float())).mean(1, keepdim=True), region)

    def _distance(self, pair: Tensor, region: Tensor) -> Tensor:
        total = pair.new_zeros(())
        for scale in range(SCALES):
            if scale:
                pair, region = F.avg_pool2d(pair, 2), F.avg_pool2d(region, 2)
            edges = F.conv2d(F.pad(pair, (1, 1, 1, 1), mode="replicate"), self.filters)
            mean = F.avg_pool2d(edges.square(), 5, stride=2, padding=2, count_include_pad=False)
            energy = (mean + 1e-6).sqrt()
            near = F.interpolate(region, size=energy.shape[-2:], mode="bilinear", align_corners=False)
            for maps, weight, factor in ((edges, region, 1.0), (energy, near, self.energy)):
                made, true = maps.chunk(2)
                total = total + factor * weighted_mean((made - true).abs(), weight)
        return total / SCALES


class VGG19Distance(nn.Module):
    """Mean absolute difference of VGG19's features, at full and half size, averaged over five layers.

    `weights` is torchvision's ImageNet state dict of VGG19; it is frozen and stays out of checkpoints.
    Images in [-1, 1]. image, target (B, 3, H, W), region (B, 1, H, W) -> scalar. After Johnson et al.
    2016 and Siarohin et al. 2019.

    Raises UserError where the file is not such a state dict.
    """

    def __init__(self, weights: Path) -> None:
        super().__init__()
        try:
            state = torch.load(weights, map_location="cpu", weights_only=True)
            for index in CONVOLUTIONS:
                for kind in ("weight", "bias"):
                    value = state[f"features.{index}.{kind}"].detach().float()
                    self.register_buffer(f"{kind}{index}", value, persistent=False)
        except (OSError, RuntimeError, KeyError, EOFError, pickle.UnpicklingError) as error:
            raise UserError(f"{weights} is not torchvision's VGG19 state dict: fetch it again") from error
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225])[:, None, None], persistent=False)
        self.mean: Tensor
        self.std: Tensor

    def features(self, image: Tensor) -> list[Tensor]:
        """ReLU 1_2, 2_2, 3_2, 4_2 and 5_2 of images in [-1, 1]."""
        x = ((image + 1) / 2 - self.mean) / self.std
        kept = []
        for index in CONVOLUTIONS:
            if index in AFTER_POOLING:
                x = F.max_pool2d(x, 2)
            x = F.relu(F.conv2d(x, getattr(self, f"weight{index}"), getattr(self, f"bias{index}"), padding=1))
            if index in KEPT:
                kept.append(x)
        return kept

    def forward(self, image: Tensor, target: Tensor, region: Tensor) -> Tensor:
        """The distance; 0 for equal images."""
        total = image.new_zeros((), dtype=torch.float32)
        for scale in range(VGG_SCALES):
            if scale:
                image, target, region = (F.avg_pool2d(x, 2) for x in (image, target, region))
            with torch.no_grad():
                true = self.features(target)
            for made, wanted in zip(self.features(image), true, strict=True):
                weight = F.adaptive_avg_pool2d(region, (made.shape[-2], made.shape[-1]))
                total = total + weighted_mean((made - wanted).abs(), weight)
        return total / (VGG_SCALES * len(KEPT))
