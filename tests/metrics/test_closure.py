"""Closures and lags of the lips against curves that are made by hand."""

import numpy as np
import pytest
import torch

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.face.basis import LinearFace
from lit_emotalk.metrics.closure import CLOSED_GAP, LAGS, Closures, closures, lag_curve, lip_gap, loudness


def test_a_closure_counts_once_and_is_met_by_one_closed_frame():
    closed = np.array([1, 1, 0, 0, 1, 1, 1, 0, 1], bool)
    gap = np.full(9, 0.2)
    assert closures(gap, closed) == Closures(0, 3)
    gap[[5, 8]] = CLOSED_GAP / 2
    gap[3] = 0.0
    assert closures(gap, closed) == Closures(2, 3)
    assert closures(gap, closed).rate == pytest.approx(2 / 3)
    assert np.isnan(closures(gap, np.zeros(9, bool)).rate)


def test_the_gap_is_zero_at_rest_and_grows_with_the_jaw():
    face = LinearFace.load()
    expression = np.zeros((3, 51), np.float32)
    expression[:, ARKIT.columns("jawOpen")[0]] = [0.0, 0.3, 0.6]
    gap = lip_gap(face, expression)
    assert gap[0] == pytest.approx(0.0, abs=1e-6) and 0.05 < gap[1] < gap[2]
    opened = face.mouth_opening(torch.from_numpy(expression))
    assert np.argsort(gap).tolist() == opened.argsort().tolist()


@pytest.mark.parametrize("lag", [-3, 0, 2])
def test_the_best_lag_is_the_one_that_was_put_in(lag):
    sound = np.random.default_rng(0).standard_normal(80)
    assert LAGS[lag_curve(sound, np.roll(sound, lag)).argmax()] == lag


def test_a_still_curve_has_no_lag():
    assert np.isnan(lag_curve(np.arange(40.0), np.full(40, 0.1) + 1e-7 * np.arange(40))).all()


def test_loudness_is_the_mean_magnitude_of_a_frame():
    mel = np.log(np.repeat([1.0, 3.0], 4)[:, None] * np.ones((8, 80)))
    assert loudness(mel).tolist() == pytest.approx([1.0, 3.0])
