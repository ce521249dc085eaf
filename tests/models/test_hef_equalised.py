"""Layers whose weights have unit variance: what they make, and the same layers with their gain folded in."""

import pytest
import torch

from lit_emotalk.models.hef import equalised


@torch.no_grad()
def test_layers_of_unit_weights_keep_the_size_of_what_they_see() -> None:
    torch.manual_seed(0)
    wide, narrow = equalised.Conv2d(256, 64, 3), equalised.Conv2d(4, 64, 3, gain=2.0)
    assert float(wide(torch.randn(1, 256, 16, 16))[..., 1:-1, 1:-1].std()) == pytest.approx(1, rel=0.1)
    assert float(narrow(torch.randn(1, 4, 16, 16))[..., 1:-1, 1:-1].std()) == pytest.approx(2, rel=0.15)
    assert float(equalised.Linear(512, 512)(torch.randn(64, 512)).std()) == pytest.approx(1, rel=0.1)
    assert float(equalised.Conv1d(64, 64, 3, 3)(torch.randn(8, 64, 27)).std()) == pytest.approx(1, rel=0.1)
    assert torch.equal(equalised.Conv2d(8, 2, 3, zero=True)(torch.randn(1, 8, 4, 4)), torch.zeros(1, 2, 4, 4))
    plain = torch.nn.Conv2d(4, 64, 3, padding=1)
    plain.load_state_dict({"weight": narrow.gain * narrow.weight, "bias": narrow.bias})
    seen = torch.randn(1, 4, 8, 8)
    torch.testing.assert_close(narrow(seen), plain(seen))


def test_folded_layers_are_the_same_function() -> None:
    made = torch.nn.Sequential(
        equalised.Conv2d(4, 6, 3, gain=2.0), torch.nn.Flatten(), equalised.Linear(96, 5)
    )
    seen = torch.randn(2, 4, 4, 4)
    plain = equalised.folded(made)
    torch.testing.assert_close(plain(seen), made(seen))
    assert torch.equal(plain[2].weight, made[2].gain * made[2].weight) and plain[2].gain == 1
