"""PSNR and SSIM against scikit-image, FID against pytorch-fid's formula, LPIPS against the package."""

import cv2
import lpips
import numpy as np
import pytest
import torch
from pytorch_fid.fid_score import calculate_frechet_distance
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchvision.models import alexnet

from lit_emotalk.metrics.fid import FrechetDistance, frechet_of_features, inception_features, load_inception
from lit_emotalk.metrics.lpips import LPIPS, load_lpips, lpips_distance
from lit_emotalk.metrics.psnr import CAP_DB, PSNR, psnr
from lit_emotalk.metrics.sharpness import Sharpness, relative_sharpness, sharpness
from lit_emotalk.metrics.ssim import SSIM, ssim
from lit_emotalk.metrics.temporal import TLPIPS, tlpips


def pictures(
    seed: int, count: int = 3, height: int = 40, width: int = 52
) -> tuple[torch.Tensor, torch.Tensor]:
    """Smooth random uint8 pictures and noisy copies of them, (N, 3, H, W)."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 6, 6, generator=generator)
    true = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1) * 255
    noise = (
        torch.randn(true.shape, generator=generator)
        * torch.tensor([3.0, 10.0, 30.0])[:count, None, None, None]
    )
    return (true + noise).clamp(0, 255).round().byte(), true.round().byte()


def reference_ssim(a: np.ndarray, b: np.ndarray) -> float:
    return structural_similarity(
        a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=-1, data_range=255
    )


def test_psnr_and_ssim_equal_scikit_image():
    generated, reference = pictures(0)
    for i, (a, b) in enumerate(zip(generated, reference, strict=True)):
        a, b = a.permute(1, 2, 0).numpy(), b.permute(1, 2, 0).numpy()
        assert psnr(generated, reference)[i] == pytest.approx(
            peak_signal_noise_ratio(b, a, data_range=255), abs=1e-4
        )
        assert ssim(generated, reference)[i] == pytest.approx(reference_ssim(a, b), abs=1e-4)


def test_box_variants_equal_scikit_image_on_the_cut_pictures():
    generated, reference = pictures(1)
    boxes = torch.tensor([[4.2, 6.0, 30.4, 28.0], [-9.0, -3.0, 20.0, 90.0], [10.0, 10.0, 25.0, 27.0]])
    corners = [(4, 6, 30, 28), (0, 0, 20, 40), (10, 10, 25, 27)]
    for i, (x0, y0, x1, y1) in enumerate(corners):
        a, b = (p[i, :, y0:y1, x0:x1].permute(1, 2, 0).numpy() for p in (generated, reference))
        expected = peak_signal_noise_ratio(b, a, data_range=255)
        assert psnr(generated, reference, boxes)[i] == pytest.approx(expected, abs=1e-4)
        assert ssim(generated, reference, boxes)[i] == pytest.approx(reference_ssim(a, b), abs=1e-4)


def test_sharpness_equals_opencv_inside_the_edge_and_in_a_box():
    images = pictures(3)[0]
    boxes = torch.tensor([[4.0, 6.0, 30.0, 40.0], [0.0, 0.0, 16.0, 17.0], [9.6, 3.2, 28.3, 33.0]])
    for image, box, whole, inside in zip(
        images, boxes.round().int().tolist(), sharpness(images), sharpness(images, boxes), strict=True
    ):
        luma = (image.permute(1, 2, 0).numpy() @ np.array([0.299, 0.587, 0.114])).astype(np.float64)
        x0, y0, x1, y1 = box
        for cut, found in ((luma, whole), (luma[y0:y1, x0:x1], inside)):
            edges = cv2.Laplacian(cut, cv2.CV_64F)[1:-1, 1:-1]
            assert float(found) == pytest.approx(edges.var(), rel=1e-5)


def test_relative_sharpness_falls_with_blur_and_has_no_value_without_edges():
    images = pictures(2)[0]
    assert relative_sharpness(images, images).tolist() == pytest.approx([100] * len(images))
    soft = torch.nn.functional.avg_pool2d(images.float(), 3, 1, 1, count_include_pad=False)
    metric = Sharpness()
    metric.update(soft, images)
    assert metric.compute() < 50
    assert relative_sharpness(images, torch.full_like(images, 90.0)).isnan().all()


def test_equal_pictures_are_perfect_and_finite():
    _, reference = pictures(2)
    assert psnr(reference, reference).tolist() == [CAP_DB] * 3
    assert ssim(reference, reference).tolist() == pytest.approx([1.0] * 3, abs=1e-6)


def test_mean_of_clips_not_of_pooled_errors():
    generated, reference = pictures(3)
    metric = PSNR()
    metric.update(generated[:2], reference[:2])
    metric.update(generated[2:], reference[2:])
    each = psnr(generated, reference)
    assert metric.compute() == pytest.approx(float((each[:2].mean() + each[2]) / 2))


def test_more_noise_is_worse():
    generated, reference = pictures(4)
    for function in (psnr, ssim):
        values = function(generated, reference)
        assert values[0] > values[1] > values[2]


def test_metric_of_ssim_counts_every_clip_once():
    generated, reference = pictures(5)
    metric = SSIM()
    for _ in range(2):
        metric.update(generated, reference)
    assert metric.clips == 2
    assert metric.compute() == pytest.approx(float(ssim(generated, reference).mean()), abs=1e-6)


def test_frechet_distance_equals_pytorch_fid():
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(24, 24, generator=generator)
    a = torch.randn(300, 24, generator=generator) @ mixing
    b = torch.randn(200, 24, generator=generator) * 1.4 + 0.3
    statistics = [
        (f.numpy().astype(float).mean(0), np.cov(f.numpy().astype(float), rowvar=False)) for f in (a, b)
    ]
    expected = calculate_frechet_distance(*statistics[0], *statistics[1])
    assert frechet_of_features(a, b) == pytest.approx(expected, rel=1e-5)
    metric = FrechetDistance(size=24)
    for part in a.split(70):
        metric.update(part, real=False)
    for part in b.split(50):
        metric.update(part, real=True)
    assert metric.compute() == pytest.approx(expected, rel=1e-5)
    assert frechet_of_features(a, a) == pytest.approx(0.0, abs=1e-6)


def test_frechet_distance_of_one_picture_is_not_a_number():
    metric = FrechetDistance(size=4)
    metric.update(torch.rand(1, 4), real=True)
    assert metric.compute().isnan()


def test_lpips_equals_the_package_on_the_same_backbone(tmp_path):
    torch.manual_seed(0)
    backbone = alexnet(weights=None)
    torch.save(backbone.state_dict(), tmp_path / "alexnet.pth")
    package = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    for part in (
        package.net.slice1,
        package.net.slice2,
        package.net.slice3,
        package.net.slice4,
        package.net.slice5,
    ):
        for name, layer in part.named_children():
            if hasattr(layer, "weight"):
                layer.load_state_dict(backbone.features[int(name)].state_dict())
    generated, reference = pictures(6, height=64, width=64)
    expected = package(generated.float() / 127.5 - 1, reference.float() / 127.5 - 1).flatten()
    network = load_lpips(tmp_path / "alexnet.pth")
    assert torch.allclose(lpips_distance(network, generated, reference), expected, atol=1e-6)
    metric = LPIPS(network)
    metric.update(generated, reference)
    assert metric.compute() == pytest.approx(float(expected.detach().mean()), rel=1e-5)
    steps = [abs(float(package(*pair))) for pair in _neighbours(generated)]
    true = [abs(float(package(*pair))) for pair in _neighbours(reference)]
    differences = [abs(one - other) for one, other in zip(steps, true, strict=True)]
    assert tlpips(network, generated, reference).tolist() == pytest.approx(differences, abs=1e-6)
    temporal = TLPIPS(network)
    temporal.update(generated, reference)
    assert temporal.compute() == pytest.approx(1000 * sum(differences) / len(differences), rel=1e-4)


def _neighbours(pictures: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
    scaled = pictures.float() / 127.5 - 1
    return [(scaled[i : i + 1], scaled[i + 1 : i + 2]) for i in range(len(scaled) - 1)]


@pytest.mark.slow
def test_inception_takes_local_weights(tmp_path, monkeypatch):
    from pytorch_fid import inception

    states = []
    monkeypatch.setattr(inception, "load_state_dict_from_url", lambda *_, **__: states[0])
    plain = inception._inception_v3(num_classes=1008, aux_logits=False, weights=None)
    plain.Mixed_5b, plain.Mixed_5c, plain.Mixed_5d = (
        inception.FIDInceptionA(n, pool_features=p) for n, p in ((192, 32), (256, 64), (288, 64))
    )
    for name, width in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
        setattr(plain, name, inception.FIDInceptionC(768, channels_7x7=width))
    plain.Mixed_7b, plain.Mixed_7c = inception.FIDInceptionE_1(1280), inception.FIDInceptionE_2(2048)
    states.append(plain.state_dict())
    torch.save(states[0], tmp_path / "inception.pth")
    network = load_inception(tmp_path / "inception.pth")
    generated, _ = pictures(7, count=2)
    features = inception_features(network, generated)
    assert features.shape == (2, 2048)
    expected = inception.InceptionV3([3]).eval()(generated.float() / 255)[0].flatten(1)
    assert torch.allclose(features, expected, atol=1e-5)
