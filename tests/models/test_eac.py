"""EAC: shapes, padding, schedules, the intensity token, and long speech in windows."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from lit_emotalk.emotions import EMOTIONS
from lit_emotalk.errors import UserError
from lit_emotalk.models.eac import EAC, EACConfig, label_codes, window_starts
from lit_emotalk.models.transformer import Layer

SMALL = EACConfig(code_dim=8, layers=2, heads=2, width=32, dropout=0.0, window=40, overlap=10)


def speech(frames: int, batch: int = 1, seed: int = 0) -> torch.Tensor:
    return torch.randn(batch, 4 * frames, 80, generator=torch.Generator().manual_seed(seed)) * 2 - 5


def code(batch: int = 1, seed: int = 0) -> torch.Tensor:
    return torch.randn(batch, 8, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def eac() -> EAC:
    """A small network whose head is strong enough for differences to show."""
    torch.manual_seed(0)
    eac = EAC(SMALL).eval()
    torch.nn.init.normal_(eac.head.weight, std=0.3)
    return eac


def test_has_the_supplements_sizes():
    eac = EAC()
    layers = list(eac.transformer.layers)
    assert len(layers) == 8
    assert all(isinstance(layer, Layer) and layer.attention.heads == 8 for layer in layers)
    assert eac.intensity_token.shape == (256,)


def test_output_is_coefficients_and_starts_near_rest():
    made = EAC(SMALL)(speech(10, 2), code(2), torch.ones(2))
    assert made.shape == (2, 10, 51)
    assert (made > 0).all() and (made < 0.2).all()


def test_padding_never_changes_a_frame(eac):
    mel, mask = speech(30, 2), torch.ones(2, 30, dtype=torch.bool)
    mask[1, 18:] = False
    made = eac(mel, code(2), torch.ones(2), mask)
    loud = mel.clone()
    loud[1, 72:] = 40.0
    torch.testing.assert_close(eac(loud, code(2), torch.ones(2), mask)[1, :18], made[1, :18])
    alone = eac(mel[1:, :72], code(2)[1:], torch.ones(1))
    torch.testing.assert_close(alone[0], made[1, :18], rtol=1e-4, atol=1e-6)


def test_code_and_intensity_change_the_face(eac):
    mel, strong = speech(20), torch.ones(1)
    made = eac(mel, code(), strong)
    for other in (eac(mel, code(seed=1), strong), eac(mel, code(), 0 * strong), eac(mel, None, strong)):
        assert (other - made).abs().mean() > 1e-3


def test_a_schedule_of_one_code_is_that_code_and_a_change_is_seen(eac):
    mel, strong = speech(20), torch.ones(1)
    still = code()[:, None].expand(1, 20, 8)
    torch.testing.assert_close(eac(mel, still, strong), eac(mel, code(), strong))
    turning = still.clone()
    turning[:, 10:] = code(seed=1)[:, None]
    assert (eac(mel, turning, strong) - eac(mel, still, strong)).abs().amax(-1)[0, 15] > 1e-3


def test_dropped_codes_give_the_null_code(eac):
    mel, strong = speech(12, 2), torch.ones(2)
    made = eac(mel, code(2), strong, drop=torch.tensor([True, False]))
    torch.testing.assert_close(made[:1], eac(mel[:1], None, strong[:1]))
    torch.testing.assert_close(made[1:], eac(mel[1:], code(2)[1:], strong[1:]))


@pytest.mark.parametrize(("total", "expected"), [(5, [0]), (40, [0]), (41, [0, 1]), (100, [0, 30, 60])])
def test_windows_cover_and_overlap(total, expected):
    starts = window_starts(total, 40, 10)
    assert starts == expected
    for before, after in pairwise(starts):
        assert before + 40 - after >= 10
    assert starts[-1] + 40 >= total


def test_short_speech_is_one_window(eac):
    mel, strong = speech(40), torch.ones(1)
    torch.testing.assert_close(eac.predict(mel, code(), strong), eac(mel, code(), strong))


def test_long_speech_has_no_seams(eac):
    frames = 400
    made = eac.predict(speech(frames), code(), torch.ones(1))
    assert made.shape == (1, frames, 51)
    steps = made.diff(dim=1).abs().mean(-1)[0]
    starts = window_starts(frames, 40, 10)
    borders = torch.tensor([s - 1 for s in starts[1:]] + [s + 9 for s in starts[1:]])
    assert steps[borders].max() <= steps.max()
    assert steps[borders].mean() < 1.2 * steps.mean()


def test_long_speech_takes_the_memory_of_one_window(eac, monkeypatch):
    lengths = []
    forward = EAC.forward

    def noted(self, mel, *given):
        lengths.append(mel.shape[1] // 4)
        return forward(self, mel, *given)

    monkeypatch.setattr(EAC, "forward", noted)
    assert eac.predict(speech(2000), code(), torch.ones(1)).shape == (1, 2000, 51)
    assert max(lengths) <= SMALL.window + SMALL.context - 1 and len(lengths) > 50


def test_windows_hear_across_their_borders(eac):
    """With a network that looks no further than its context, windows change nothing at all."""
    for layer in eac.transformer.layers:
        assert isinstance(layer, Layer)
        torch.nn.init.zeros_(layer.attention.out.weight)
        torch.nn.init.zeros_(layer.attention.out.bias)
    mel = speech(130)
    whole = eac(mel, code(), torch.ones(1))
    torch.testing.assert_close(eac.predict(mel, code(), torch.ones(1)), whole, rtol=1e-4, atol=1e-5)


def test_a_schedule_goes_through_windows(eac):
    mel = speech(100)
    codes = code()[:, None].expand(1, 100, 8)
    torch.testing.assert_close(
        eac.predict(mel, codes, torch.ones(1)), eac.predict(mel, code(), torch.ones(1)), rtol=1e-4, atol=1e-6
    )


def test_attention_shows_the_intensity_token(eac):
    seen = eac.attention(speech(15), code(), torch.ones(1))
    assert seen.shape == (1, 16, 16)
    torch.testing.assert_close(seen.sum(-1), torch.ones(1, 16))


def test_wrong_sizes_are_refused(eac):
    with pytest.raises(UserError, match="overlap"):
        eac.predict(speech(10), code(), torch.ones(1), window=10, overlap=6)
    with pytest.raises(UserError, match="odd"):
        EAC(EACConfig(context=4))


def test_without_intensity_or_codes_the_output_ignores_them():
    torch.manual_seed(0)
    blunt = EAC(replace(SMALL, intensity=False)).eval()
    mel, mask = speech(12, 2), torch.ones(2, 12, dtype=torch.bool)
    assert not any("intensity" in name for name, _ in blunt.named_parameters())
    made = blunt(mel, code(2), torch.ones(2), mask)
    assert made.shape == (2, 12, 51)
    torch.testing.assert_close(made, blunt(mel, code(2), torch.zeros(2)))
    blind = EAC(replace(SMALL, codes="none")).eval()
    torch.testing.assert_close(blind(mel, code(2), torch.ones(2)), blind(mel, None, torch.ones(2)))


def test_label_codes_are_one_hot_and_two_hot_for_compounds():
    happy, both, unknown = label_codes(["happy", "happily surprised", "hungry"])
    assert happy.nonzero()[:, 0].tolist() == [EMOTIONS.index("happy")] and float(happy.norm()) == 1.0
    assert both.nonzero()[:, 0].tolist() == [EMOTIONS.index("happy"), EMOTIONS.index("surprised")]
    assert float(both.norm()) == pytest.approx(1.0) and not unknown.any()


@pytest.fixture
def hearing() -> EAC:
    torch.manual_seed(0)
    return EAC(replace(SMALL, hears="whisper", convolutions=2)).eval()


def states(frames: int, batch: int = 1) -> torch.Tensor:
    return torch.randn(batch, frames, 768, generator=torch.Generator().manual_seed(3))


def test_hears_states_and_never_the_padding(hearing):
    mask = torch.ones(2, 30, dtype=torch.bool)
    mask[1, 18:] = False
    heard = states(30, 2)
    made = hearing(heard, code(2), torch.ones(2), mask)
    assert made.shape == (2, 30, 51)
    loud = heard.clone()
    loud[1, 18:] = 50.0
    torch.testing.assert_close(hearing(loud, code(2), torch.ones(2), mask)[1, :18], made[1, :18])
    alone = hearing(heard[1:, :18], code(2)[1:], torch.ones(1))
    torch.testing.assert_close(alone[0], made[1, :18], rtol=1e-4, atol=1e-6)
    assert (hearing(heard.flip(1), code(2), torch.ones(2)) - made).abs().mean() > 1e-4


def test_windows_over_states_hear_across_their_borders(hearing):
    for layer in hearing.transformer.layers:
        assert isinstance(layer, Layer)
        torch.nn.init.zeros_(layer.attention.out.weight)
        torch.nn.init.zeros_(layer.attention.out.bias)
    heard = states(130)
    whole = hearing(heard, code(), torch.ones(1))
    torch.testing.assert_close(hearing.predict(heard, code(), torch.ones(1)), whole, rtol=1e-4, atol=1e-5)


def test_it_hears_by_mel_or_whisper():
    with pytest.raises(UserError, match="mel or whisper, not voice"):
        EAC(replace(SMALL, hears="voice"))


def test_an_even_kernel_is_refused():
    with pytest.raises(UserError, match="odd"):
        EAC(replace(SMALL, hears="whisper", kernel=4))


def test_the_papers_intensity_is_the_prepended_token_alone():
    torch.manual_seed(0)
    paper = EAC(replace(SMALL, product=False)).eval()
    torch.nn.init.normal_(paper.head.weight, std=0.3)
    assert paper.feel.in_features == SMALL.code_dim
    mel, weak, strong = speech(12), torch.zeros(1), torch.ones(1)
    tokens = [paper.tokens(mel, code(), level, None, None) for level in (weak, strong)]
    torch.testing.assert_close(tokens[0][:, 1:], tokens[1][:, 1:])
    assert (tokens[0][:, 0] - tokens[1][:, 0]).abs().max() > 1e-3
    assert (paper(mel, code(), weak) - paper(mel, code(), strong)).abs().mean() > 1e-5


def test_without_product_and_intensity_the_code_is_there_once():
    bare = EAC(replace(SMALL, product=False, intensity=False)).eval()
    made = bare(speech(9), code(), torch.ones(1))
    assert made.shape == (1, 9, 51)
    assert (bare(speech(9), code(seed=1), torch.ones(1)) - made).abs().mean() > 1e-6


def test_bfm_coefficients_have_either_sign_and_start_at_zero():
    torch.manual_seed(0)
    basel = EAC(replace(SMALL, layout="bfm")).eval()
    made = basel(speech(10), code(), torch.ones(1))
    assert made.shape == (1, 10, 64) and made.abs().max() < 1
    assert (made < 0).any() and (made > 0).any()
    assert basel.predict(speech(100), code(), torch.ones(1)).shape == (1, 100, 64)
