"""The parts of the HEF generator: sampling by a flow, source encoder, style code, HEF block."""

import itertools
import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lit_emotalk.coefficients import POSE_SIZE
from lit_emotalk.models.hef import equalised
from lit_emotalk.models.hef.guide import HINTS
from lit_emotalk.models.hef.styconv import StyConv

FlowRule = Literal["residual", "whole", "shared"]

SLOPE = 0.2
"""Of the leaky rectifiers below zero."""

FIRST_RESOLUTION = 8
"""Side of the coarsest level."""

POSE_GAIN, EXPRESSION_GAIN = 4.0, 6.0
"""Radians and expression weights are small numbers; these bring their changes to the order of one (our
choice)."""

PIXELS_PER_LEVEL = 2.0
"""How far one residual may move the flow, in pixels of its own level (our choice)."""

GUIDE_GAIN = 16.0
"""Half image widths, times this, are pixels of the level of 32 (our choice)."""

MASK_LOGIT = 3.0
"""First value of the masks' logits: 95 % of the warped source, so that an untrained generator copies its
source; and, negative, of a second frame's share in it.
"""

OPENED = 4.0
"""How much lower the masks' logits are between lips that have opened: under a mask that shows the source a
generator hardly learns to draw what the source lacks (our choice)."""

SHADOW = (-0.7, -0.85, -0.85)
"""What stands between lips that have opened, until something is drawn there: red, green, blue in [-1, 1] of a
mouth's dark inside (our choice)."""


def guide_features(flow: Tensor, hints: Tensor) -> Tensor:
    """What a level's features see of the guide: (B, 2, r, r), (B, HINTS, r, r) -> (B, 2 + HINTS, r, r)."""
    return torch.cat((GUIDE_GAIN * flow, hints), 1)


def upsample(x: Tensor) -> Tensor:
    """Twice the height and width, bilinear. Flows are in units of the image, so their values stay."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def warp(x: Tensor, flow: Tensor) -> Tensor:
    """Sample `x` (B, C, H, W) at every pixel's own place plus `flow` (B, 2, H, W).

    The flow (B, 2, h, w) is a backward displacement (right, down) in half image widths: 2 spans the image. It
    may be of another size than `x`, whose samples have its size. Places outside the image take the border's
    value. Coordinates are float32 whatever the precision of `x`.
    """
    height, width = flow.shape[-2:]
    ys = (torch.arange(height, device=flow.device, dtype=torch.float32) * 2 + 1) / height - 1
    xs = (torch.arange(width, device=flow.device, dtype=torch.float32) * 2 + 1) / width - 1
    column = xs[None, None, :] + flow[:, 0].float()
    row = ys[None, :, None] + flow[:, 1].float()
    grid = torch.stack((column, row), -1)
    sampled = F.grid_sample(x.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)
    return sampled.to(x.dtype)


def mix(made: Tensor, warped: Tensor, share: Tensor) -> Tensor:
    """`share` (in [0, 1]) of `warped`, the rest of `made`."""
    return made + share * (warped - made)


def shadowed(picture: Tensor, shadow: Tensor, guide: tuple[Tensor, Tensor] | None) -> Tensor:
    """A warped source's picture (B, 3, H, W), of the colour `shadow` (3, 1, 1) where lips have opened."""
    return picture if guide is None else mix(picture, shadow, guide[1][:, :1])


class SourceLevel(NamedTuple):
    """A level of a source's pyramid: the picture (B, 3, R, R) and the features (B, C, r, r) to warp."""

    picture: Tensor
    features: Tensor

    def repeated(self, rows: int) -> "SourceLevel":
        """For so many rows, where it is of one."""
        return SourceLevel(*(each.expand(rows, -1, -1, -1) for each in self))

    def warped(self, flow: Tensor) -> "SourceLevel":
        """Both sampled at a flow (B, 2, r, r): (B, 3, r, r) and (B, C, r, r)."""
        return SourceLevel(warp(self.picture, flow), warp(self.features, flow))


class SourceEncoder(nn.Module):
    """The pyramid of a source image, made once per clip.

    image (B, 3, S, S) in [-1, 1] -> list of levels from r = 8 to S. The picture of a level is area-averaged
    to its resolution; the last one, which results are made of, is enlarged `enlarge` times (bicubic), so that
    the bilinear warp blurs it little. A level's features see its picture and the features above it: a picture
    of half the side gives a pyramid that lacks the finest level.
    """

    def __init__(self, channels: tuple[int, ...], enlarge: int = 1) -> None:
        super().__init__()
        self.enlarge = enlarge
        fine_to_coarse = channels[::-1]
        gain = math.sqrt(2 / (1 + SLOPE**2))
        self.stems = nn.ModuleList(equalised.Conv2d(3, width, 3, gain=gain) for width in fine_to_coarse)
        self.down = nn.ModuleList(
            nn.Sequential(
                equalised.Conv2d(fine, coarse, 4, stride=2, gain=gain),
                nn.LeakyReLU(SLOPE),
                equalised.Conv2d(coarse, coarse, 3, gain=gain),
            )
            for fine, coarse in itertools.pairwise(fine_to_coarse)
        )

    def forward(self, image: Tensor) -> list[SourceLevel]:
        """The pyramid, coarse to fine."""
        finest = len(self.stems) - (image.shape[-1] // FIRST_RESOLUTION).bit_length()
        x = F.leaky_relu(self.stems[finest](image), SLOPE)
        large = image
        if self.enlarge > 1:
            large = F.interpolate(image, scale_factor=self.enlarge, mode="bicubic", align_corners=False)
        pyramid = [SourceLevel(large, x)]
        for down, stem in zip(self.down[finest:], self.stems[finest + 1 :], strict=True):
            image = F.avg_pool2d(image, 2)
            x = F.leaky_relu((down(x) + stem(image)) * math.sqrt(0.5), SLOPE)
            pyramid.append(SourceLevel(image, x))
        return pyramid[::-1]


class StyleEncoder(nn.Module):
    """The style code: what should happen to the source's face.

    source (B, K), driving (B, W, K) -> (B, style_size). The window, absolute and relative to the source,
    goes through strided temporal convolutions; the centre frame also goes round them, because it is the
    frame to draw.
    """

    def __init__(self, coefficients: int, window: int, style_size: int) -> None:
        super().__init__()
        gain = torch.full((coefficients,), EXPRESSION_GAIN)
        gain[-POSE_SIZE:] = POSE_GAIN
        self.register_buffer("gain", gain, persistent=False)
        self.gain: Tensor
        layers: list[nn.Module] = []
        width, length = 2 * coefficients, window
        while length >= 3:
            layers += [equalised.Conv1d(width, style_size, 3, stride=3), nn.LeakyReLU(SLOPE)]
            width, length = style_size, length // 3
        self.window = nn.Sequential(*layers)
        self.mapping = nn.Sequential(
            equalised.Linear(width + 2 * coefficients, style_size),
            nn.LeakyReLU(SLOPE),
            equalised.Linear(style_size, style_size),
            nn.LeakyReLU(SLOPE),
        )

    def forward(self, source: Tensor, driving: Tensor) -> Tensor:
        """The style code of each sample."""
        source, driving = source * self.gain, driving * self.gain
        change = driving - source[:, None]
        context = self.window(torch.cat((driving, change), -1).transpose(1, 2)).mean(-1)
        centre = driving.shape[1] // 2
        return self.mapping(torch.cat((context, source, change[:, centre]), -1))


class Level(NamedTuple):
    """What one HEF block hands to the next: features, learned flow, its sum with the guide's, image, and what
    it made them from; `logit` is the mask's."""

    x: Tensor
    learned: Tensor
    flow: Tensor
    image: Tensor
    logit: Tensor
    mask: Tensor
    warped: Tensor


class HEFBlock(nn.Module):
    """One level of the generator; doubles the resolution unless it is the first.

    Features come up from the level below; from them the block reads a flow update, warps the source's
    features and image by its flow, mixes features by a mask, and composes the image from the warped source
    image and the synthesised one. `flow_rule` and `image_residual` are what the ablations change; see
    `next_flow`, `next_image` and `next_logit`. With a guide the flow is the guide's plus the learned one;
    with `hinted` features also see the guide's flow and hints. With two `sources` a mask mixes the warped
    second frame into the warped first.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        style_size: int,
        resolution: int,
        convolutions: int,
        flow_rule: FlowRule,
        image_residual: bool,
        hinted: bool,
        first: bool,
        sources: int = 1,
    ) -> None:
        super().__init__()
        self.first, self.flow_rule, self.image_residual = first, flow_rule, image_residual
        self.reach = PIXELS_PER_LEVEL * 2 / resolution
        self.register_buffer("shadow", torch.tensor(SHADOW)[:, None, None], persistent=False)
        self.shadow: Tensor
        self.expand = StyConv(in_channels, channels, style_size)
        self.hints = equalised.Conv2d(2 + HINTS, channels, 1) if hinted else None
        heads = (4 if flow_rule != "shared" else 2) + sources - 1
        self.motion = equalised.Conv2d(channels, heads, 3, zero=True)
        self.refine = nn.ModuleList(StyConv(channels, channels, style_size) for _ in range(convolutions))
        self.rgb = equalised.Conv2d(channels, 3, 3, zero=True)

    def next_flow(self, flow: Tensor, update: Tensor) -> Tensor:
        """This level's learned flow, from the one so far (already at this size) and this level's update (B,
        2, H, W).
        """
        if self.flow_rule == "residual":
            return flow + self.reach * torch.tanh(update)
        if self.flow_rule == "whole":
            return torch.tanh(update)
        return flow

    def next_image(self, image: Tensor, warped: Tensor, mask: Tensor, update: Tensor) -> Tensor:
        """This level's image: the image so far (already at this size) and the warped source, mixed by the
        mask, with this level's update added; or, without residuals, the update itself mixed with the source.
        """
        if self.image_residual:
            return mix(image, warped, mask) + update
        return mix(update, warped, mask)

    def next_logit(self, logit: Tensor, update: Tensor) -> Tensor:
        """The logit of this level's mask: the one so far (already at this size) with this level's update, so
        that what is drawn stays drawn above; or, without residuals, the update itself."""
        return update + (logit if self.image_residual else MASK_LOGIT)

    def share(self, logit: Tensor, guide: tuple[Tensor, Tensor] | None) -> Tensor:
        """The warped source's share in this level's image or features, lower between lips that have opened
        (`OPENED`)."""
        return torch.sigmoid(logit if guide is None else logit - OPENED * guide[1][:, :1])

    def forward(
        self,
        below: Level,
        source: SourceLevel,
        style: Tensor,
        guide: tuple[Tensor, Tensor] | None,
        second: tuple[SourceLevel, Tensor] | None = None,
    ) -> Level:
        """`source` is this level of the pyramid, `guide` its flow (B, 2, H, W) and hints (B, HINTS, H, W);
        `second` this level and the flow of a second frame."""
        x, learned, image, logit = below.x, below.learned, below.image, below.logit
        x = self.expand(x, style)
        if not self.first:
            x, learned, image, logit = (upsample(each) for each in (x, learned, image, logit))
        if self.hints is not None and guide is not None:
            x = x + self.hints(guide_features(*guide))
        heads = self.motion(x)
        keep = self.share(heads[:, :1] + MASK_LOGIT, guide)
        logit = self.next_logit(logit, heads[:, 1:2].float())
        mask = self.share(logit, guide)
        learned = self.next_flow(learned, heads[:, 2:4].float())
        flow = learned if guide is None else guide[0] + learned
        picture, features = source.warped(flow)
        if second is not None:
            other, other_guide = second
            share = torch.sigmoid(heads[:, -1:] - MASK_LOGIT)
            pairs = zip((picture, features), other.warped(other_guide + learned), strict=True)
            picture, features = (mix(own, seen, share) for own, seen in pairs)
        picture = shadowed(picture, self.shadow, guide)
        x = mix(x, features.to(x.dtype), keep)
        for convolution in self.refine:
            x = convolution(x, style)
        image = self.next_image(image, picture, mask, self.rgb(x))
        return Level(x, learned, flow, image, logit, mask, picture)
