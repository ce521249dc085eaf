"""Losses on expression coefficients over time."""

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_emotalk.coefficients import ARKIT

SPREAD_FLOOR = 1e-3
"""Added to standard deviations, so that the gradient of a still unit is finite."""

UNHEARD = ("eyeBlink", "eyeLook")
"""Units that speech does not determine: lids and gaze."""


def unit_weights(unheard: float, mouth: float) -> Tensor:
    """Weights (51,) of the units, mean 1: `unheard` for lids and gaze, `mouth` for jaw and mouth, else 1."""
    weights = torch.ones(ARKIT.expression_size)
    weights[ARKIT.columns("jaw", "mouth")] = mouth
    weights[ARKIT.columns(*UNHEARD)] = unheard
    return weights / weights.mean()


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of values (B, T, ...) over the frames where mask (B, T) is True, and over the rest; 0 for none."""
    weights = mask.reshape(*mask.shape, *[1] * (values.ndim - 2)).expand_as(values)
    return (values * weights).sum() / weights.sum().clamp(min=1)


def coefficient_loss(made: Tensor, true: Tensor, mask: Tensor, weights: Tensor, beta: float = 0.01) -> Tensor:
    """Weighted smooth L1, quadratic below `beta`, on frames where mask (B, T): made, true (B, T, 51) ->
    scalar.
    """
    return masked_mean(F.smooth_l1_loss(made, true, reduction="none", beta=beta) * weights, mask)


def spread(values: Tensor, mask: Tensor) -> Tensor:
    """Standard deviation over each clip's frames where mask (B, T): values (B, T, C) -> (B, C)."""
    keep = mask[..., None]
    count = keep.sum(1).clamp(min=1)
    mean = (values * keep).sum(1) / count
    variance = ((values - mean[:, None]).square() * keep).sum(1) / count
    return (variance + SPREAD_FLOOR**2).sqrt()


def spread_loss(made: Tensor, true: Tensor, mask: Tensor, weights: Tensor) -> Tensor:
    """Weighted L1 between the units' standard deviations over each clip: made, true (B, T, 51) -> scalar.

    What cannot be told from the sound draws a prediction to the mean, and its motion is too small: this asks
    for as much motion as there was, wherever it lies (our choice).
    """
    return ((spread(made, mask) - spread(true, mask)).abs() * weights).mean()


def velocity_loss(made: Tensor, true: Tensor, mask: Tensor, weights: Tensor) -> Tensor:
    """Weighted L1 of the differences between neighbouring frames: made, true (B, T, 51) -> scalar."""
    difference = (made.diff(dim=1) - true.diff(dim=1)).abs() * weights
    return masked_mean(difference, mask[:, 1:] & mask[:, :-1])
