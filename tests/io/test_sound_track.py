"""Sound tracks: channels mixed so that no voice is lost, and time kept."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from lit_emotalk.io.audio import load_audio

RATE = 16_000
HARD = Path(__file__).parents[3] / "shared" / "data" / "hard"


def voice(hertz: float = 140.0, seconds: float = 2.0) -> np.ndarray:
    """A buzz that swells three times a second."""
    time = np.arange(round(seconds * RATE)) / RATE
    buzz = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 9))
    return 0.15 * buzz * (1 + np.sin(2 * np.pi * 3 * time)) / 2


def decibels(samples: np.ndarray, reference: np.ndarray) -> float:
    return float(10 * np.log10(np.square(samples).mean() / np.square(reference).mean()))


def read(tmp_path: Path, channels: list[np.ndarray]) -> np.ndarray:
    soundfile.write(tmp_path / "sound.wav", np.stack(channels, 1), RATE, subtype="FLOAT")
    return load_audio(tmp_path / "sound.wav")


def test_opposite_phase_is_heard(tmp_path: Path) -> None:
    np.testing.assert_allclose(read(tmp_path, [voice(), -voice()]), voice(), atol=1e-6)
    weaker = read(tmp_path, [voice(), -0.7 * voice()])
    np.testing.assert_allclose(weaker, voice(), atol=1e-6)


def test_a_second_voice_that_does_not_cancel_does_not_hide_one_that_does(tmp_path: Path) -> None:
    first, second = voice(), voice(190.0)
    first[RATE:] = second[:RATE] = 0
    mixed = read(tmp_path, [first + second, second - first])
    assert (
        abs(decibels(mixed[:RATE], first[:RATE])) < 0.1 and abs(decibels(mixed[RATE:], second[RATE:])) < 0.1
    )


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("noise", [0.0, 0.0005])
def test_a_voice_in_one_of_six_channels_keeps_its_level(tmp_path: Path, place: int, noise: float) -> None:
    rng = np.random.default_rng(place)
    channels = [rng.normal(0, noise, len(voice())) for _ in range(6)]
    channels[place] += voice()
    assert abs(decibels(read(tmp_path, channels), voice())) < 0.1


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_channels_that_are_alike_give_what_each_is(tmp_path: Path, channels: int) -> None:
    np.testing.assert_allclose(read(tmp_path, [voice()] * channels), voice(), atol=1e-6)


def test_two_who_speak_in_turn_each_on_a_side_keep_their_levels(tmp_path: Path) -> None:
    left, right = voice(), voice(190.0)
    left[RATE:] = right[:RATE] = 0
    np.testing.assert_allclose(read(tmp_path, [left, right]), left + right, atol=1e-3)


@pytest.mark.shared_data
@pytest.mark.skipif(not HARD.is_dir(), reason=f"no hard files at {HARD}")
def test_the_real_recording_of_opposite_phase_is_heard() -> None:
    left = soundfile.read(HARD / "stereo_opposite_phase.wav")[0][:, 0]
    np.testing.assert_allclose(load_audio(HARD / "stereo_opposite_phase.wav"), left, atol=1e-6)
