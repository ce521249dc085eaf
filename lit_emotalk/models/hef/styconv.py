"""StyConv: the style-modulated convolution of the HEF block (supplement 1.3, Fig. 1b)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lit_emotalk.models.hef import equalised


class StyConv(nn.Module):
    """A convolution whose input channels are scaled by the style and whose output is demodulated.

    A (learned affine) gives one scale per input channel, Mod multiplies, Demod divides every output
    channel by the norm of its modulated weights: StyleGAN2, equations 1-3. Scaling the activations
    instead of the weights is the same function with one shared weight for the whole batch (StyleGAN2,
    section 2.2), so it stays a plain convolution. Bias and a leaky ReLU (0.2, gain sqrt 2) follow; the gain
    is in norm and bias. Under autocast all that is as large as the activations has their precision.

    Shapes: x (B, in_channels, H, W), style (B, style_size) -> (B, out_channels, H, W).
    """

    def __init__(self, in_channels: int, out_channels: int, style_size: int, kernel: int = 3) -> None:
        super().__init__()
        self.unit = equalised.unit_weights(out_channels, in_channels, kernel)
        self.gain = 1 / math.sqrt(in_channels * kernel**2)
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.affine = equalised.Linear(style_size, in_channels, gain=0.5, bias=1.0)

    @property
    def weight(self) -> Tensor:
        """The convolution's weights (out_channels, in_channels, kernel, kernel)."""
        return self.gain * self.unit

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Modulate, convolve, demodulate, activate."""
        scale, weight = self.affine(style), self.weight
        y = F.conv2d(x * scale[:, :, None, None], weight, padding=weight.shape[-1] // 2)
        power = weight.square().sum((2, 3))
        norm = math.sqrt(2) * torch.rsqrt(F.linear(scale.square(), power) + 1e-8)
        bias = math.sqrt(2) * self.bias
        y = torch.addcmul(bias.to(y.dtype)[:, None, None], y, norm.to(y.dtype)[:, :, None, None])
        return F.leaky_relu(y, 0.2)
