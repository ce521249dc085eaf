"""HEF for drawing alone: the same function of the same weights, quicker where no gradient is wanted.

What is quicker on a CPU, at 256 pixels (tests/benchmarks/hef.py):

    one convolution and one activation in place of StyConv's six passes over the features
    the warp reads each of four neighbours' channels at once (`embedding_bag`), not channel by channel
    features in `dtype`; images, flows and the guide stay float32, so that bfloat16 does not show
    of the source, what every frame needs is laid out once
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lit_emotalk.models.hef.blocks import (
    FIRST_RESOLUTION,
    MASK_LOGIT,
    HEFBlock,
    guide_features,
    shadowed,
    upsample,
)
from lit_emotalk.models.hef.equalised import folded
from lit_emotalk.models.hef.generator import HEF, Frame
from lit_emotalk.models.hef.guide import Guidance
from lit_emotalk.models.hef.styconv import StyConv


class DrawnSource(NamedTuple):
    """One source, laid out for `QuickHEF`: of every level, coarse to fine, the picture's pixels (R*R, 3) in
    float32 and the features' (r*r, C), and below them, for a generator of two sources, the second frame's;
    landmarks (1, 478, 3). `second`: that frame's landmarks and coefficients, None where it is the source."""

    pixels: list[Tensor]
    features: list[Tensor]
    landmarks: Tensor
    second: tuple[Tensor, Tensor] | None = None


class DrawnConv(nn.Module):
    """A StyConv without gradients, in `dtype`.

    Style and norm go into the weights or into the features, whichever is the smaller. The weights' norms are
    computed once.
    """

    def __init__(self, made: StyConv, dtype: torch.dtype) -> None:
        super().__init__()
        self.affine = folded(made.affine)
        self.register_buffer("weight", made.weight.detach().contiguous(memory_format=torch.channels_last))
        self.register_buffer("cast", self.weight.to(dtype))
        self.register_buffer("power", made.weight.detach().square().sum((2, 3)))
        self.register_buffer("bias", math.sqrt(2) * made.bias.detach())
        self.weight: Tensor
        self.cast: Tensor
        self.power: Tensor
        self.bias: Tensor

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """x (B, in, H, W), style (B, style_size) float32 -> (B, out, H, W)."""
        scale = self.affine(style)
        norm = math.sqrt(2) * torch.rsqrt(F.linear(scale.square(), self.power) + 1e-8)
        padding = self.weight.shape[-1] // 2
        if x.shape[0] == 1 and self.weight.numel() < x.numel():
            weight = self.weight * (norm.T * scale)[:, :, None, None]
            y = F.conv2d(x, weight.to(x.dtype), self.bias.to(x.dtype), padding=padding)
        else:
            y = F.conv2d(x * scale.to(x.dtype)[:, :, None, None], self.cast, padding=padding)
            y = torch.addcmul(self.bias.to(x.dtype)[:, None, None], y, norm.to(x.dtype)[:, :, None, None])
        return F.leaky_relu_(y, 0.2)


class QuickHEF(nn.Module):
    """Draws frames of one source as `hef` does; features are computed in `dtype`.

    Shares with `hef` what does not change; later changes of its weights are not seen.
    """

    def __init__(self, hef: HEF, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.config, self.dtype = hef.config, dtype
        self.encoder, self.guide = hef.encoder, hef.guide
        self.style, self.place = folded(hef.style), folded(hef.place)
        self.blocks = nn.ModuleList(DrawnBlock(block, dtype) for block in hef.blocks)  # type: ignore[arg-type]

    def encode_source(self, image: Tensor, landmarks: Tensor, second: Frame | None = None) -> DrawnSource:
        """Of one image (1, 3, S, S) in [-1, 1] and its landmarks (1, 478, 3) in crop units; see
        `HEF.encode_source`."""
        pyramids = [self.encoder(image)]
        if self.config.sources == 2:
            pyramids.append(pyramids[0] if second is None else self.encoder(second.image))
        levels = list(zip(*pyramids, strict=True))
        pictures = [torch.cat([each.picture[0].flatten(1).T for each in level]) for level in levels]
        features = [torch.cat([each.features[0].flatten(1).T for each in level]) for level in levels]
        return DrawnSource(
            [each.float().contiguous() for each in pictures],
            [each.to(self.dtype).contiguous() for each in features],
            landmarks,
            None if second is None else (second.landmarks, second.coeffs),
        )

    def forward(self, source: DrawnSource, source_coeffs: Tensor, driving: Tensor) -> Tensor:
        """Images (B, 3, S, S) in [-1, 1]: coefficients of the source (1, K), driving windows (B, window, K).

        On a CPU the rows are drawn one after another: one row's features stay in its caches.
        """
        style = self.style(source_coeffs.expand(driving.shape[0], -1), driving)
        centre = driving[:, self.config.window // 2]
        if style.device.type != "cpu":
            return self.paint(source, source_coeffs, style, centre)
        parts = [slice(row, row + 1) for row in range(len(style))]
        return torch.cat([self.paint(source, source_coeffs, style[p], centre[p]) for p in parts])

    def guided(
        self, source: DrawnSource, source_coeffs: Tensor, centre: Tensor
    ) -> tuple[Guidance, list[Tensor]]:
        """What the guide gives for coefficients (B, K), nothing without one; and a second frame's flows (B,
        2, r, r), nothing where there is none."""
        if self.guide is None:
            return Guidance([], []), []
        frames = [(source.landmarks, source_coeffs)]
        if self.config.sources == 2:
            frames.append(source.second or frames[0])
        rows = len(centre)
        found = [
            self.guide(landmarks.expand(rows, -1, -1), own.expand(rows, -1), centre, self.config.resolutions)
            for landmarks, own in frames
        ]
        return found[0], found[1].flows if len(found) > 1 else []

    def paint(self, source: DrawnSource, source_coeffs: Tensor, style: Tensor, centre: Tensor) -> Tensor:
        """Images (B, 3, S, S) of styles (B, style_size) and the coefficients (B, K) of the frames to draw."""
        guides, others = self.guided(source, source_coeffs, centre)
        place = self.place(style).unflatten(1, (-1, FIRST_RESOLUTION, FIRST_RESOLUTION))
        rows = len(style)
        first = FIRST_RESOLUTION**2
        coarse = _picture(source.features[0][:first], FIRST_RESOLUTION).expand(rows, -1, -1, -1)
        x = torch.cat((coarse, place.to(self.dtype)), 1).contiguous(memory_format=torch.channels_last)
        image = _picture(source.pixels[0][:first], FIRST_RESOLUTION).expand(rows, -1, -1, -1)
        learned = torch.zeros_like(image[:, :2])
        logit = torch.full_like(image[:, :1], MASK_LOGIT)
        for level, block in enumerate(self.blocks):
            guide = (guides.flows[level], guides.hints[level]) if guides.flows else None
            table = source.pixels[level], source.features[level]
            other = others[level] if others else None
            x, learned, image, logit = block(x, learned, image, logit, table, style, guide, other)
        return image.clamp(-1, 1)


class DrawnBlock(nn.Module):
    """A HEFBlock without gradients, its features in `dtype`."""

    def __init__(self, block: HEFBlock, dtype: torch.dtype) -> None:
        super().__init__()
        self.first, self.next_flow = block.first, block.next_flow
        self.next_image, self.next_logit = block.next_image, block.next_logit
        self.share = block.share
        self.register_buffer("shadow", block.shadow, persistent=False)
        self.shadow: Tensor
        self.expand = DrawnConv(block.expand, dtype)
        self.motion, self.rgb = _cast(block.motion, dtype), _cast(block.rgb, dtype)
        self.hints = None if block.hints is None else _cast(block.hints, dtype)
        self.refine = nn.ModuleList(DrawnConv(each, dtype) for each in block.refine)  # type: ignore[arg-type]

    def forward(
        self,
        x: Tensor,
        learned: Tensor,
        image: Tensor,
        logit: Tensor,
        table: tuple[Tensor, Tensor],
        style: Tensor,
        guide: tuple[Tensor, Tensor] | None,
        other: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Features, learned flow, image and mask's logit of the level below to this one's; `table`: the
        source's pixels and features, `guide` its flow and hints, `other` the flow of a second frame. See
        `HEFBlock.forward`."""
        pixels, features = table
        x = self.expand(x, style)
        if not self.first:
            x, learned, image, logit = (upsample(each) for each in (x, learned, image, logit))
        if self.hints is not None and guide is not None:
            x = x + self.hints(guide_features(*guide).to(x.dtype, memory_format=torch.channels_last))
        heads = self.motion(x).to(torch.float32, memory_format=torch.contiguous_format)
        keep = self.share(heads[:, :1] + MASK_LOGIT, guide)
        logit = self.next_logit(logit, heads[:, 1:2])
        learned = self.next_flow(learned, heads[:, 2:4])
        flows = [learned if guide is None else guide[0] + learned]
        chosen = None
        if other is not None:
            flows.append(other + learned)
            chosen = torch.sigmoid(heads[:, -1:] - MASK_LOGIT).reshape(-1, 1)
        corners, shares = reads(flows, chosen, features)
        kept = sample(features, corners, shares * keep.reshape(-1, 1), x.shape)
        x = torch.addcmul(kept, x, (1 - keep).to(x.dtype))
        for convolution in self.refine:
            x = convolution(x, style)
        if len(pixels) != len(features):
            corners, shares = reads(flows, chosen, pixels)
        warped = shadowed(sample(pixels, corners, shares, x.shape), self.shadow, guide)
        image = self.next_image(image, warped, self.share(logit, guide), self.rgb(x).float())
        return x, learned, image, logit


def reads(flows: list[Tensor], chosen: Tensor | None, table: Tensor) -> tuple[Tensor, Tensor]:
    """The pixels of a table that each place reads, and their shares (B*r*r, 4 or 8), under the flow of one
    source or of two, of which the second has the share `chosen` (B*r*r, 1) and the table's lower half."""
    half = len(table) // len(flows)
    found = [neighbours(flow, math.isqrt(half)) for flow in flows]
    if chosen is None:
        return found[0]
    (corners, shares), (others, other_shares) = found
    both = torch.cat((shares * (1 - chosen), other_shares * chosen), -1)
    return torch.cat((corners, others + half), -1), both


def neighbours(flow: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """The four pixels that each place reads under a backward flow (B, 2, r, r), as `warp` does: their numbers
    (B*r*r, 4) in the flattened image of `side` and their shares, summing to one."""
    times = side / flow.shape[-1]
    middles = torch.arange(flow.shape[-1], device=flow.device) * times + (times - 1) / 2
    column = (flow[:, 0] * (side / 2) + middles).clamp(0, side - 1)
    row = (flow[:, 1] * (side / 2) + middles[:, None]).clamp(0, side - 1)
    left, top = column.floor(), row.floor()
    right, down = column - left, row - top
    at = (top * side + left).int()
    aside = (left < side - 1).int()
    under = (top < side - 1).int() * side
    corners = torch.stack((at, at + aside, at + under, at + under + aside), -1)
    shares = torch.stack(((1 - down) * (1 - right), (1 - down) * right, down * (1 - right), down * right), -1)
    return corners.flatten(0, 2), shares.flatten(0, 2)


def sample(table: Tensor, corners: Tensor, shares: Tensor, shape: torch.Size) -> Tensor:
    """Pixels (N, C) mixed as `neighbours` says: (B, C, r, r) for a `shape` (B, _, r, r), the channels
    together in memory."""
    mixed = F.embedding_bag(corners, table, mode="sum", per_sample_weights=shares.to(table.dtype))
    return _picture(mixed, shape[-1], shape[0])


def _picture(pixels: Tensor, side: int, rows: int = 1) -> Tensor:
    return pixels.view(rows, side, side, -1).permute(0, 3, 1, 2)


def _cast(convolution: nn.Conv2d, dtype: torch.dtype) -> nn.Module:
    return folded(convolution).to(dtype).to(memory_format=torch.channels_last)
