"""The generator: warping against shifts, variants, safety at the start, learning."""

import itertools

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from lit_emotalk.coefficients import ARKIT, BFM
from lit_emotalk.face.regions import LANDMARKS
from lit_emotalk.losses.reconstruction import area_pyramid, pyramid_l1
from lit_emotalk.metrics.sharpness import sharpness
from lit_emotalk.models.hef.blocks import SHADOW, SourceEncoder, StyleEncoder, warp
from lit_emotalk.models.hef.generator import HEF, Frame, HEFConfig, HEFOutput


def small(**changes: object) -> HEF:
    torch.manual_seed(0)
    values: dict = {"size": "tiny", "resolution": 32, "window": 9, "guide": "none"} | changes
    return HEF(HEFConfig(**values))


def inputs(network: HEF, rows: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    size, window = network.config.resolution, network.config.window
    columns = ARKIT.size if network.config.layout == "arkit" else BFM.size
    image = torch.rand(rows, 3, size, size, generator=generator) * 2 - 1
    return (
        image,
        torch.rand(rows, columns, generator=generator),
        torch.rand(rows, window, columns, generator=generator),
    )


def draw(network: HEF, image: Tensor, source: Tensor, driving: Tensor) -> HEFOutput:
    landmarks = torch.zeros(len(image), LANDMARKS, 3, device=image.device)
    return network(network.encode_source(image, landmarks), source, driving)


def test_warp_by_whole_pixels_is_a_shift() -> None:
    image = torch.rand(1, 2, 8, 8)
    flow = torch.zeros(1, 2, 8, 8)
    torch.testing.assert_close(warp(image, flow), image)
    flow[:, 0], flow[:, 1] = 2 * 2 / 8, 1 * 2 / 8
    torch.testing.assert_close(warp(image, flow)[..., :7, :6], image[..., 1:, 2:])
    torch.testing.assert_close(warp(image, flow)[..., :7, 7], image[..., 1:, 7])


def test_an_enlarged_source_stays_exact_where_nothing_moves_and_sharper_where_it_does() -> None:
    drawn = torch.Generator().manual_seed(0)
    image = torch.rand(1, 3, 32, 32, generator=drawn) * 2 - 1
    half = torch.full((1, 2, 32, 32), 0.5 * 2 / 32)
    kept = []
    for enlarge in (1, 3, 5):
        picture = SourceEncoder((8, 8, 8), enlarge)(image)[-1].picture
        assert picture.shape[-1] == 32 * enlarge
        torch.testing.assert_close(warp(picture, 0 * half), image, atol=1e-5, rtol=0)
        kept.append(float(sharpness(127.5 * (warp(picture, half) + 1)) / sharpness(127.5 * (image + 1))))
    assert kept[0] < 0.5 * kept[1] and kept[1] < kept[2]


@pytest.mark.parametrize("size", ["tiny", "realtime", "base"])
@pytest.mark.parametrize("resolution", [128, 256, 512])
def test_every_size_and_resolution_has_its_levels(size: str, resolution: int) -> None:
    with torch.device("meta"):
        network = HEF(HEFConfig(size=size, resolution=resolution, guide="none"))  # type: ignore[arg-type]
        output = draw(
            network, torch.empty(2, 3, resolution, resolution), torch.empty(2, 57), torch.empty(2, 27, 57)
        )
    sizes = [8 << level for level in range(resolution.bit_length() - 3)]
    assert output.image.shape == (2, 3, resolution, resolution)
    assert [flow.shape for flow in output.flows] == [(2, 2, s, s) for s in sizes]
    assert [mask.shape for mask in output.masks] == [(2, 1, s, s) for s in sizes]
    assert [level.shape for level in output.warped] == [(2, 3, s, s) for s in sizes]
    assert [level.shape for level in output.images] == [(2, 3, s, s) for s in sizes]


def test_untrained_generator_copies_its_source() -> None:
    network = small()
    image, source, driving = inputs(network)
    image = F.interpolate(F.avg_pool2d(image, 8), scale_factor=8.0, mode="bilinear")
    output = draw(network, image, source, driving)
    assert all(flow.abs().max() == 0 for flow in output.flows)
    torch.testing.assert_close(output.warped[-1], image)
    error = (output.image - image).square().mean()
    assert 10 * torch.log10(4 / error) > 35


def test_variants_differ_in_their_flows_as_drawn() -> None:
    expected = {
        "full": ["residual"] * 5,
        "wo_res": ["whole"] * 5,
        "wo_hie": ["shared", "shared", "whole", "shared", "shared"],
    }
    for variant, rules in expected.items():
        config = HEFConfig(variant=variant, resolution=128)  # type: ignore[arg-type]
        assert [config.flow_rule(resolution) for resolution in config.resolutions] == rules


def grown(variant: str) -> HEF:
    """A generator of 64 pixels whose motion heads move, as after training."""
    network = small(variant=variant, resolution=64)
    for block in network.blocks:
        torch.nn.init.normal_(block.motion.weight, std=2.0)
        torch.nn.init.normal_(block.motion.bias, std=0.5)
    return network


def test_full_flow_stays_within_two_pixels_of_the_level_below() -> None:
    network = grown("full")
    flows = draw(network, *inputs(network)).flows
    assert flows[-1].abs().max() > 0.05
    for coarse, fine in itertools.pairwise(flows):
        up = F.interpolate(coarse, scale_factor=2.0, mode="bilinear")
        pixels = (fine - up).abs().max() * fine.shape[-1] / 2
        assert 0 < pixels <= 2.0 + 1e-4


def test_wo_hie_has_one_flow_and_wo_res_independent_ones() -> None:
    one = grown("wo_hie")
    flows = draw(one, *inputs(one)).flows
    assert flows[0].abs().max() == 0 and flows[1].abs().max() == 0
    torch.testing.assert_close(flows[3], F.interpolate(flows[2], scale_factor=2.0, mode="bilinear"))
    whole = grown("wo_res")
    flows = draw(whole, *inputs(whole)).flows
    up = F.interpolate(flows[2], scale_factor=2.0, mode="bilinear")
    assert (flows[3] - up).abs().max() * flows[3].shape[-1] / 2 > 2.0


def test_masks_inherit_what_is_drawn_below() -> None:
    full, whole = (small(variant=variant, resolution=64) for variant in ("full", "wo_res"))
    for network in (full, whole):
        with torch.no_grad():
            network.blocks[1].motion.bias[1] = -5.0
    masks, own = (draw(network, *inputs(network)).masks for network in (full, whole))
    assert masks[0].min() > 0.95 and masks[1].max() < 0.13, "drawn from the second level on ..."
    torch.testing.assert_close(masks[3].unique(), masks[1].unique())
    assert own[1].max() < 0.13 and own[3].min() > 0.95, "... but where each level decides alone"


def test_a_picture_of_half_the_side_is_drawn_without_the_finest_level() -> None:
    network = grown("full")
    image, source, driving = inputs(network)
    half = F.avg_pool2d(image, 2)
    output = draw(network, half, source, driving)
    assert output.image.shape == half.shape and len(output.masks) == 3
    smaller = small(resolution=32)
    names = dict(network.named_parameters())
    for name, value in smaller.named_parameters():
        part, *rest = name.split(".")
        if part == "encoder":
            kind, number, *rest = rest
            name = ".".join(["encoder", kind, str(int(number) + 1), *rest])
        value.data.copy_(names[name])
    torch.testing.assert_close(output.image, draw(smaller, half, source, driving).image)


def test_rows_are_independent_and_one_pyramid_serves_all() -> None:
    network = grown("full").eval()
    image, source, driving = inputs(network, rows=3)
    together = draw(network, image[:1], source[:1], driving).image
    alone = draw(network, image[:1], source[:1], driving[2:]).image
    torch.testing.assert_close(together[2:], alone, atol=1e-4, rtol=1e-3)
    assert (together[0] - together[2]).abs().max() > 1e-3


def test_style_reads_the_middle_frame_its_neighbours_and_the_source() -> None:
    torch.manual_seed(0)
    encoder = StyleEncoder(57, 27, 16)
    source, driving = torch.rand(1, 57), torch.rand(1, 27, 57)
    code = encoder(source, driving)
    for frame in (0, 13, 26):
        changed = driving.clone()
        changed[:, frame] += 0.5
        assert (encoder(source, changed) - code).abs().max() > 1e-4
    assert (encoder(source + 0.5, driving) - code).abs().max() > 1e-4


def test_bfm_layout_and_bfloat16() -> None:
    network = small(layout="bfm")
    with torch.autocast("cpu", torch.bfloat16):
        output = draw(network, *inputs(network))
    assert output.image.dtype == torch.float32 and output.flows[-1].dtype == torch.float32
    assert torch.isfinite(output.image).all()


def test_config_refuses_what_it_cannot_build() -> None:
    for wrong in (
        {"resolution": 100},
        {"resolution": 8},
        {"window": 4},
        {"size": "huge"},
        {"variant": "none"},
        {"guide": "map"},
        {"layout": "bfm"},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            HEFConfig(**wrong)  # type: ignore[arg-type]


def squares(rows: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Random blobs on random ground, at places given by two pose numbers: source, target, their
    coefficients.
    """
    grid = torch.arange(32) / 16 - 1
    colours = torch.rand(rows, 2, 3, generator=generator) * 2 - 1

    def picture(places: Tensor) -> Tensor:
        far = (grid[None, None, :] - places[:, 0, None, None]) ** 2 + (
            grid[None, :, None] - places[:, 1, None, None]
        ) ** 2
        blob = torch.sigmoid((0.2 - far) * 30)[:, None]
        return blob * colours[:, 0, :, None, None] + (1 - blob) * colours[:, 1, :, None, None]

    places = (torch.rand(rows, 2, 2, generator=generator) - 0.5) * 0.8
    coefficients = torch.zeros(rows, 2, 57)
    coefficients[..., -3:-1] = places
    return picture(places[:, 0]), picture(places[:, 1]), coefficients[:, 0], coefficients[:, 1]


def two_sources() -> tuple[HEF, Tensor, Tensor, Tensor, Tensor]:
    """A generator of two sources; image, landmarks (of the resting face), coefficients, driving."""
    network = small(guide="basis", sources=2)
    image, source, driving = inputs(network)
    assert network.guide is not None
    landmarks = (network.guide.mean / 4 + 0.5).expand(len(image), -1, -1)
    still = torch.zeros_like(source)
    still[:, -1] = -1.0
    return network, image, landmarks, still, still[:, None].expand_as(driving)


def test_what_opens_between_the_lips_is_dark_and_left_to_be_drawn() -> None:
    network = small(guide="basis")
    image, source, driving = inputs(network)
    assert network.guide is not None
    landmarks = (network.guide.mean / 4 + 0.5).expand(len(image), -1, -1)
    shut = torch.zeros_like(source)
    shut[:, -1] = -0.7
    wide = shut.clone()
    wide[:, ARKIT.names.index("jawOpen")] = 1.0
    pale = torch.full_like(image, 0.9)
    with torch.no_grad():
        encoded = network.encode_source(pale, landmarks)
        still, opened = (network(encoded, shut, c[:, None].expand_as(driving)) for c in (shut, wide))
        again = network(encoded, wide, wide[:, None].expand_as(driving))
    assert still.image.min() > 0.89 and again.image.min() > 0.89, "an open mouth's inside is the source's"
    assert still.masks[-1].min() > 0.9 and opened.masks[-1].min() < 0.4
    dark = opened.warped[-1].amin((0, 2, 3))
    torch.testing.assert_close(dark, torch.tensor(SHADOW), atol=0.5, rtol=0)
    assert (opened.image < 0.5).float().mean() < 0.05, "the rest of the face is as it was"


def test_a_second_frame_is_mixed_in_by_its_mask() -> None:
    network, image, landmarks, still, driving = two_sources()
    other = Frame(-image, landmarks, still)
    with torch.no_grad():
        alone = network(network.encode_source(image, landmarks), still, driving)
        itself = network.encode_source(image, landmarks, Frame(image, landmarks, still))
        torch.testing.assert_close(alone.image, network(itself, still, driving).image)
        both = network.encode_source(image, landmarks, other)
        share = torch.sigmoid(torch.tensor(-3.0))
        before = network(both, still, driving).warped[-1]
        torch.testing.assert_close(before, (1 - 2 * share) * alone.warped[-1], atol=1e-5, rtol=1e-4)
        for block in network.blocks:
            block.motion.bias[-1] = 20.0
        chosen = network(both, still, driving)
        torch.testing.assert_close(chosen.warped[-1], -alone.warped[-1], atol=1e-5, rtol=1e-4)


def test_every_part_of_a_second_frame_is_trained() -> None:
    network, image, landmarks, still, driving = two_sources()
    second = Frame(-image.clone().requires_grad_(), landmarks, still)
    second.image.retain_grad()
    output = network(network.encode_source(image, landmarks, second), still, driving)
    output.image.square().mean().backward()
    assert second.image.grad is not None and second.image.grad.abs().max() > 0
    assert all(block.motion.weight.grad[-1].abs().max() > 0 for block in network.blocks)


def test_a_generator_of_one_source_refuses_a_second() -> None:
    _, image, landmarks, still, _ = two_sources()
    with pytest.raises(ValueError, match="sources: 1"):
        small(guide="basis").encode_source(image, landmarks, Frame(image, landmarks, still))
    with pytest.raises(ValueError, match="guide"):
        HEFConfig(guide="none", sources=2)


def test_learns_to_move_what_it_has_never_seen() -> None:
    network = small()
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(network.parameters(), 2e-3, betas=(0.5, 0.99))
    for _ in range(55):
        first, second, source, target = squares(8, generator)
        output = draw(network, first, source, target[:, None].expand(-1, 9, -1))
        targets, regions = area_pyramid(second, 3), area_pyramid(torch.ones_like(second[:, :1]), 3)
        loss = pyramid_l1(output.images, targets, regions) + pyramid_l1(output.warped, targets, regions)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    first, second, source, target = squares(64, generator)
    with torch.no_grad():
        output = draw(network, first, source, target[:, None].expand(-1, 9, -1))
    drawn = (output.image - second).square().mean()
    copied = (first - second).square().mean()
    assert 10 * torch.log10(copied / drawn) > 6
