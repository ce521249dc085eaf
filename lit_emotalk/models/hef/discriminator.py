"""Patch discriminators at several image scales."""

import itertools
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class DiscriminatorConfig:
    """channels: of the first layer, doubled by each strided one. layers: number of strided ones. scales:
    image sizes judged.
    """

    channels: int = 64
    layers: int = 3
    scales: int = 2


class PatchDiscriminator(nn.Module):
    """Judges patches: (B, 3, H, W) in [-1, 1] -> (B, 1, h, w) logits, high for real (after pix2pix; no
    normalisation).
    """

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        widths = [3] + [channels * min(2**i, 8) for i in range(layers)]
        self.layers = nn.ModuleList(
            nn.Conv2d(narrow, wide, 4, stride=2, padding=1) for narrow, wide in itertools.pairwise(widths)
        )
        self.head = nn.Conv2d(widths[-1], 1, 3, padding=1)
        for layer in self.layers:
            assert isinstance(layer, nn.Conv2d)
            nn.init.kaiming_normal_(layer.weight, a=0.2)

    def forward(self, image: Tensor) -> Tensor:
        """One logit per patch."""
        for layer in self.layers:
            image = F.leaky_relu(layer(image), 0.2)
        return self.head(image)


class MultiScaleDiscriminator(nn.Module):
    """A patch discriminator per scale: the image, its half, its quarter, ... (after pix2pixHD)."""

    Config = DiscriminatorConfig

    def __init__(self, config: DiscriminatorConfig = DiscriminatorConfig()) -> None:
        super().__init__()
        self.config = config
        self.scales = nn.ModuleList(
            PatchDiscriminator(config.channels, config.layers) for _ in range(config.scales)
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """(B, 3, S, S) in [-1, 1] -> a list of (B, 1, h, w) logits, finest scale first."""
        logits = []
        for scale in self.scales:
            logits.append(scale(image))
            image = F.avg_pool2d(image, 2)
        return logits
