"""SyncNet: the reference's MFCC, layers and parameter names; windows of a run of frames; small variants."""

import numpy as np
import pytest
import python_speech_features
import torch
from torch import nn

from lit_emotalk.errors import UserError
from lit_emotalk.models.mfcc import MFCC, columns
from lit_emotalk.models.syncnet import SyncNet, SyncNetConfig, load_reference, segment_samples, windows_of

SMALL = SyncNetConfig(width=0.125, crop=64, embedding=32)


def reference_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of syncnet_v2.model, from the published table of layers."""
    shapes: dict[str, tuple[int, ...]] = {}

    def layer(prefix: str, weight: tuple[int, ...]) -> None:
        shapes[f"{prefix}.weight"], shapes[f"{prefix}.bias"] = weight, weight[:1]

    def norm(prefix: str, size: int) -> None:
        shapes[f"{prefix}.num_batches_tracked"] = ()
        for name in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{prefix}.{name}"] = (size,)

    sound = {0: (64, 1, 3, 3), 4: (192, 64, 3, 3), 8: (384, 192, 3, 3), 11: (256, 384, 3, 3)}
    sound |= {14: (256, 256, 3, 3), 18: (512, 256, 5, 4)}
    video = {0: (96, 3, 5, 7, 7), 4: (256, 96, 1, 5, 5), 8: (256, 256, 1, 3, 3), 11: (256, 256, 1, 3, 3)}
    video |= {14: (256, 256, 1, 3, 3), 18: (512, 256, 1, 6, 6)}
    for branch, table in (("netcnnaud", sound), ("netcnnlip", video)):
        for index, weight in table.items():
            layer(f"{branch}.{index}", weight)
            norm(f"{branch}.{index + 1}", weight[0])
    for head in ("netfcaud", "netfclip"):
        layer(f"{head}.0", (512, 512))
        norm(f"{head}.1", 512)
        layer(f"{head}.3", (1024, 512))
    return shapes


@pytest.mark.parametrize("length", [100, 400, 401, 560, 5 * 640, 16000, 20001])
def test_mfcc_equals_python_speech_features(length):
    generator = np.random.default_rng(length)
    samples = generator.normal(size=length) * 0.1 * np.linspace(0.001, 1, length)
    samples[length // 2 : length // 2 + 900] = 0
    integers = np.round(samples * 32768).clip(-32768, 32767).astype(np.int16)
    expected = python_speech_features.mfcc(integers.astype(float), 16000)
    found = MFCC()(torch.from_numpy(samples)[None])[0].numpy()
    assert found.shape == expected.shape == (columns(length), 13)
    assert np.abs(found - expected).max() < 1e-4


def test_default_network_has_the_reference_parameters():
    with torch.device("meta"):
        network = SyncNet()
    assert {k: tuple(v.shape) for k, v in network.state_dict().items()} == reference_shapes()


def test_reference_layers_take_the_reference_inputs():
    network = SyncNet().eval()
    with torch.inference_mode():
        video, sound = network(torch.rand(1, 5, 3, 224, 224) * 255, torch.randn(1, segment_samples(5)) * 0.1)
    assert video.shape == sound.shape == (1, 1, 1024)
    strides = [(m.stride, m.padding) for m in network.netcnnlip if isinstance(m, nn.Conv3d)]
    assert strides[:2] == [((1, 2, 2), (0, 0, 0)), ((1, 2, 2), (0, 1, 1))]


def test_reference_weights_load_strictly(tmp_path):
    torch.manual_seed(0)
    source = SyncNet()
    torch.save(source.state_dict(), tmp_path / "syncnet_v2.model")
    loaded = load_reference(tmp_path / "syncnet_v2.model")
    assert torch.equal(loaded.netcnnlip[0].weight, source.netcnnlip[0].weight)
    torch.save({"other": torch.zeros(1)}, tmp_path / "wrong.model")
    with pytest.raises(UserError, match="not syncnet_v2"):
        load_reference(tmp_path / "wrong.model")
    (tmp_path / "broken.model").write_bytes(b"no weights")
    with pytest.raises(UserError, match="not syncnet_v2"):
        load_reference(tmp_path / "broken.model")


def test_a_run_of_frames_gives_the_features_of_its_windows():
    torch.manual_seed(0)
    network = SyncNet(SMALL).eval()
    frames = torch.rand(2, 8, 3, 64, 64) * 255
    samples = torch.randn(2, segment_samples(8)) * 0.1
    with torch.inference_mode():
        video, sound = network(frames, samples)
        cepstra = network.mfcc(samples)
        assert cepstra.shape == (2, 32, 13)
        for v in range(4):
            assert torch.allclose(video[:, v], network.video_features(frames[:, v : v + 5])[:, 0], atol=1e-5)
            window = cepstra[:, 4 * v : 4 * v + 20].transpose(1, 2)[:, None]
            expected = network.netfcaud(network.netcnnaud(window).flatten(1))
            assert torch.allclose(sound[:, v], expected, atol=1e-5)


def test_pictures_are_handed_over_as_bgr():
    network = SyncNet(SMALL).eval()
    red = torch.zeros(1, 5, 3, 64, 64)
    red[:, :, 0] = 255
    with torch.no_grad():
        network.netcnnlip[0].weight[:, :2] = 0
        features = network.video_features(red), network.video_features(torch.zeros_like(red))
        assert not torch.allclose(*features)
        network.netcnnlip[0].weight[:, 2] = 0
        assert torch.allclose(network.video_features(red), network.video_features(torch.zeros_like(red)))


def test_a_whole_clip_has_the_reference_number_of_windows():
    network = SyncNet(SMALL).eval()
    for frames in (6, 25, 50):
        with torch.inference_mode():
            sound = network.sound_features(torch.randn(1, 640 * frames))
        assert sound.shape[1] == windows_of(frames) == frames - 5


def test_too_small_a_crop_is_refused():
    with pytest.raises(UserError, match="at least"):
        SyncNet(SyncNetConfig(crop=40))
