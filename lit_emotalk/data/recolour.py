"""The same scene under another light and through another camera: pictures of a pair recoloured alike."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Recolour:
    """How far a training pair's colours are changed (our choice); both pictures of a pair change alike.

    light: standard deviation of the logarithms of brightness and contrast's gamma. tint: of each colour's
    own. Both zero leave the pictures as they are.
    """

    light: float = 0.0
    tint: float = 0.0

    def draw(self, choices: np.random.Generator) -> "Colours":
        """One change; `PLAIN` where nothing may change."""
        if not (self.light or self.tint):
            return PLAIN
        bright, gamma, *tints = choices.standard_normal(5)
        gains = np.exp(self.light * bright + self.tint * np.array(tints))
        return Colours((float(gains[0]), float(gains[1]), float(gains[2])), float(np.exp(self.light * gamma)))


@dataclass(frozen=True)
class Colours:
    """Gains of red, green and blue, and a gamma."""

    gains: tuple[float, float, float]
    gamma: float

    @property
    def numbers(self) -> Tensor:
        """(4,) float32: the gains, then the gamma."""
        return torch.tensor([*self.gains, self.gamma])


def recoloured(images: Tensor, colours: Tensor) -> Tensor:
    """Pictures (B, 3, S, S) in [-1, 1], each by its own `Colours.numbers` of (B, 4); what would be brighter
    than white is white."""
    gains, gamma = colours.to(images)[..., None, None].split((3, 1), dim=1)
    return 2 * (gains * ((images + 1) / 2).clamp(0, 1) ** gamma).clamp(max=1) - 1


PLAIN = Colours((1.0, 1.0, 1.0), 1.0)
"""The colours as they are."""
