"""Pitch beside the log-mel: against tones of known pitch, and what has none."""

import numpy as np
import pytest

from lit_emotalk.errors import UserError
from lit_emotalk.io.audio import log_mel
from lit_emotalk.io.pitch import pitch_columns

RATE = 16_000


def voice(hertz: np.ndarray) -> np.ndarray:
    """Ten harmonics of a pitch (N,) in Hz, as a voice has."""
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    return sum(0.3 / n * np.sin(n * phase) for n in range(1, 11)).astype(np.float32)


@pytest.mark.parametrize("hertz", [90.0, 150.0, 310.0, 440.0])
def test_finds_the_pitch_of_a_steady_voice(hertz):
    columns = pitch_columns(voice(np.full(RATE, hertz)))[5:-5]
    assert np.abs(columns[:, 0] - np.log2(hertz)).max() < 0.01
    assert columns[:, 1].min() > 0.9


def test_columns_lie_beside_those_of_the_log_mel():
    hertz = np.where(np.arange(2 * RATE) < RATE, 120.0, 240.0)
    samples = voice(hertz)[: 640 * 49 + 300]
    columns = pitch_columns(samples)
    assert columns.shape == (len(log_mel(samples)), 2) and columns.dtype == np.float32
    higher = np.flatnonzero(columns[:-5, 0] > np.log2(180))[0]
    assert abs(higher - 100) <= 3


def test_noise_and_silence_are_not_periodic():
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32) * 0.1
    assert np.median(pitch_columns(noise)[:, 1]) < 0.4
    silence = pitch_columns(np.zeros(RATE, np.float32))
    assert np.isfinite(silence).all() and np.abs(silence[:, 1]).max() < 1e-3


def test_less_than_a_frame_is_refused():
    assert pitch_columns(np.zeros(640, np.float32)).shape == (4, 2)
    with pytest.raises(UserError, match="too short"):
        pitch_columns(np.zeros(639, np.float32))
