"""E-FID and pose FID against scipy's matrix root."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from lit_emotalk.metrics.coefficient_fid import ExpressionFID, PoseFID


@pytest.mark.parametrize(("metric", "size"), [(ExpressionFID, 51), (PoseFID, 6)])
def test_the_distance_is_frechets(metric, size):
    dice = torch.Generator().manual_seed(0)
    true = torch.rand(300, size, generator=dice)
    made = 0.7 * torch.rand(200, size, generator=dice) + 0.1
    measured = metric()
    for part in made.split(64):
        measured.update(torch.cat([part, torch.full((3, size), math.nan)]), real=False)
    measured.update(true, real=True)
    a, b = made.double().numpy(), true.double().numpy()
    covariances = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    expected = (
        np.square(a.mean(0) - b.mean(0)).sum()
        + np.trace(covariances[0] + covariances[1] - 2 * sqrtm(covariances[0] @ covariances[1]))
    ).real
    assert float(measured.compute()) == pytest.approx(expected, rel=1e-4)
    assert measured.counts.tolist() == [200, 300], "frames without a face do not count"


def test_the_truth_has_none_and_one_frame_no_number():
    frames = torch.rand(90, 51, generator=torch.Generator().manual_seed(1))
    same = ExpressionFID()
    same.update(frames, real=True)
    same.update(frames, real=False)
    assert abs(float(same.compute())) < 1e-6
    few = ExpressionFID()
    few.update(frames, real=True)
    few.update(frames[:1], real=False)
    assert few.compute().isnan()
