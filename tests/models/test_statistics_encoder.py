"""The encoder by statistics: padding, what it looks at, what it refuses."""

from dataclasses import replace

import pytest
import torch

from lit_emotalk.errors import UserError
from lit_emotalk.io.heard import join
from lit_emotalk.models.audio_encoder import AudioEncoderConfig, audio_encoder
from lit_emotalk.models.statistics_encoder import StatisticsEncoder
from lit_emotalk.schema import HEARD, Hears

SMALL = AudioEncoderConfig(width=32, dropout=0.0)


def speech(hears: Hears, frames: int, silence: int = 0, seed: int = 0) -> torch.Tensor:
    """Two clips (2, rows * T, row size) with so many silent frames at either end, where Whisper says 100."""
    generator = torch.Generator().manual_seed(seed)
    mel = 2 * torch.randn(2, 4 * frames, 80, generator=generator) - 5
    states = torch.randn(2, frames, 768, generator=generator)
    pitch = torch.rand(2, 4 * frames, 2, generator=generator) + torch.tensor([7.0, 0.0])
    if silence:
        for rows, entry, quiet in ((4, mel, -11.5), (1, states, 100.0), (4, pitch, 0.0)):
            entry[:, : rows * silence] = quiet
            entry[:, -rows * silence :] = quiet
    entries = {"mel": mel, "whisper": states, "pitch": pitch}
    return join({name: entries[name] for name in HEARD[hears]}, hears)


@pytest.fixture(params=["voice", "all"])
def encoder(request: pytest.FixtureRequest) -> StatisticsEncoder:
    torch.manual_seed(0)
    made = audio_encoder(16, replace(SMALL, hears=request.param))
    assert isinstance(made, StatisticsEncoder)
    made(speech(request.param, 50), torch.ones(2, 50, dtype=torch.bool))
    return made.eval()


def test_padding_never_changes_a_code(encoder):
    heard, mask = speech(encoder.hears, 50), torch.ones(2, 50, dtype=torch.bool)
    mask[1, 30:] = False
    codes = encoder(heard, mask)
    rows = heard.shape[1] // 50
    loud = heard.clone()
    loud[1, 30 * rows :] = 7.0
    torch.testing.assert_close(encoder(loud, mask)[0], codes[0])
    alone = encoder(heard[1:, : 30 * rows], mask[1:, :30])[0]
    torch.testing.assert_close(encoder(loud, mask)[1], codes[1], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(alone, codes[1], rtol=1e-3, atol=1e-3)


def test_looks_from_the_first_speech_to_the_last(encoder):
    heard, mask = speech(encoder.hears, 40, silence=6), torch.ones(2, 40, dtype=torch.bool)
    seen = encoder.attention(heard, mask)
    assert (seen[:, :6] == 0).all() and (seen[:, -6:] == 0).all()
    torch.testing.assert_close(seen.sum(1), torch.ones(2))
    assert seen[:, 6:-6].unique().numel() == 1


def test_states_are_pooled_over_what_is_not_padded():
    encoder = audio_encoder(16, replace(SMALL, hears="all"))
    heard, mask = speech("all", 40, silence=6), torch.ones(2, 40, dtype=torch.bool)
    mask[1, 33:] = False
    numbers = encoder.statistics(heard, mask)
    states = heard[1, :33, :768].reshape(66, 384)
    torch.testing.assert_close(numbers[1, -768:-384], states.mean(0))
    torch.testing.assert_close(numbers[1, -384:], states.std(0, unbiased=False))


@pytest.mark.parametrize("frames", [1, 2, 400])
def test_takes_any_length(encoder, frames):
    heard = speech(encoder.hears, frames)
    assert encoder(heard, torch.ones(2, frames, dtype=torch.bool)).isfinite().all()


@pytest.mark.parametrize("hears", ["whisper", "voice", "all"])
def test_trim_is_for_the_log_mel(hears):
    with pytest.raises(UserError, match=f"hears: {hears}"):
        audio_encoder(16, replace(SMALL, hears=hears, trim=True))
