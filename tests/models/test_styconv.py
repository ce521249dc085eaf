"""StyConv against per-sample weights."""

import torch
from torch.nn import functional as F

from lit_emotalk.models.hef.styconv import StyConv


def test_styconv_is_stylegan2s_per_sample_convolution() -> None:
    torch.manual_seed(0)
    layer = StyConv(5, 7, 4)
    torch.nn.init.normal_(layer.bias)
    torch.nn.init.normal_(layer.affine.weight)
    x, style = torch.randn(3, 5, 6, 6), torch.randn(3, 4)
    rows = []
    for row, scale in zip(x, layer.affine(style), strict=True):
        weight = layer.weight * scale[None, :, None, None]
        weight = weight / weight.pow(2).sum((1, 2, 3), keepdim=True).add(1e-8).sqrt()
        rows.append(F.conv2d(row[None], weight, layer.bias, padding=1))
    expected = F.leaky_relu(torch.cat(rows), 0.2) * 2**0.5
    torch.testing.assert_close(layer(x, style), expected, atol=1e-5, rtol=1e-4)
