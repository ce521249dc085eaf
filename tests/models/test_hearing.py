"""Whisper's hearing: log-mel, encoder and the seams of long sound, each against another make of it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from lit_emotalk.errors import UserError
from lit_emotalk.io.compiled import librosa
from lit_emotalk.models import hearing
from lit_emotalk.models.hearing import Whisper, whisper_mel
from lit_emotalk.weights import fetch
from tests.small_whisper import install_whisper, torch_states


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whisper]:
    with pytest.MonkeyPatch.context() as patch:
        install_whisper(patch, tmp_path_factory.mktemp("whisper"))
        yield Whisper.load()


def speech(seconds: float) -> np.ndarray:
    """Something that changes all the time: a gliding hum under noise that comes and goes."""
    time = np.arange(round(16_000 * seconds)) / 16_000
    noise = np.random.default_rng(0).standard_normal(len(time)) * np.sin(2 * np.pi * 1.3 * time) ** 2
    return (0.2 * np.sin(2 * np.pi * (150 * time + 20 * np.sin(3 * time))) + 0.05 * noise).astype(np.float32)


def test_log_mel_is_that_of_openai_by_torch() -> None:
    samples = speech(2.3)
    spectrum = torch.stft(
        torch.from_numpy(samples), 400, 160, window=torch.hann_window(400), return_complex=True
    )
    power = spectrum[:, :-1].abs().square()
    filters = torch.from_numpy(librosa().filters.mel(sr=16_000, n_fft=400, n_mels=80))
    logs = (filters @ power).clamp(min=1e-10).log10()
    wanted = (torch.maximum(logs, logs.max() - 8) + 4) / 4
    assert whisper_mel(samples).shape == (80, 230)
    np.testing.assert_allclose(whisper_mel(samples), wanted.numpy(), atol=1e-4)


def test_log_mel_is_that_of_the_published_feature_extractor() -> None:
    transformers = pytest.importorskip("transformers")
    samples = speech(1.0)
    extract = transformers.WhisperFeatureExtractor(feature_size=80)
    wanted = extract(samples, sampling_rate=16_000, padding="do_not_pad", return_tensors="np").input_features[
        0
    ]
    np.testing.assert_allclose(whisper_mel(samples), wanted, atol=1e-4)


def test_encoder_is_whispers(whisper: Whisper) -> None:
    samples = speech(1.2)
    states = whisper.states(samples)
    wanted = torch_states(whisper_mel(samples))
    assert states.shape == (60, 384) and wanted.std() > 0.5
    np.testing.assert_allclose(states, wanted, atol=1e-3)


def test_a_frame_is_its_two_states_with_silence_around_the_sound(whisper: Whisper) -> None:
    samples, silent = speech(1.2), hearing.SILENCE
    heard = whisper.hear(samples)
    wanted = whisper.states(np.pad(samples, 640 * silent)).reshape(-1, 768)[silent:-silent]
    assert heard.shape == (30, 768) and heard.dtype == np.float16
    np.testing.assert_allclose(heard, wanted, atol=4e-3)


def test_long_sound_is_heard_in_parts_that_overlap(whisper: Whisper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "WINDOW", 20)
    monkeypatch.setattr(hearing, "CONTEXT", 5)
    samples = speech(2.4)
    heard, longest = [], 0

    def states(self: Whisper, piece: np.ndarray) -> np.ndarray:
        nonlocal longest
        longest = max(longest, len(piece) // 640)
        return np.repeat(piece[::320, None], 384, 1)

    monkeypatch.setattr(Whisper, "states", states)
    heard = whisper.hear(samples)
    assert longest <= 30 + hearing.SILENCE
    np.testing.assert_array_equal(heard[:, 0], samples[::640].astype(np.float16))
    np.testing.assert_array_equal(heard[:, 384], samples[320::640].astype(np.float16))


def test_sound_shorter_than_a_frame_is_refused(whisper: Whisper) -> None:
    with pytest.raises(UserError, match="too short"):
        whisper.hear(np.zeros(639, np.float32))


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"no model at all")
    with pytest.raises(UserError, match=r"model\.bin is no Whisper model"):
        Whisper(tmp_path / "model.bin")


def test_absent_weights_name_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "home", lambda: tmp_path)
    with pytest.raises(UserError, match="lit-emotalk weights fetch whisper_tiny_en"):
        Whisper.load()
