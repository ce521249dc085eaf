"""Readings brought onto the landmarks they were read from."""

import numpy as np
import torch
from scipy.optimize import lsq_linear

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.face import refine
from lit_emotalk.face.basis import LinearFace
from lit_emotalk.face.refine import Refinement
from lit_emotalk.face.regions import LIPS, MOUTH_OPENING

FACE = LinearFace.load()
REFINE = Refinement(FACE)
SHAPES = FACE.basis.double().numpy()


def some_weights(frames: int, seed: int) -> np.ndarray:
    """Weights (frames, 51), four in five of them zero."""
    generator = np.random.default_rng(seed)
    size = (frames, ARKIT.expression_size)
    return generator.random(size) * (generator.random(size) < 0.2)


def moved_by(weights: np.ndarray) -> np.ndarray:
    """What the linear face does under weights (T, 51)."""
    return np.einsum("tk,kpd->tpd", weights, SHAPES)


def test_is_the_bounded_least_squares_of_its_definition() -> None:
    generator = np.random.default_rng(0)
    moved = moved_by(some_weights(4, 1)) + 0.02 * generator.standard_normal((4, 478, 3))
    reading = generator.uniform(-0.2, 1.2, (4, ARKIT.expression_size))
    counts = np.ones((478, 3))
    for part, count in refine.COUNTS.items():
        counts[list(part)] *= count
    counts[:, 2] *= refine.DEPTH_COUNTS
    upper, lower = MOUTH_OPENING
    trust, opening = np.sqrt(refine.TRUST), np.sqrt(refine.OPENING_COUNTS)
    rows = [
        (SHAPES * np.sqrt(counts)).reshape(ARKIT.expression_size, -1).T,
        opening * (SHAPES[:, lower, 1] - SHAPES[:, upper, 1])[None],
        trust * np.eye(ARKIT.expression_size),
    ]
    for points, read, found in zip(moved, reading, REFINE(moved, reading), strict=True):
        gap = opening * (points[lower, 1] - points[upper, 1])
        seen = np.concatenate([(points * np.sqrt(counts)).ravel(), [gap], trust * read])
        known = lsq_linear(np.concatenate(rows), seen, (0, 1)).x
        np.testing.assert_allclose(found, known, atol=0.01)


def test_a_right_reading_stays() -> None:
    weights = some_weights(6, 2)
    np.testing.assert_allclose(REFINE(moved_by(weights), weights), weights, atol=1e-5)


def test_a_weak_reading_of_a_face_is_made_to_move_as_it_did() -> None:
    weights = some_weights(20, 3)
    moved = moved_by(weights)
    found = REFINE(moved, 0.6 * weights)
    before, after = (np.abs(moved - moved_by(each))[:, list(LIPS)].mean() for each in (0.6 * weights, found))
    assert after < 0.3 * before


def test_units_that_landmarks_do_not_show_stay_as_they_were_read() -> None:
    reading = some_weights(5, 4)
    hidden = torch.linalg.vector_norm(FACE.basis, dim=(1, 2)).argmin().item()
    found = REFINE(moved_by(np.where(np.arange(reading.shape[1]) == hidden, 0.0, reading)), reading)
    np.testing.assert_allclose(found[:, hidden], reading[:, hidden], atol=0.1)
