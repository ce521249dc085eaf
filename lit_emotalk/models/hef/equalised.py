"""Layers with an equalised learning rate: weights of unit variance, scaled as they are used.

After Karras et al. 2018, section 4.1: Adam's steps are of one size whatever the gradient's, so that a wide
layer's output would move farther with each of them than a narrow one's.
"""

import math
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Conv2d(nn.Conv2d):
    """A convolution whose weights are drawn with unit variance and used times `gain` over the root of the
    fan-in; `zero`: they begin at zero. Biases begin at zero."""

    def __init__(
        self, narrow: int, wide: int, kernel: int, stride: int = 1, gain: float = 1.0, zero: bool = False
    ) -> None:
        super().__init__(narrow, wide, kernel, stride, padding=(kernel - 1) // 2)
        self.gain = gain / math.sqrt(narrow * kernel**2)
        if zero:
            nn.init.zeros_(self.weight)
        else:
            nn.init.normal_(self.weight)
        nn.init.zeros_(self.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(B, narrow, H, W) -> (B, wide, H / stride, W / stride)."""
        return self._conv_forward(x, _scaled(self.weight, self.gain), self.bias)


class Conv1d(nn.Conv1d):
    """The same in one dimension, without padding."""

    def __init__(self, narrow: int, wide: int, kernel: int, stride: int = 1, gain: float = 1.0) -> None:
        super().__init__(narrow, wide, kernel, stride)
        self.gain = gain / math.sqrt(narrow * kernel)
        nn.init.normal_(self.weight)
        nn.init.zeros_(self.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(B, narrow, T) -> (B, wide, (T - kernel) // stride + 1)."""
        return self._conv_forward(x, _scaled(self.weight, self.gain), self.bias)


class Linear(nn.Linear):
    """A linear layer of the same kind; its biases begin at `bias`."""

    def __init__(self, narrow: int, wide: int, gain: float = 1.0, bias: float = 0.0) -> None:
        super().__init__(narrow, wide)
        self.gain = gain / math.sqrt(narrow)
        nn.init.normal_(self.weight)
        nn.init.constant_(self.bias, bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., narrow) -> (..., wide)."""
        return F.linear(x, _scaled(self.weight, self.gain), self.bias)


def folded(layer: nn.Module) -> nn.Module:
    """The same function by a plain layer, whose weights hold the gain; a module's layers, each; others as
    they are."""
    made = deepcopy(layer)
    for each in made.modules():
        if isinstance(each, Conv1d | Conv2d | Linear):
            each.weight.data.mul_(each.gain)
            each.gain = 1.0
    return made


def unit_weights(wide: int, narrow: int, kernel: int) -> nn.Parameter:
    """Weights (wide, narrow, kernel, kernel) of unit variance."""
    return nn.Parameter(torch.randn(wide, narrow, kernel, kernel))


def _scaled(weight: Tensor, gain: float) -> Tensor:
    return weight if gain == 1.0 else gain * weight
