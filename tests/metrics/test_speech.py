"""Loudness by frame, and speech by loudness."""

import math

import numpy as np
import pytest

from lit_emotalk.metrics.speech import rms_loudness, runs, speech_frames
from tests.metrics.talking import SAMPLES, speech


def test_loudness_is_the_root_mean_square():
    tone = 0.5 * np.sin(2 * np.pi * 400 * np.arange(16000) / 16000)
    assert rms_loudness(tone, 25)[2:-2].tolist() == pytest.approx([0.5 / math.sqrt(2)] * 21, rel=1e-6)
    assert rms_loudness(tone, 50)[30:].abs().max() == 0, "silence after its end"
    assert rms_loudness(tone[:1], 1).shape == (1,)


def test_speech_is_found_where_it_is():
    spoken = np.zeros(100, bool)
    spoken[20:50] = spoken[70:90] = True
    found = speech_frames(speech(spoken), 100).numpy()
    assert found[20:50].all() and found[70:90].all()
    (first, second), wider = runs(found), 3
    assert 20 - wider <= first[0] <= 20 and 50 <= first[1] <= 50 + wider
    assert 70 - wider <= second[0] <= 70 and 90 <= second[1] <= 90 + wider


def test_gaps_are_bridged_and_clicks_dropped():
    spoken = np.zeros(100, bool)
    spoken[20:60] = True
    spoken[[40, 41]] = False
    spoken[80:83] = True
    found = speech_frames(speech(spoken), 100).numpy()
    assert found[20:60].all() and not found[75:90].any()


@pytest.mark.parametrize("level", [1e-5, 0.2])
def test_steady_noise_and_silence_are_no_speech(level):
    noise = level * np.random.default_rng(0).uniform(-1, 1, 100 * SAMPLES)
    assert not speech_frames(noise, 100).any()


def test_runs_of_a_mask():
    assert runs(np.array([True, False, True, True])) == [(0, 1), (2, 4)]
    assert runs(np.zeros(3, bool)) == []
