"""Perceptual and reconstruction losses: zero at equality, and they see what they are there to see."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from lit_emotalk.errors import UserError
from lit_emotalk.losses.perceptual import EdgeDistance, VGG19Distance
from lit_emotalk.losses.reconstruction import (
    area_pyramid,
    box_psnr,
    detail_l1,
    emphasised,
    flow_roughness,
    pyramid_l1,
    weighted_l1,
    weighted_mean,
)


def textured(rows: int = 2, size: int = 64) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return F.avg_pool2d(torch.rand(rows, 3, size * 2, size * 2, generator=generator), 2) * 2 - 1


def blurred(image: Tensor) -> Tensor:
    return F.avg_pool2d(F.pad(image, (2, 2, 2, 2), mode="replicate"), 5, stride=1)


def ones(image: Tensor) -> Tensor:
    return torch.ones_like(image[:, :1])


def test_edges_are_zero_at_equality_and_blind_to_brightness() -> None:
    image, distance = textured(), EdgeDistance()
    assert distance(image, image, ones(image)) == 0
    assert distance(image + 0.3, image, ones(image)) < 1e-6


def test_edges_prefer_displaced_texture_to_blur_where_l1_does_not() -> None:
    image = textured()
    moved, smooth = image.roll(3, -1), blurred(image)
    assert weighted_l1(moved, image, ones(image)) > weighted_l1(smooth, image, ones(image))
    energy = EdgeDistance(energy=4.0)
    assert energy(moved, image, ones(image)) < energy(smooth, image, ones(image))


def test_edges_see_every_orientation() -> None:
    distance = EdgeDistance(energy=0.0)
    flat = torch.zeros(1, 3, 32, 32)
    ys, xs = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    for angle in (0, 45, 90, 135):
        wave = torch.sin((xs * math.cos(math.radians(angle)) + ys * math.sin(math.radians(angle))) * 0.8)
        assert distance(wave.expand(1, 3, -1, -1), flat, ones(flat)) > 0.05


@pytest.mark.parametrize("distance", [EdgeDistance(), weighted_l1])
def test_region_raises_what_lies_in_it(distance) -> None:  # type: ignore[no-untyped-def]
    target = textured(1)
    wrong = target.clone()
    wrong[..., 24:40, 24:40] = 0
    inside, outside = ones(target), ones(target)
    inside[..., 20:44, 20:44] = 10
    outside[..., :20, :20] = 10
    assert distance(wrong, target, inside) > 1.5 * distance(wrong, target, outside)
    torch.testing.assert_close(distance(wrong, target, inside), distance(wrong, target, inside * 7))


def test_pyramid_compares_each_level_with_the_reduced_target() -> None:
    target = textured(1, 32)
    regions = area_pyramid(ones(target), 3)
    levels = [F.avg_pool2d(target, 4), F.avg_pool2d(target, 2), target]
    assert pyramid_l1(levels, area_pyramid(target, 3), regions) < 1e-6
    levels[0] = levels[0] + 0.3
    torch.testing.assert_close(
        pyramid_l1(levels, area_pyramid(target, 3), regions), torch.tensor(0.1), atol=1e-6, rtol=1e-4
    )


def test_roughness_leaves_similarities_free() -> None:
    ys, xs = torch.meshgrid(torch.linspace(-1, 1, 16), torch.linspace(-1, 1, 16), indexing="ij")
    similarity = torch.stack((0.1 + 0.2 * xs - 0.1 * ys, -0.3 + 0.1 * xs + 0.2 * ys))[None]
    assert flow_roughness([similarity]) < 1e-4
    assert flow_roughness([similarity + 0.1 * torch.randn(1, 2, 16, 16)]) > 0.5


def test_box_psnr_is_per_image_and_blind_outside_the_box() -> None:
    target = torch.zeros(2, 3, 16, 16)
    image = target.clone()
    image[0, :, 4:8, 4:8] += 0.2
    image[1, :, 4:8, 4:8] += 0.02
    image[:, :, :2] = 1
    values = box_psnr(image, target, torch.tensor([[4.0, 4, 8, 8], [4, 4, 8, 8]]))
    torch.testing.assert_close(values, torch.tensor([20.0, 40.0]), atol=1e-3, rtol=0)


def vgg_file(folder: Path) -> Path:
    from torchvision.models import vgg19

    torch.manual_seed(0)
    path = folder / "vgg19.pth"
    torch.save({k: v for k, v in vgg19().state_dict().items() if k.startswith("features")}, path)
    return path


def test_vgg_features_are_torchvisions(tmp_path: Path) -> None:
    from torchvision.models import vgg19

    path = vgg_file(tmp_path)
    reference = vgg19().features.eval()
    reference.load_state_dict({k[9:]: v for k, v in torch.load(path).items()})
    image = textured(1, 32)
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    x, expected = ((image + 1) / 2 - mean) / std, []
    with torch.no_grad():
        for index, layer in enumerate(reference):
            x = layer(x)
            if index in (3, 8, 13, 22, 31):
                expected.append(x.clone())
            x = x.clone()
        found = VGG19Distance(path).features(image)
    for made, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(made, wanted)


def test_vgg_distance_has_gradients_no_state_and_refuses_other_files(tmp_path: Path) -> None:
    distance = VGG19Distance(vgg_file(tmp_path))
    image = textured(1, 32)
    assert not distance.state_dict() and not list(distance.parameters())
    assert distance(image, image, ones(image)) == 0
    drawn = blurred(image).requires_grad_()
    distance(drawn, image, ones(image)).backward()
    assert drawn.grad is not None and drawn.grad.abs().sum() > 0
    other = tmp_path / "other.pth"
    other.write_text("not weights")
    with pytest.raises(UserError, match="VGG19"):
        VGG19Distance(other)


def test_every_image_has_the_same_say_whatever_its_weights():
    values, weights = torch.rand(4, 3, 6, 6), torch.rand(4, 1, 6, 6)
    weights[1] *= 50
    halves = [weighted_mean(values[part], weights[part]) for part in (slice(0, 2), slice(2, 4))]
    torch.testing.assert_close(weighted_mean(values, weights), sum(halves) / 2)
    alone = (values[1] * weights[1]).sum() / (3 * weights[1].sum())
    torch.testing.assert_close(weighted_mean(values[1:2], weights[1:2]), alone)
    assert weighted_mean(values, torch.zeros_like(weights)) == 0
    torch.testing.assert_close(weighted_mean(values, torch.ones_like(weights)), values.mean())


def test_detail_wants_as_much_as_there_is_wherever_it_lies() -> None:
    drawn = torch.Generator().manual_seed(0)
    true = torch.rand(2, 3, 64, 64, generator=drawn) * 2 - 1
    region = torch.ones(2, 1, 64, 64)
    soft = torch.nn.functional.avg_pool2d(true, 3, 1, 1)
    moved = true.roll((1, 1), (2, 3))
    assert detail_l1(true, true, region) == 0
    assert detail_l1(moved, true, region) < 0.2 * detail_l1(soft, true, region)
    assert (moved - true).abs().mean() > (soft - true).abs().mean(), "L1 alone likes the soft one better"
    assert detail_l1(2 * true, true, region) > 0.5 * detail_l1(soft, true, region), "nor more than there is"
    half = region.clone()
    half[..., :32] = 0
    soft[..., :32] = true[..., :32]
    assert detail_l1(soft, true, half) > 1.5 * detail_l1(soft, true, region)


def test_emphasis_raises_the_weights_where_the_warp_is_wrong() -> None:
    target = torch.zeros(1, 3, 32, 32)
    warped = target.clone()
    warped[..., 8:16, 8:16] = 0.5
    region = 2 * torch.ones(1, 1, 32, 32)
    weights = emphasised(region, warped, target, 0.5)
    assert float(weights.mean()) == pytest.approx(2 * 1.5, rel=1e-4)
    assert weights[0, 0, 12, 12] > 5 * weights[0, 0, 28, 28] and weights.min() == 2
    assert torch.equal(emphasised(region, warped, target, 0.0), region)
    assert torch.equal(emphasised(region, target, target, 3.0), region), "nothing is wrong"


@pytest.mark.parametrize("loss", [EdgeDistance(), detail_l1], ids=["edges", "detail"])
def test_small_differences_keep_their_precision_under_autocast(loss) -> None:  # type: ignore[no-untyped-def]
    """In bfloat16 the gradient's cosine to that of single precision is below 0.99."""
    generator = torch.Generator().manual_seed(0)
    smooth = F.interpolate(torch.rand(2, 3, 8, 8, generator=generator), scale_factor=8, mode="bicubic")
    target = (smooth + 0.02 * torch.randn(smooth.shape, generator=generator)).clamp(-1, 1)
    gradients = []
    for enabled in (False, True):
        image = smooth.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            loss(image, target, torch.ones(2, 1, 64, 64)).backward()
        assert image.grad is not None
        gradients.append(image.grad.flatten())
    assert F.cosine_similarity(*gradients, dim=0) > 0.9999
