"""Recording conditions, measured on what comes out."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import correlate

from data_prep.synthetic.speech.codec import CODECS, through_codec
from data_prep.synthetic.speech.effects import NEUTRAL_RMS, resample, speech_rms
from data_prep.synthetic.speech.espeak import synthesise
from data_prep.synthetic.speech.recording import (
    NOISES,
    Recording,
    draw_recording,
    impulse_response,
    mild_recording,
    record,
)

PLAIN = Recording(
    decay=0.1,
    direct=60.0,
    noise="white",
    snr=90.0,
    low=20.0,
    high=8000.0,
    level=0.0,
    automatic=0.0,
    codec=None,
    bitrate=0,
    before=0.1,
    after=0.1,
)


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    spoken = synthesise("My big puppy jumps over six boxes.", "m3", 190, 50, 40)
    samples = resample(spoken.samples, spoken.rate).astype(np.float64)
    return samples * NEUTRAL_RMS / speech_rms(samples)


def made(samples: np.ndarray, seed: int = 0, **changes) -> np.ndarray:
    return record(samples, replace(PLAIN, **changes), np.random.default_rng(seed))


def decibels(samples: np.ndarray) -> float:
    return float(10 * np.log10((samples.astype(np.float64) ** 2).mean()))


def share_between(samples: np.ndarray, low: float, high: float) -> float:
    power = np.abs(np.fft.rfft(samples)) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / 16000)
    return float(10 * np.log10(power[(hertz >= low) & (hertz < high)].sum() / power.sum()))


@pytest.mark.parametrize(("decay", "direct"), [(0.3, 12.0), (0.8, 3.0)])
def test_a_room_dies_away_by_60_decibels_in_its_time(decay: float, direct: float) -> None:
    room = impulse_response(replace(PLAIN, decay=decay, direct=direct), np.random.default_rng(1))
    assert 10 * np.log10((room**2).sum()) == pytest.approx(-direct, abs=0.01)
    energy = np.cumsum(room[::-1] ** 2)[::-1]  # Schroeder's backward integration
    curve = 10 * np.log10(energy[energy > 0] / energy[0])
    fall = np.flatnonzero((curve < -15) & (curve > -30))
    slope = np.polyfit(fall / 16000, curve[fall], 1)[0]
    assert -60 / slope == pytest.approx(decay, rel=0.3)


@pytest.mark.parametrize("noise", list(NOISES))
def test_noise_is_as_loud_as_said_and_coloured(noise: str) -> None:
    heard = made(np.zeros(32000), noise=noise, snr=20.0)
    assert decibels(heard) == pytest.approx(20 * np.log10(NEUTRAL_RMS) - 20, abs=1.5)
    high = share_between(heard, 4000, 8000)
    expected = {"white": (-3.5, -2.5), "pink": (-10, -7), "brown": (-40, -15), "babble": (-40, -8)}[noise]
    assert expected[0] < high < expected[1]


def test_band_level_and_automatic_gain(voice: np.ndarray) -> None:
    plain = made(voice)
    assert share_between(made(voice, high=3400.0), 4500, 8000) < share_between(plain, 4500, 8000) - 15
    assert share_between(made(voice, low=300.0), 60, 150) < share_between(plain, 60, 150) - 15
    assert decibels(made(voice, level=6.0)) == pytest.approx(decibels(plain) + 6, abs=0.1)
    differences = [
        decibels(made(4 * voice, automatic=share)) - decibels(made(voice, automatic=share))
        for share in (0.0, 0.5, 1.0)
    ]
    assert differences == pytest.approx([12.04, 6.02, 0.0], abs=0.7)


def test_a_recording_is_neither_delayed_nor_clipped(voice: np.ndarray) -> None:
    far = made(voice, decay=0.7, direct=3.0, noise="pink", snr=15.0)
    assert far.dtype == np.float32 and len(far) == len(voice)
    assert int(np.argmax(correlate(far, voice, "same"))) == len(voice) // 2
    assert np.abs(made(voice, level=60.0)).max() < 1


@pytest.mark.parametrize("codec", list(CODECS))
def test_a_codec_keeps_time_and_length_but_not_every_sample(codec: str, voice: np.ndarray) -> None:
    samples = (3 * voice).astype(np.float32)
    errors = []
    for bitrate in (min(CODECS[codec]), max(CODECS[codec])):
        heard = through_codec(samples, codec, bitrate)
        assert np.array_equal(heard, through_codec(samples, codec, bitrate))
        assert heard.shape == samples.shape and heard.dtype == np.float32
        lag = int(np.argmax(correlate(heard, samples, "same"))) - len(samples) // 2
        assert lag == 0
        errors.append(np.std(heard - samples) / np.std(samples))
    assert 0.01 < errors[1] <= errors[0] < 0.8


def test_drawn_recordings_are_repeatable_and_of_all_kinds() -> None:
    drawn = [draw_recording(np.random.default_rng(i)) for i in range(300)]
    assert drawn[0] == draw_recording(np.random.default_rng(0))
    assert {r.noise for r in drawn} == set(NOISES) and {r.codec for r in drawn} == {None, *CODECS}
    good = sum(r.codec is None and r.snr > 25 and r.direct >= 10 and r.high == 8000 for r in drawn)
    assert 0.3 < good / len(drawn) < 0.6
    assert all(
        m.codec is None and m.snr >= 28 for m in (mild_recording(np.random.default_rng(i)) for i in range(20))
    )
    coded = next(r for r in drawn if r.codec == "opus")
    assert "opus" in coded.name and coded.to_json()["codec"] == "opus"
