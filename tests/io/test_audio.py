"""Reading sound and the log-mel spectrogram."""

import resource
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from lit_emotalk import schema
from lit_emotalk.errors import UserError
from lit_emotalk.io.audio import load_audio, log_mel
from lit_emotalk.io.compiled import librosa
from lit_emotalk.io.mel import mel_filters
from lit_emotalk.io.video import write_video


def tone(seconds: float, rate: int, hertz: float = 440.0) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def test_log_mel_agrees_with_librosa() -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, 640 * 20 + 123).astype(np.float32)
    expected = librosa().feature.melspectrogram(
        y=np.pad(samples[: 640 * 20], 240),
        sr=16000, n_fft=640, hop_length=160, window="hann", center=False, power=1.0,
        n_mels=80, fmin=55, fmax=7600,
    )  # fmt: skip
    mel = log_mel(samples)
    assert mel.shape == (80, 80) and mel.dtype == np.float32
    np.testing.assert_allclose(mel, np.log(np.maximum(expected.T, 1e-5)), atol=2e-4)


@pytest.mark.parametrize(
    ("rate", "window", "bands", "low", "high"),
    [(16_000, 640, 80, 55, 7600), (16_000, 400, 80, 0, 8000), (22_050, 1024, 40, 20, 9000)],
)
def test_mel_filters_are_librosas(rate: int, window: int, bands: int, low: float, high: float) -> None:
    expected = librosa().filters.mel(sr=rate, n_fft=window, n_mels=bands, fmin=low, fmax=high)
    np.testing.assert_array_equal(mel_filters(rate, window, bands, low, high), expected)


@pytest.mark.parametrize(
    ("rate", "size"), [(44_100, 22_051), (48_000, 20_000), (8_000, 3_001), (22_050, 999)]
)
def test_sound_is_resampled_as_by_librosa(tmp_path: Path, rate: int, size: int) -> None:
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, size).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, rate, subtype="FLOAT")
    expected = librosa().resample(samples, orig_sr=rate, target_sr=16_000, res_type="soxr_hq", scale=False)
    np.testing.assert_array_equal(load_audio(tmp_path / "a.wav"), expected)


@pytest.mark.parametrize("column", [0, 7, 39])
def test_log_mel_column_is_centred_on_its_samples(column: int) -> None:
    samples = np.zeros(640 * 10, np.float32)
    samples[160 * column + 80] = 1.0
    assert log_mel(samples).mean(1).argmax() == column


def test_log_mel_floor_and_too_short() -> None:
    assert log_mel(np.zeros(640, np.float32)) == pytest.approx(np.log(schema.MEL_FLOOR))
    with pytest.raises(UserError, match="too short"):
        log_mel(np.zeros(639, np.float32))


@pytest.mark.parametrize(("rate", "channels"), [(16000, 1), (44100, 2), (48000, 6), (8000, 1)])
def test_load_resamples_and_mixes(tmp_path: Path, rate: int, channels: int) -> None:
    path = tmp_path / "tone.wav"
    soundfile.write(path, np.tile(tone(1.0, rate)[:, None], (1, channels)), rate, subtype="FLOAT")
    samples = load_audio(path)
    assert samples.dtype == np.float32 and abs(len(samples) - 16000) <= 1
    middle = slice(2000, 14000)
    np.testing.assert_allclose(samples[middle], tone(1.0, 16000)[middle], atol=0.005)


@pytest.mark.parametrize("suffix", [".flac", ".mp3", ".ogg"])
def test_load_reads_common_formats(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"tone{suffix}"
    soundfile.write(path, tone(1.0, 16000), 16000)
    spectrum = np.abs(np.fft.rfft(load_audio(path)[2000:14000]))
    assert spectrum.argmax() * 16000 / 12000 == pytest.approx(440, abs=2)


def test_sound_of_a_video_starts_with_its_first_frame(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    sound = np.zeros(16000, np.float32)
    sound[8000:8640] = tone(0.04, 16000)
    write_video(path, [np.zeros((64, 64, 3), np.uint8)] * 25, audio=sound)
    samples = load_audio(path)
    lag = np.correlate(samples[:16000], sound, "full").argmax() - (len(sound) - 1)
    assert abs(lag) <= 16


def write_bad(path: Path, kind: str) -> None:
    """A file that is bad in the way called `kind`."""
    if kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("this is no sound\n" * 100)
    elif kind == "silent":
        soundfile.write(path, np.zeros(16000), 16000)
    elif kind == "nan":
        soundfile.write(path, np.where(np.arange(16000) == 5, np.nan, tone(1, 16000)), 16000, subtype="FLOAT")
    elif kind == "scale":
        soundfile.write(path, 20000 * tone(1, 16000), 16000, subtype="FLOAT")
    elif kind == "short":
        soundfile.write(path, tone(0.03, 16000), 16000)
    elif kind == "no samples":
        soundfile.write(path, np.zeros(0), 16000)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "no such audio file"),
        ("empty", "empty"),
        ("text", "cannot read sound"),
        ("silent", "silent"),
        ("nan", "not numbers"),
        ("scale", "samples up to"),
        ("short", "too short"),
        ("no samples", "too short|cannot read"),
    ],
)
def test_bad_sound_is_one_clear_line(tmp_path: Path, kind: str, words: str) -> None:
    path = tmp_path / "speech.wav"
    write_bad(path, kind)
    with pytest.raises(UserError, match=words) as caught:
        load_audio(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_video_without_sound(tmp_path: Path) -> None:
    path = tmp_path / "mute.mp4"
    write_video(path, [np.zeros((64, 64, 3), np.uint8)] * 5)
    with pytest.raises(UserError, match="no audio track"):
        load_audio(path)


def test_sound_that_is_too_long_is_not_decoded_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "sound.mka"
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("flac", rate=16_000, layout="mono")
        for seconds in (0, 36_000):
            frame = av.AudioFrame.from_ndarray(np.full((1, 1600), 999, np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 16_000, 16_000 * seconds
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match="longer than 2 s"):
        load_audio(path, most_seconds=2.0)
    with pytest.raises(UserError, match="longer than 3600 s"):
        load_audio(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000
    soundfile.write(tmp_path / "just.wav", np.full(32_000, 0.1), 16_000)
    assert len(load_audio(tmp_path / "just.wav", most_seconds=2.0)) == 32_000
    with pytest.raises(UserError, match=r"longer than 1\.9 s"):
        load_audio(tmp_path / "just.wav", most_seconds=1.9)


def test_eight_channels_are_read(tmp_path):
    sound = np.tile(0.2 * np.sin(np.arange(16_000) / 9)[:, None], 8)
    soundfile.write(tmp_path / "eight.wav", sound, 16_000)
    np.testing.assert_allclose(load_audio(tmp_path / "eight.wav"), sound[:, 0], atol=1e-4)
