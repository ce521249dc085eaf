"""Losses on coefficients and lips: references, masks, and what they must not see."""

import pytest
import torch

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.face.basis import LinearFace
from lit_emotalk.losses.coefficients import (
    coefficient_loss,
    masked_mean,
    spread_loss,
    unit_weights,
    velocity_loss,
)
from lit_emotalk.losses.lips import LipLoss

MASK = torch.tensor([[True, True, True, False], [True, True, False, False]])


@pytest.fixture
def face() -> LinearFace:
    """A linear face of random shapes; only jawOpen moves the inner lips, by 0.4."""
    generator = torch.Generator().manual_seed(0)
    basis = 0.01 * torch.randn(51, 478, 3, generator=generator)
    basis[:, [13, 14]] = 0.0
    basis[ARKIT.columns("jawOpen")[0], 14, 1] = 0.4
    return LinearFace(torch.randn(478, 3, generator=generator), basis, torch.ones(478))


def pair() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(2, 4, 51, generator=generator), torch.rand(2, 4, 51, generator=generator)


def test_masked_mean_counts_real_frames_only():
    values = torch.arange(8.0).reshape(2, 4)
    assert float(masked_mean(values, MASK)) == pytest.approx((0 + 1 + 2 + 4 + 5) / 5)
    assert float(masked_mean(values, torch.zeros_like(MASK))) == 0.0


def test_coefficient_loss_is_weighted_smooth_l1():
    made, true = pair()
    weights = unit_weights(0.1, 2.0)
    total, count = 0.0, 0
    for b in range(2):
        for t in range(4):
            if MASK[b, t]:
                for c in range(51):
                    gap = abs(float(made[b, t, c] - true[b, t, c]))
                    total += float(weights[c]) * (gap**2 / 0.2 if gap < 0.1 else gap - 0.05)
                    count += 1
    assert float(coefficient_loss(made, true, MASK, weights, beta=0.1)) == pytest.approx(
        total / count, rel=1e-4
    )


def test_velocity_loss_sees_motion_only_and_never_the_padding():
    made, _ = pair()
    shifted = made + 0.3
    assert float(velocity_loss(made, shifted, MASK, torch.ones(51))) == pytest.approx(0.0, abs=1e-6)
    broken = made.clone()
    broken[~MASK] = 9.0
    assert float(velocity_loss(broken, made, MASK, torch.ones(51))) == 0.0


def test_spread_loss_compares_standard_deviations_over_real_frames():
    made, true = pair()
    weights = unit_weights(0.1, 2.0)
    clips = [(made[0, :3], true[0, :3]), (made[1, :2], true[1, :2])]
    gaps = [(m.std(0, correction=0) - t.std(0, correction=0)).abs() * weights for m, t in clips]
    wanted = float(torch.stack(gaps).mean())
    assert float(spread_loss(made, true, MASK, weights)) == pytest.approx(wanted, rel=1e-3)
    broken = made.clone()
    broken[~MASK] = 9.0
    assert float(spread_loss(broken, true, MASK, weights)) == pytest.approx(wanted, rel=1e-3)


def test_spread_loss_sets_a_still_face_in_motion():
    still = torch.full((1, 6, 51), 0.3)
    still[0, 2] += 1e-4
    still.requires_grad_()
    true = torch.rand(1, 6, 51, generator=torch.Generator().manual_seed(2))
    spread_loss(still, true, torch.ones(1, 6, dtype=torch.bool), torch.ones(51)).backward()
    assert still.grad is not None and still.grad.isfinite().all()
    assert (still.grad[0, 2] < 0).all()


def test_unit_weights_have_mean_one_and_lower_lids():
    weights = unit_weights(0.1, 1.5)
    assert float(weights.mean()) == pytest.approx(1.0)
    blink, jaw, brow = (
        float(weights[ARKIT.columns(name)[0]]) for name in ("eyeBlink", "jawOpen", "browDown")
    )
    assert blink == pytest.approx(0.1 * brow) and jaw == pytest.approx(1.5 * brow)


def test_lip_loss_measures_the_opening_in_percent(face):
    true = torch.zeros(1, 3, 51)
    made = true.clone()
    made[:, 1, ARKIT.columns("jawOpen")[0]] = 0.5
    mask = torch.ones(1, 3, dtype=torch.bool)
    landmarks, opening = LipLoss(closed=3.0, face=face)(made, true, mask, torch.zeros_like(mask))
    assert float(opening) == pytest.approx(100 * 0.2 / 3, rel=1e-4)
    assert float(landmarks) > 0
    closed = torch.tensor([[False, True, False]])
    assert float(LipLoss(3.0, face)(made, true, mask, closed)[1]) == pytest.approx(
        4 * float(opening), rel=1e-4
    )
    assert float(LipLoss(3.0, face)(made, true, ~closed, closed)[1]) == 0.0
