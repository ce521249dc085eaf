"""QuickHEF draws what HEF draws; in bfloat16 nearly so."""

import pytest
import torch
from torch import Tensor

from lit_emotalk.face.basis import LinearFace
from lit_emotalk.models.hef.blocks import warp
from lit_emotalk.models.hef.drawing import QuickHEF, neighbours, sample
from lit_emotalk.models.hef.generator import HEF, Frame, HEFConfig

POSE = (0.05, -0.1, 0.02, 0.03, 0.0, -0.9)
ROWS = 3


def lively(**changes: object) -> HEF:
    """An untrained generator whose heads are not zero: flows, masks and images are not the first ones."""
    torch.manual_seed(0)
    values: dict = {"size": "tiny", "resolution": 64, "window": 9} | changes
    network = HEF(HEFConfig(**values)).eval()
    for block in network.blocks:
        for head in (block.motion, block.rgb):
            torch.nn.init.normal_(head.weight, std=1.0)
            torch.nn.init.normal_(head.bias, std=0.1)
        for layer in (block.expand, *block.refine):
            torch.nn.init.normal_(layer.bias, std=0.1)
    return network.to(memory_format=torch.channels_last)


def inputs(network: HEF) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A smooth picture, landmarks, the source's coefficients and driving windows."""
    drawn = torch.Generator().manual_seed(1)
    side, window = network.config.resolution, network.config.window
    coarse = torch.rand(1, 3, side // 8, side // 8, generator=drawn) * 2 - 1
    image = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bilinear")
    landmarks = (LinearFace.load().mean * torch.tensor(POSE[-1]).exp() / 2 + torch.tensor([0.5, 0.5, 0.0]))[
        None
    ]
    own = torch.cat((torch.rand(1, 51, generator=drawn) * 0.3, torch.tensor([POSE])), 1)
    moved = own.repeat(ROWS, 1) + 0.2 * torch.rand(ROWS, 57, generator=drawn)
    return image, landmarks, own, moved[:, None].repeat(1, window, 1)


@torch.no_grad()
def both(network: HEF, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    image, landmarks, own, driving = inputs(network)
    quick = QuickHEF(network, dtype)
    wanted = network(network.encode_source(image, landmarks), own, driving).image
    assert float((wanted - image).abs().mean()) > 0.02
    return quick(quick.encode_source(image, landmarks), own, driving), wanted


@pytest.mark.parametrize("variant", ["full", "wo_res", "wo_hie"])
@pytest.mark.parametrize("guide", ["basis", "none"])
def test_it_draws_what_hef_draws(variant: str, guide: str) -> None:
    got, wanted = both(lively(variant=variant, guide=guide), torch.float32)
    torch.testing.assert_close(got, wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("size", "resolution"), [("tiny", 128), ("realtime", 64), ("base", 32)])
def test_bfloat16_is_over_40_db_from_float32(size: str, resolution: int) -> None:
    got, wanted = both(lively(size=size, resolution=resolution), torch.bfloat16)
    assert got.dtype == torch.float32
    assert float(10 * torch.log10(4 / (got - wanted).square().mean())) > 40


@torch.no_grad()
@pytest.mark.parametrize("given", [True, False])
def test_two_sources(given: bool) -> None:
    network = lively(sources=2)
    for block in network.blocks:
        block.motion.bias[-1] = 3.0
    image, landmarks, own, driving = inputs(network)
    second = Frame(-image, landmarks + 0.02, own + 0.1) if given else None
    quick = QuickHEF(network)
    wanted = network(network.encode_source(image, landmarks, second), own, driving).image
    got = quick(quick.encode_source(image, landmarks, second), own, driving)
    torch.testing.assert_close(got, wanted, atol=1e-4, rtol=0)
    alone = quick(quick.encode_source(image, landmarks), own, driving)
    assert given == (float((got - alone).abs().mean()) > 0.02)


@pytest.mark.parametrize("side", [12, 36, 60])
def test_four_neighbours_are_the_warp(side: int) -> None:
    drawn = torch.Generator().manual_seed(2)
    image = torch.rand(1, 5, side, side, generator=drawn)
    flow = torch.randn(2, 2, 12, 12, generator=drawn)
    got = sample(image[0].flatten(1).T.contiguous(), *neighbours(flow, side), flow.shape)
    torch.testing.assert_close(got, warp(image.expand(2, -1, -1, -1), flow), atol=1e-5, rtol=0)
