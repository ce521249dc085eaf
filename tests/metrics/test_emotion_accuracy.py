"""EmoAcc by hand."""

import math

import pytest
import torch

from lit_emotalk.metrics.emotion_accuracy import EmoAcc, emotion_named, emotion_shown

EMOTIONS = ("neutral", "happy", "sad")


def test_the_mean_over_frames_decides():
    scores = torch.tensor([[0.0, 0.6, 0.4], [0.0, 0.6, 0.4], [0.0, 0.1, 0.9], [math.nan] * 3])
    assert emotion_shown(scores) == 2
    assert emotion_named(scores, EMOTIONS, "sad") == 1
    assert emotion_named(scores, EMOTIONS, "happy") == 0


def test_unknown_emotions_and_lost_faces_do_not_count():
    scores = torch.tensor([[0.1, 0.9, 0.0]])
    assert emotion_shown(torch.full((2, 3), math.nan)) is None
    metric = EmoAcc()
    for given, asked in (
        (scores, "contempt"),
        (torch.full((2, 3), math.nan), "happy"),
        (scores, "happy"),
        (scores, "happy"),
        (scores, "neutral"),
    ):
        metric.update(given, EMOTIONS, asked)
    assert float(metric.compute()) == pytest.approx(2 / 3)
    assert metric.clips == 3
