"""HEF, the High-fidelity Emotional Face generator (stage 3): flows and faces learned coarse to fine as
residuals.

    source image --> encoder --> pyramid  P8 ... PS            (once per clip)
    source and driving coefficients --> style code s           (every frame)
    source landmarks, coefficients --> guide  g8 ... gS        (every frame; see guide.py)
                                         and hints  h8 ... hS

    full                          w/o res.                      w/o hie.
    flow8  = d8                   flow8  = D8                   flow8  = 0
    flow16 = up(flow8)  + d16     flow16 = D16                  flow16 = 0
    flow32 = up(flow16) + d32     flow32 = D32                  flow32 = D32
    flow64 = up(flow32) + d64     flow64 = D64                  flow64 = up(flow32)
    image  = up(image)  + update  image  = update               image  = up(image) + update

    d: a residual, within two pixels of its level;  D: a whole flow, within half the image;
    to each level's flow its guide is added, and each level's features see it and the hints;
    where image on the right is mixed with the warped source:  mask * warp(source, flow) + (1 - mask) * image;
    where the mask's logit is up(logit) + update, so that what is drawn stays drawn above (w/o res.: update),
    less between lips that have opened, where the source has nothing to show and is dark;
    at every level:  x = StyConv(mix(x, warp(P, flow)))

The three are the paper's network and its two ablations (supplement 1.4, Fig. 2), read by us: the main
paper's block diagram is not at hand. Composing the image from the warped source at every level is our
choice: it keeps results sharp, the more so as the last level warps an enlarged source (`enlarge`). So is the
guide (`guide: none` leaves it out): without it an untrained generator copies its source, with it the
source's face already moves as driven, over a dark mouth. Its hints say where there is something to draw that
the source does not show: what lies between the lips and where from the teeth, where skin folds. And so is a
second frame of the same person (`sources: 2`), for what the first does not show, as the teeth of a closed
mouth: it is warped like the first, with a guide of its own, and a mask says how much of it goes into the
warped source.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from lit_emotalk.coefficients import get_layout
from lit_emotalk.models.hef import equalised
from lit_emotalk.models.hef.blocks import (
    FIRST_RESOLUTION,
    MASK_LOGIT,
    FlowRule,
    HEFBlock,
    Level,
    SourceEncoder,
    SourceLevel,
    StyleEncoder,
)
from lit_emotalk.models.hef.guide import FINEST, FaceGuide

SHARED_FLOW_RESOLUTION = 32

CHANNELS: dict[str, tuple[int, ...]] = {
    "tiny": (192, 160, 128, 64, 32, 8, 8),
    "realtime": (256, 256, 256, 128, 64, 32, 16),
    "base": (512, 512, 512, 256, 128, 64, 32),
}
"""Channels of the levels 8, 16, 32, 64, 128, 256 and 512 (our choice)."""

STYLE_SIZE: dict[str, int] = {"tiny": 256, "realtime": 256, "base": 512}
CONVOLUTIONS: dict[str, int] = {"tiny": 1, "realtime": 1, "base": 2}


@dataclass(frozen=True)
class HEFConfig:
    """What defines a HEF generator.

    size: channels and convolutions of the levels, see `CHANNELS`. resolution: of the picture, 128, 256 or 512
    (any power of two from 16 to 512 works). variant: the paper's network or one of its ablations, w/o res.
    and w/o hie. layout: of the coefficients that drive it. window: number of driving frames, odd. guide:
    `basis`, the flow that the linear face gives (the layout arkit alone); `skin`, the same with real skin
    that moves farther (`LinearFace.skin`), for drawing people with a network that was trained on rendered
    ones; or `none`. sources: 2 for a second frame of the person, which needs a guide. enlarge: 3 or 5 for so
    many times larger a source at the last level's warp, 1 for none (softer); odd, so that what does not move
    stays as it is.
    """

    size: Literal["tiny", "realtime", "base"] = "base"
    resolution: int = 256
    variant: Literal["full", "wo_res", "wo_hie"] = "full"
    layout: str = "arkit"
    window: int = 27
    guide: Literal["basis", "skin", "none"] = "basis"
    sources: Literal[1, 2] = 1
    enlarge: Literal[1, 3, 5] = 3

    def __post_init__(self) -> None:
        known = [FIRST_RESOLUTION << level for level in range(1, len(CHANNELS["base"]))]
        if self.resolution not in known:
            raise ValueError(f"resolution must be one of {known}, not {self.resolution}")
        if self.size not in CHANNELS:
            raise ValueError(f"size must be one of {sorted(CHANNELS)}, not '{self.size}'")
        if self.variant not in ("full", "wo_res", "wo_hie"):
            raise ValueError(f"variant must be full, wo_res or wo_hie, not '{self.variant}'")
        if self.window < 1 or self.window % 2 == 0:
            raise ValueError(f"window must be odd and positive, not {self.window}")
        get_layout(self.layout)
        if self.guide not in ("basis", "skin", "none"):
            raise ValueError(f"guide must be basis, skin or none, not '{self.guide}'")
        if self.guide != "none" and self.layout != "arkit":
            raise ValueError(
                f"the linear face guides the layout arkit alone; give guide none for {self.layout}"
            )
        if self.enlarge not in (1, 3, 5):
            raise ValueError(f"enlarge must be 1, 3 or 5, not {self.enlarge}")
        if self.sources not in (1, 2) or (self.sources == 2 and self.guide == "none"):
            raise ValueError("sources must be 1, or 2 with the guide, which moves the second frame")

    @property
    def resolutions(self) -> list[int]:
        """The levels' resolutions, coarse to fine."""
        levels = (self.resolution // FIRST_RESOLUTION).bit_length()
        return [FIRST_RESOLUTION << level for level in range(levels)]

    def flow_rule(self, resolution: int) -> FlowRule:
        """How the level of that resolution gets its flow: the whole difference between the variants'
        flows.
        """
        if self.variant == "full":
            return "residual"
        if self.variant == "wo_res":
            return "whole"
        return "whole" if resolution == min(SHARED_FLOW_RESOLUTION, self.resolution) else "shared"


class Frame(NamedTuple):
    """A frame of the person: image (B, 3, S, S), landmarks (B, 478, 3) and coefficients (B, K)."""

    image: Tensor
    landmarks: Tensor
    coeffs: Tensor


class Second(NamedTuple):
    """A second frame, encoded: as in `Source`, and its coefficients (B, K)."""

    pyramid: list[SourceLevel]
    landmarks: Tensor
    coeffs: Tensor


class Source(NamedTuple):
    """A source image, encoded: its pyramid, coarse to fine, and its landmarks; and the second frame where
    there is one."""

    pyramid: list[SourceLevel]
    landmarks: Tensor
    second: Second | None = None


class HEFOutput(NamedTuple):
    """What the generator gives. Lists are coarse to fine, one entry a level.

    image (B, 3, S, S) in [-1, 1]; flows (B, 2, r, r), backward, in half image widths, guide included;
    masks (B, 1, r, r) in [0, 1], the share of the warped source in the image; warped (B, 3, r, r), the source
    image warped; images (B, 3, r, r), the composed images before clipping.
    """

    image: Tensor
    flows: list[Tensor]
    masks: list[Tensor]
    warped: list[Tensor]
    images: list[Tensor]


class HEF(nn.Module):
    """The generator; see the module's docstring. Runs under torch.compile and torch.export."""

    Config = HEFConfig

    def __init__(self, config: HEFConfig = HEFConfig()) -> None:
        super().__init__()
        self.config = config
        resolutions = config.resolutions
        channels = CHANNELS[config.size][: len(resolutions)]
        style_size = STYLE_SIZE[config.size]
        self.encoder = SourceEncoder(channels, config.enlarge)
        self.guide = None if config.guide == "none" else FaceGuide(skin=config.guide == "skin")
        self.style = StyleEncoder(get_layout(config.layout).size, config.window, style_size)
        self.place = equalised.Linear(style_size, channels[0] * FIRST_RESOLUTION**2)
        self.blocks = nn.ModuleList(
            HEFBlock(
                in_channels=2 * channels[0] if level == 0 else channels[level - 1],
                channels=channels[level],
                style_size=style_size,
                resolution=resolution,
                convolutions=CONVOLUTIONS[config.size],
                flow_rule=config.flow_rule(resolution),
                image_residual=config.variant != "wo_res",
                hinted=config.guide != "none" and resolution <= FINEST,
                sources=config.sources,
                first=level == 0,
            )
            for level, resolution in enumerate(resolutions)
        )

    def encode_source(self, image: Tensor, landmarks: Tensor, second: Frame | None = None) -> Source:
        """What `forward` needs of source images (B, 3, S, S) in [-1, 1] and their landmarks (B, 478, 3) in
        crop units; made once per clip. Of images of half the side, or a quarter, pictures of that size are
        drawn, without the finest levels.

        Where a generator of two sources gets one, it serves as both. ValueError for a second frame that the
        generator has no place for.
        """
        if second is None:
            return Source(self.encoder(image), landmarks)
        if self.config.sources == 1:
            raise ValueError("this generator draws from one frame of a person (sources: 1)")
        return Source(
            self.encoder(image),
            landmarks,
            Second(self.encoder(second.image), second.landmarks, second.coeffs),
        )

    def forward(self, source: Source, source_coeffs: Tensor, driving: Tensor) -> HEFOutput:
        """Draw the source's face as driven.

        `source_coeffs` (B, K) are the source image's coefficients; `driving` (B, window, K) those of the
        frames around the one to draw, which is the middle one. The source may have a batch of 1: it then
        serves every row.
        """
        rows = driving.shape[0]
        pyramid = [level.repeated(rows) for level in source.pyramid]
        source_coeffs = source_coeffs.expand(rows, -1)
        style = self.style(source_coeffs, driving)
        guides: list[tuple[Tensor, Tensor]] | list[None] = [None] * len(pyramid)
        others: list[tuple[SourceLevel, Tensor]] | list[None] = [None] * len(pyramid)
        if self.guide is not None:
            landmarks = source.landmarks.expand(rows, -1, -1)
            centre = driving[:, self.config.window // 2]
            resolutions = self.config.resolutions[: len(pyramid)]
            guides = list(zip(*self.guide(landmarks, source_coeffs, centre, resolutions), strict=True))
            if self.config.sources == 2:
                others = self._guided(
                    source.second or Second(source.pyramid, source.landmarks, source_coeffs), centre
                )
        coarse = pyramid[0]
        place = self.place(style).unflatten(1, (-1, FIRST_RESOLUTION, FIRST_RESOLUTION))
        image = coarse.picture
        level = Level(
            x=torch.cat((coarse.features, place), 1),
            learned=torch.zeros_like(image[:, :2], dtype=torch.float32),
            flow=torch.zeros_like(image[:, :2], dtype=torch.float32),
            image=image,
            logit=torch.full_like(image[:, :1], MASK_LOGIT, dtype=torch.float32),
            mask=image[:, :1],
            warped=image,
        )
        levels: list[Level] = []
        blocks = self.blocks[: len(pyramid)]
        for block, features, guide, other in zip(blocks, pyramid, guides, others, strict=True):
            level = block(level, features, style, guide, other)
            levels.append(level)
        return HEFOutput(
            image=level.image.float().clamp(-1, 1),
            flows=[each.flow for each in levels],
            masks=[each.mask for each in levels],
            warped=[each.warped for each in levels],
            images=[each.image for each in levels],
        )

    def _guided(self, second: Second, driving: Tensor) -> list[tuple[SourceLevel, Tensor]]:
        """Each level of a second frame's pyramid, and its guide towards the driving frames (B, K)."""
        assert self.guide is not None
        rows = driving.shape[0]
        landmarks, coeffs = second.landmarks.expand(rows, -1, -1), second.coeffs.expand(rows, -1)
        resolutions = self.config.resolutions[: len(second.pyramid)]
        flows = self.guide(landmarks, coeffs, driving, resolutions).flows
        pyramid = [level.repeated(rows) for level in second.pyramid]
        return list(zip(pyramid, flows, strict=True))
