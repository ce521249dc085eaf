"""What stage eac makes of sound that is no ordinary speech: defined for every kind."""

import numpy as np
import pytest
import soundfile
import torch

from lit_emotalk.errors import UserError
from lit_emotalk.inference.motion.natural import add_natural_motion
from lit_emotalk.inference.talking_face import coefficients_of
from lit_emotalk.io.audio import is_silent, load_audio, log_mel
from lit_emotalk.models.eac import EAC, EACConfig

SECONDS = 1.0


def tone(rate: int, seconds: float = SECONDS) -> np.ndarray:
    time = np.arange(round(rate * seconds)) / rate
    return 0.3 * np.sin(2 * np.pi * 220 * time) * (1 + np.sin(2 * np.pi * 3 * time)) / 2


def chord(hertz: float) -> np.ndarray:
    return 0.2 * np.sin(2 * np.pi * hertz * np.arange(16_000) / 16_000)


SOUNDS = {
    "silence": (np.zeros(16_000), 16_000, 25),
    "music": (sum(chord(f) for f in (220, 277, 330, 2000)), 16_000, 25),
    "clipped": (np.clip(20 * tone(16_000), -1, 1), 16_000, 25),
    "8 kHz": (tone(8_000), 8_000, 25),
    "48 kHz": (tone(48_000), 48_000, 25),
    "stereo": (np.stack([tone(16_000), 0 * tone(16_000)], 1), 16_000, 25),
    "50 ms": (tone(16_000, 0.05), 16_000, 1),
}  # fmt: skip


@pytest.fixture(scope="module")
def eac() -> EAC:
    torch.manual_seed(0)
    return EAC(EACConfig(code_dim=8, layers=2, heads=2, width=32)).eval()


@pytest.mark.parametrize("kind", SOUNDS)
def test_every_sound_gives_a_face_for_every_frame(eac, tmp_path, kind):
    samples, rate, frames = SOUNDS[kind]
    soundfile.write(tmp_path / "sound.wav", samples, rate)
    mel = torch.from_numpy(log_mel(load_audio(tmp_path / "sound.wav", allow_silence=True)))[None]
    made = eac.predict(mel, torch.ones(1, 8), torch.ones(1))[0].numpy()
    assert made.shape == (frames, 51) and np.isfinite(made).all()
    assert made.min() >= 0 and made.max() <= 1
    moved = add_natural_motion(coefficients_of(made, np.zeros(6)), seed=0)
    assert moved.shape == (frames, 57) and np.isfinite(moved).all()


def test_other_rates_and_channels_give_the_same_face(eac, tmp_path):
    faces = []
    for rate, channels in ((16_000, 1), (48_000, 1), (16_000, 2)):
        soundfile.write(tmp_path / "sound.wav", np.stack([tone(rate)] * channels, 1), rate)
        mel = torch.from_numpy(log_mel(load_audio(tmp_path / "sound.wav")))[None]
        faces.append(eac.predict(mel, torch.ones(1, 8), torch.ones(1))[0].numpy())
    np.testing.assert_allclose(faces[1], faces[0], atol=0.01)
    np.testing.assert_allclose(faces[2], faces[0], atol=0.01)


def test_in_silence_the_face_is_still_and_blinks(eac):
    mel = torch.from_numpy(log_mel(np.zeros(640 * 250, np.float32)))[None]
    made = eac.predict(mel, torch.ones(1, 8), torch.ones(1))[0].numpy()
    assert np.abs(np.diff(made, axis=0)).max() < 0.02
    lids = add_natural_motion(coefficients_of(made, np.zeros(6)), seed=0)[:, 8:10]
    assert (lids.max(0) == 1).all() and (lids.min(0) < 0.5).all()


def test_silence_is_allowed_only_where_it_is_asked_for(tmp_path):
    soundfile.write(tmp_path / "sound.wav", np.zeros(16_000), 16_000)
    assert is_silent(load_audio(tmp_path / "sound.wav", allow_silence=True))
    with pytest.raises(UserError, match="is silent"):
        load_audio(tmp_path / "sound.wav")


@pytest.mark.parametrize(
    ("value", "said"), [(np.nan, "not numbers"), (np.inf, "not numbers"), (50.0, "scaled")]
)
def test_samples_that_are_no_sound_are_refused(tmp_path, value, said):
    samples = tone(16_000)
    samples[100] = value
    soundfile.write(tmp_path / "sound.wav", samples, 16_000, subtype="FLOAT")
    with pytest.raises(UserError, match=said):
        load_audio(tmp_path / "sound.wav", allow_silence=True)
