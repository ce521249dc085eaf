"""SyncNet's scores against a transcription of the reference's definition in numpy."""

import numpy as np
import pytest
import torch

from lit_emotalk.evaluate.reads import score_as_trained
from lit_emotalk.metrics.sync import Sync, offset_distances, sync_score, true_offset_rank


def numpy_score(
    video: np.ndarray, sound: np.ndarray, reach: int = 15
) -> tuple[float, float, int, np.ndarray]:
    """The reference's definition, window by window."""
    padded = np.concatenate([np.zeros((reach, sound.shape[1])), sound, np.zeros((reach, sound.shape[1]))])
    rows = []
    for i in range(len(video)):
        candidates = padded[i : i + 2 * reach + 1]
        rows.append(np.sqrt(np.square(video[i] - candidates + 1e-6).sum(1)))
    mean = np.stack(rows, 1).mean(1)
    best = int(mean.argmin())
    return float(np.median(mean) - mean[best]), float(mean[best]), reach - best, mean


@pytest.mark.parametrize("windows", [1, 12, 45, 120])
def test_scores_equal_the_definition(windows):
    generator = np.random.default_rng(windows)
    video, sound = generator.normal(size=(2, windows, 64))
    confidence, distance, offset, mean = numpy_score(video, sound)
    tensors = torch.from_numpy(video), torch.from_numpy(sound)
    assert np.allclose(offset_distances(*tensors).numpy(), mean, atol=1e-9)
    score = sync_score(*tensors)
    assert (score.confidence, score.distance, score.offset) == pytest.approx((confidence, distance, offset))


@pytest.mark.parametrize("shift", [-10, -3, 0, 1, 7, 10])
def test_a_shift_is_recovered_with_its_sign(shift):
    features = torch.randn(80, 16, generator=torch.Generator().manual_seed(0))
    video, sound = features[10:70], features[10 + shift : 70 + shift]
    score = sync_score(video, sound)
    assert score.offset == shift
    assert score.confidence > 1


@pytest.mark.parametrize("shift", [-8, 0, 5])
def test_a_clip_s_own_constant_hides_the_offset_until_it_is_taken_away(shift):
    features = 3 * torch.randn(60, 16, generator=torch.Generator().manual_seed(0))
    video, sound = features[10:50] + 40, features[10 + shift : 50 + shift] - 20
    assert sync_score(video, sound).offset != shift
    assert score_as_trained(video, sound, "official") == sync_score(video, sound)
    assert score_as_trained(video, sound, "an/export").offset == shift


def test_rank_of_the_true_offset():
    features = torch.randn(40, 16, generator=torch.Generator().manual_seed(1))
    assert true_offset_rank(features, features) == 0
    for shift in (-10, -4, 1, 10):
        found = true_offset_rank(features[10:30], features[10 + shift : 30 + shift])
        assert found >= 1
    assert true_offset_rank(features[5:25], features[9:29], reach=3) < 7


def test_metric_averages_clips():
    generator = torch.Generator().manual_seed(2)
    clips = [torch.randn(2, n, 8, generator=generator) for n in (20, 40)]
    metric = Sync()
    for video, sound in clips:
        metric.update(video, sound)
    scores = [sync_score(*clip) for clip in clips]
    assert metric.compute()["confidence"] == pytest.approx(sum(s.confidence for s in scores) / 2)
    assert metric.compute()["distance"] == pytest.approx(sum(s.distance for s in scores) / 2)
