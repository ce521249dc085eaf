"""Errors of coefficients without names, against plain arrays."""

import numpy as np
import pytest
import torch

from lit_emotalk.metrics.coefficient_error import CoefficientError


def test_the_figures_are_means_over_all_frames():
    rng = np.random.default_rng(0)
    clips = [tuple(rng.normal(size=(frames, 64)) for _ in range(2)) for frames in (5, 11)]
    still = rng.normal(size=(2, 64))
    metric = CoefficientError(64)
    for made, true in clips:
        metric.update(torch.from_numpy(made), torch.from_numpy(true), torch.from_numpy(still))
    made, true = (np.concatenate([clip[side] for clip in clips]) for side in (0, 1))
    error = np.abs(made - true).mean()
    changes = np.concatenate([np.diff(a - b, axis=0) for a, b in clips])
    figures = {name: float(value) for name, value in metric.compute().items()}
    assert figures["error"] == pytest.approx(error)
    assert figures["velocity"] == pytest.approx(np.abs(changes).mean())
    for row, (name, gain) in zip(still, (("mean", "gain"), ("level", "level_gain")), strict=True):
        base = np.abs(row - true).mean()
        assert figures[f"{name}_error"] == pytest.approx(base)
        assert figures[gain] == pytest.approx(1 - error / base)


def test_without_baselines_there_is_no_gain_and_without_clips_nothing():
    metric = CoefficientError(3)
    assert metric.compute() == {}
    metric.update(torch.zeros(4, 3), torch.ones(4, 3))
    assert set(metric.compute()) == {"error", "velocity"} and float(metric.compute()["error"]) == 1.0
