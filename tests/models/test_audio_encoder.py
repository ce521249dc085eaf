"""The audio encoder: its sizes, its padding, any length, and what its attention shows."""

from dataclasses import replace

import pytest
import torch

from lit_emotalk.models.audio_encoder import SPEECH_MARGIN, AudioEncoder, AudioEncoderConfig, spoken
from lit_emotalk.models.transformer import Attention, Layer, rotary_turns, rotate

SMALL = AudioEncoderConfig(layers=2, heads=2, width=32, dropout=0.0)


def speech(frames: int, batch: int = 1, seed: int = 0) -> torch.Tensor:
    return torch.randn(batch, 4 * frames, 80, generator=torch.Generator().manual_seed(seed)) * 2 - 5


@pytest.fixture
def encoder() -> AudioEncoder:
    torch.manual_seed(0)
    return AudioEncoder(16, SMALL).eval()


def test_has_the_supplements_sizes():
    encoder = AudioEncoder(128)
    layers = list(encoder.transformer.layers)
    assert len(layers) == 4
    assert all(isinstance(layer, Layer) and layer.attention.heads == 8 for layer in layers)
    assert encoder.cls.shape == (256,) and encoder.project.weight.shape == (128, 256)


def test_padding_never_changes_a_code(encoder):
    mel, mask = speech(50, 2), torch.ones(2, 50, dtype=torch.bool)
    mask[1, 30:] = False
    codes = encoder(mel, mask)
    loud = mel.clone()
    loud[1, 120:] = 50.0
    torch.testing.assert_close(encoder(loud, mask), codes)
    alone = encoder(mel[1:, :120], mask[1:, :30])
    torch.testing.assert_close(alone[0], codes[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("frames", [1, 12, 13, 500])
def test_takes_any_length(encoder, frames):
    code = encoder(speech(frames), torch.ones(1, frames, dtype=torch.bool))
    assert code.shape == (1, 16) and code.isfinite().all()


def test_attention_is_a_share_of_the_frames(encoder):
    mask = torch.ones(2, 20, dtype=torch.bool)
    mask[0, 15:] = False
    seen = encoder.attention(speech(20, 2), mask)
    assert seen.shape == (2, 20)
    assert (seen[0, 15:] == 0).all() and (seen.sum(1) < 1).all() and (seen[1] > 0).all()


@pytest.fixture
def trimming() -> AudioEncoder:
    torch.manual_seed(0)
    return AudioEncoder(16, replace(SMALL, trim=True)).eval()


def with_silence(mel: torch.Tensor, before: int, after: int) -> torch.Tensor:
    """A clip (B, 4T, 80) with so many silent frames around it."""
    batch, _, bands = mel.shape
    silence = [mel.new_full((batch, 4 * frames, bands), -11.5) for frames in (before, after)]
    return torch.cat([silence[0], mel, silence[1]], 1)


def test_trimmed_silence_never_changes_a_code(trimming, encoder):
    clip = with_silence(speech(40), 8, 8)
    codes, whole = [], []
    for before, after in ((0, 0), (25, 0), (0, 30), (12, 18)):
        mel = with_silence(clip, before, after)
        mask = torch.ones(1, mel.shape[1] // 4, dtype=torch.bool)
        kept = spoken(mel, mask)[0].nonzero().flatten().tolist()
        assert kept == list(range(before + 8 - SPEECH_MARGIN, before + 48 + SPEECH_MARGIN))
        codes.append(trimming(mel, mask))
        whole.append(encoder(mel, mask))
    for code in codes[1:]:
        torch.testing.assert_close(code, codes[0])
    assert not torch.allclose(whole[1], whole[0], atol=1e-3)


def test_trimming_looks_at_each_clip_alone_and_attention_stays_in_its_place(trimming):
    early, late = with_silence(speech(30), 2, 40), with_silence(speech(36, seed=1), 30, 6)
    mel, mask = torch.cat([early, late]), torch.ones(2, 72, dtype=torch.bool)
    together = trimming(mel, mask)
    for row in range(2):
        torch.testing.assert_close(
            trimming(mel[row : row + 1], mask[row : row + 1])[0], together[row], rtol=1e-5, atol=1e-6
        )
    seen = trimming.attention(mel, mask)
    assert seen.shape == (2, 72)
    assert torch.equal(seen > 0, spoken(mel, mask))


@pytest.mark.parametrize("frames", [1, 2, 30])
def test_a_clip_of_one_loudness_is_not_trimmed(trimming, frames):
    mel, mask = torch.full((1, 4 * frames, 80), -11.5), torch.ones(1, frames, dtype=torch.bool)
    assert spoken(mel, mask).all() and trimming(mel, mask).isfinite().all()


def test_attention_weights_are_the_ones_that_are_used():
    torch.manual_seed(0)
    attention = Attention(32, 1)
    x, turns = torch.randn(2, 6, 32), rotary_turns(6, 32, torch.device("cpu"))
    keep = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])[:, None, None]
    weights = attention.weights(x, turns, keep)
    value = attention.qkv(x)[..., 64:]
    torch.testing.assert_close(attention.out(weights @ value), attention(x, turns, keep))


def test_rotary_scores_depend_on_distance_only():
    query, key = (torch.randn(1, 1, 1, 8, generator=torch.Generator().manual_seed(s)) for s in (0, 1))
    turns = rotary_turns(30, 8, query.device)

    def score(i: int, j: int) -> float:
        at = [rotate(x, turns[n : n + 1]) for x, n in ((query, i), (key, j))]
        return float((at[0] * at[1]).sum())

    assert score(3, 7) == pytest.approx(score(20, 24), abs=1e-5)
    assert score(3, 7) != pytest.approx(score(3, 8), abs=1e-3)


def test_hears_states_and_never_the_padding():
    torch.manual_seed(0)
    encoder = AudioEncoder(16, replace(SMALL, hears="whisper")).eval()
    heard = torch.randn(2, 50, 768, generator=torch.Generator().manual_seed(3))
    mask = torch.ones(2, 50, dtype=torch.bool)
    mask[1, 30:] = False
    codes = encoder(heard, mask)
    loud = heard.clone()
    loud[1, 30:] = 50.0
    torch.testing.assert_close(encoder(loud, mask), codes)
    torch.testing.assert_close(encoder(heard[1:, :30], mask[1:, :30])[0], codes[1], rtol=1e-5, atol=1e-6)
    assert encoder.attention(heard, mask).shape == (2, 50)
