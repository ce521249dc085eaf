"""Errors of expressions, mean faces and zero-shot figures against plain loops."""

import numpy as np
import pytest
import torch

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.metrics.expression import HEARD, MOVING, ExpressionError, MeanFaces, correlation
from lit_emotalk.metrics.zero_shot import (
    AverageRecall,
    ZeroShot,
    across,
    average_recall,
    retrieval,
    zero_shot,
)


def clips() -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    made = []
    for frames in (12, 20):
        true = torch.rand(frames, 51, generator=generator)
        true[:, HEARD[3]] = 0.4
        made.append(
            (torch.rand(frames, 51, generator=generator), true, torch.rand(2, 51, generator=generator))
        )
    return made


def test_errors_are_means_over_frames_of_the_moving_units():
    metric = ExpressionError()
    for made, true, base in clips():
        metric.update(made, true, base)
    found = metric.compute()
    ours, truth = (np.concatenate([clip[i].numpy() for clip in clips()]) for i in (0, 1))
    bases = [np.concatenate([np.broadcast_to(b[k].numpy(), t.shape) for _, t, b in clips()]) for k in (0, 1)]
    moving = [i for i in HEARD if truth[:, i].std() >= MOVING]
    assert HEARD[3] not in moving and len(moving) == len(HEARD) - 1
    error, mean, level = (np.abs(x - truth)[:, moving].mean() for x in (ours, *bases))
    assert float(found["error"]) == pytest.approx(error, rel=1e-5)
    assert float(found["mean_error"]) == pytest.approx(mean, rel=1e-5)
    assert float(found["level_error"]) == pytest.approx(level, rel=1e-5)
    assert float(found["gain"]) == pytest.approx(1 - error / mean, rel=1e-4)
    assert float(found["level_gain"]) == pytest.approx(1 - error / level, rel=1e-4)
    lips = float(found["lips"]) / float(found["mean_lips"])
    assert float(found["gain_lips"]) == pytest.approx(1 - lips, rel=1e-4)
    assert float(found["error_all"]) == pytest.approx(np.abs(ours - truth).mean(), rel=1e-5)


def test_the_truth_itself_is_perfect_and_a_still_face_follows_nothing():
    perfect, still = ExpressionError(), ExpressionError()
    for _, true, base in clips():
        perfect.update(true, true, base)
        still.update(base[0].expand_as(true), true, base)
    found = perfect.compute()
    assert float(found["error"]) == float(found["lips"]) == float(found["velocity"]) == 0.0
    assert float(found["opening"]) == pytest.approx(1.0, abs=1e-4) and float(found["gain"]) == 1.0
    assert float(still.compute()["opening"]) == pytest.approx(0.0, abs=1e-3)
    assert float(still.compute()["gain"]) == pytest.approx(0.0, abs=1e-6)


def test_without_a_baseline_nothing_is_compared():
    metric = ExpressionError()
    assert metric.compute() == {}
    made, true, _ = clips()[0]
    metric.update(made, true)
    assert "gain" not in metric.compute()


def test_lids_and_gaze_are_not_heard():
    assert not set(HEARD) & set(ARKIT.columns("eyeBlink", "eyeLook"))
    assert set(HEARD) | set(ARKIT.columns("eyeBlink", "eyeLook")) == set(range(51))


def test_correlation_equals_numpys():
    first, second = torch.rand(2, 30, generator=torch.Generator().manual_seed(1))
    expected = np.corrcoef(first.numpy(), second.numpy())[0, 1]
    assert float(correlation(first, second)) == pytest.approx(expected, abs=1e-6)
    assert float(correlation(first, torch.ones(30))) == 0.0


def test_mean_faces_fall_back_from_level_to_emotion_to_all():
    faces = MeanFaces(3, 3)
    emotion, intensity = torch.tensor([0, 0, 1]), torch.tensor([1 / 3, 1.0, 1.0])
    assert faces.faces(emotion, intensity) is None
    expression = torch.stack([torch.full((4, 51), value) for value in (0.2, 0.6, 0.9)])
    mask = torch.tensor([[True] * 4, [True, True, False, False], [True] * 4])
    expression[1, 2:] = 7.0
    faces.update(expression, mask, emotion, intensity)
    asked = torch.tensor([0, 0, 0, 1, 2, -1])
    levels = torch.tensor([1 / 3, 1.0, 2 / 3, 1 / 3, 1.0, 1.0])
    found = faces.faces(asked, levels)
    assert found is not None
    of_emotion, of_all = (4 * 0.2 + 2 * 0.6) / 6, (4 * 0.2 + 2 * 0.6 + 4 * 0.9) / 10
    assert found.shape == (6, 2, 51)
    by_emotion = [of_emotion] * 3 + [0.9, of_all, of_all]
    assert found[:, 0, 0].tolist() == pytest.approx(by_emotion, abs=1e-6)
    by_level = [0.2, 0.6, of_emotion, 0.9, of_all, of_all]
    assert found[:, 1, 0].tolist() == pytest.approx(by_level, abs=1e-6)


def test_average_recall_weighs_classes_equally():
    true, predicted = torch.tensor([0, 0, 0, 4]), torch.tensor([0, 0, 1, 4])
    assert float(average_recall(predicted, true)) == pytest.approx((2 / 3 + 1) / 2)


def test_only_present_emotions_are_candidates():
    prototypes = torch.eye(4)
    codes = torch.tensor([[0.9, 1.0, 0.1, 0.0], [0.0, 0.2, 0.8, 1.0]])
    assert zero_shot(codes, torch.tensor([0, 2]), prototypes).tolist() == [0, 2]


def test_retrieval_never_finds_the_clip_itself():
    codes = torch.eye(4)[[0, 0, 1, 2]]
    emotion = torch.tensor([0, 0, 1, 0])
    assert float(retrieval(codes, codes, emotion)) == pytest.approx(3 / 4)


def test_zero_shot_skips_unknown_emotions_and_missing_pictures():
    metric, prototypes = ZeroShot(4, 4), torch.eye(4)
    metric.update(torch.eye(4), None, torch.tensor([0, 1, -1, 2]), prototypes)
    found = metric.compute()
    assert set(found) == {"audio_text", "gap_audio_text"} and float(found["audio_text"]) == pytest.approx(
        2 / 3
    )
    metric.reset()
    metric.update(torch.eye(4), torch.eye(4), torch.tensor([0, 1, 2, 3]), prototypes)
    found = metric.compute()
    assert {"audio_text", "image_text", "audio_image", "image_audio", "gap_audio_image"} <= set(found)
    assert float(found["gap_audio_image"]) == 0 and "audio_words" not in found
    empty = ZeroShot(4, 4)
    empty.update(torch.eye(4), None, torch.full((4,), -1), prototypes)
    assert empty.compute() == {}


def test_across_leaves_the_clip_itself_out():
    """Against a loop over clips; an emotion whose only clip is the query cannot be found."""
    torch.manual_seed(0)
    unit = torch.nn.functional.normalize
    audio, image = unit(torch.randn(12, 5), dim=-1), unit(torch.randn(12, 5), dim=-1)
    emotion = torch.tensor([0, 0, 0, 2, 2, 2, 2, 5, 5, 7, 2, 0])
    expected = []
    for clip in range(12):
        best = {}
        for name in emotion.unique().tolist():
            others = [i for i in range(12) if i != clip and emotion[i] == name]
            if others:
                best[name] = float(audio[clip] @ unit(image[others].mean(0), dim=-1))
        expected.append(max(best, key=best.__getitem__))
    found = across(audio, image, emotion)
    assert found.tolist() == expected and found[9] != 7


def test_words_of_absent_emotions_do_not_count_and_gaps_are_distances():
    metric, eye = ZeroShot(4, 4), torch.eye(4)
    emotion = torch.tensor([0, 0, 0, 1])
    words = eye[[0, 1, 1, 2]], torch.tensor([0, 0, 1, 2])
    metric.update(eye[[0, 0, 2, 1]], eye[[0, 0, 0, 0]], emotion, eye, words)
    found = {name: float(value) for name, value in metric.compute().items()}
    assert found["text_audio"] == pytest.approx(2 / 3)
    assert found["audio_words"] == pytest.approx(1.0)
    audio = torch.tensor([1 / 3, 1 / 2, 1 / 6, 0])
    assert found["gap_audio_text"] == pytest.approx(float((audio - torch.tensor([0.5, 0.5, 0, 0])).norm()))
    assert found["gap_audio_image"] == pytest.approx(float((audio - eye[0]).norm()))


def test_recall_of_scores_is_among_the_emotions_present():
    metric = AverageRecall()
    metric.update(torch.tensor([[1.0, 9.0, 0.0], [0.0, 9.0, 1.0]]), torch.tensor([0, 2]))
    metric.update(torch.tensor([[1.0, 0.0, 2.0], [5.0, 0.0, 0.0]]), torch.tensor([0, -1]))
    assert float(metric.compute()) == pytest.approx((1 / 2 + 1) / 2)
    metric.reset()
    metric.update(torch.zeros(1, 3), torch.tensor([-1]))
    assert metric.compute() is None
