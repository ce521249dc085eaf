"""BAS and SLCC: sound and faces whose beats are known, and plain loops."""

import math

import numpy as np
import pytest
import torch

from lit_emotalk.metrics.rhythm import (
    BAS,
    SLCC,
    beat_alignment,
    loudness_correlation,
    motion_beats,
    sound_beats,
)
from lit_emotalk.metrics.speech import rms_loudness
from tests.metrics.talking import landmarks, speech

FRAMES = 150
CLICKS = np.array([1.0, 2.2, 3.4, 4.6])


def clicks(times: np.ndarray) -> np.ndarray:
    """Bursts of noise that begin at `times` in seconds, in 6 s of faint noise."""
    dice = np.random.default_rng(0)
    sound = 1e-4 * dice.uniform(-1, 1, FRAMES * 640)
    for time in times:
        start = round(16000 * time)
        sound[start : start + 3200] += 0.5 * dice.uniform(-1, 1, 3200) * np.linspace(1, 0, 3200)
    return sound


def stopping(rests: np.ndarray) -> np.ndarray:
    """(T, 478, 2): a face whose speed is least at `rests` in seconds."""
    times = (np.arange(FRAMES - 1) + 1) / 25
    speed = np.min(np.abs(times[:, None] - rests[None]), axis=1) * 10 + 0.1
    place = np.concatenate([[0], np.cumsum(speed)])
    return np.tile(landmarks(1)[..., :2], (FRAMES, 1, 1)) + place[:, None, None] * [0.6, 0.8]


def test_beats_are_found_where_they_are():
    assert sound_beats(clicks(CLICKS)) == pytest.approx(CLICKS, abs=0.03)
    assert motion_beats(torch.from_numpy(stopping(CLICKS))) == pytest.approx(CLICKS, abs=0.05)


def test_bas_falls_with_the_distance_of_the_beats():
    sound, heard = clicks(CLICKS), sound_beats(clicks(CLICKS))
    for shift in (0.0, 0.1, 0.2):
        marks = torch.from_numpy(stopping(CLICKS + shift))
        moved = motion_beats(marks)
        expected = [math.exp(-(min(abs(h - m) for m in moved) ** 2) / 0.02) for h in heard]
        assert float(beat_alignment(marks, sound)) == pytest.approx(sum(expected) / len(expected))
    together, apart = (
        float(beat_alignment(torch.from_numpy(stopping(CLICKS + shift)), sound)) for shift in (0, 0.3)
    )
    assert together > 0.85 and apart < 0.1


def test_lost_frames_hardly_move_the_beats():
    marks = stopping(CLICKS)
    marks[[40, 41, 100]] = np.nan
    assert motion_beats(torch.from_numpy(marks)) == pytest.approx(CLICKS, abs=0.09)


def test_bas_without_beats():
    sound = clicks(CLICKS)
    assert beat_alignment(torch.from_numpy(landmarks(1)).expand(FRAMES, -1, -1), sound) == 0
    assert beat_alignment(torch.from_numpy(stopping(CLICKS)), np.zeros(FRAMES * 640)).isnan()
    assert beat_alignment(torch.full((FRAMES, 478, 3), math.nan), sound).isnan()
    assert beat_alignment(torch.from_numpy(landmarks(1)), sound).isnan()


def test_slcc_is_pearsons_correlation():
    spoken = np.arange(60) % 30 < 20
    marks, sound = landmarks(60), speech(spoken)
    marks[11] = np.nan
    upper, lower = (191, 80, 81, 82, 13, 312, 311, 310), (95, 88, 178, 87, 14, 317, 402, 318)
    openings = [
        abs(np.mean(f[list(upper), 1]) - np.mean(f[list(lower), 1])) / math.dist(f[33, :2], f[263, :2])
        for f in marks
    ]
    seen = np.isfinite(openings)
    expected = np.corrcoef(np.array(openings)[seen], rms_loudness(sound, 60).numpy()[seen])[0, 1]
    assert float(loudness_correlation(torch.from_numpy(marks), sound)) == pytest.approx(expected)


def test_slcc_without_sound_faces_or_motion():
    sound = speech(np.ones(60, bool))
    assert loudness_correlation(torch.from_numpy(landmarks(60)), np.zeros(600)).isnan()
    assert loudness_correlation(torch.full((60, 478, 3), math.nan), sound).isnan()
    assert loudness_correlation(torch.from_numpy(landmarks(1)).expand(60, -1, -1), sound) == 0


def test_the_metrics_are_means_over_clips():
    marks, sound = torch.from_numpy(landmarks(60)), speech(np.arange(60) % 20 < 12)
    for metric, function in ((BAS(), beat_alignment), (SLCC(), loudness_correlation)):
        metric.update(marks, sound)
        metric.update(marks, np.zeros(600))
        assert float(metric.compute()) == pytest.approx(float(function(marks, sound)))
