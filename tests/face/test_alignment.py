"""Rigid alignment against SciPy and against transforms that are known."""

import numpy as np
from scipy.spatial.transform import Rotation

from lit_emotalk.face.alignment import align, rotation_matrices, rotation_vectors

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(30, 3)) * 0.6
POINTS = RNG.normal(size=(478, 3))
STABLE = np.where(np.arange(478) < 40, RNG.uniform(0.5, 1.5, 478), 0.0)


def test_rotations_agree_with_scipy_and_return() -> None:
    assert np.allclose(rotation_matrices(VECTORS), Rotation.from_rotvec(VECTORS).as_matrix())
    assert np.allclose(rotation_vectors(rotation_matrices(VECTORS)), VECTORS)
    assert np.allclose(rotation_vectors(np.eye(3)[None]), 0)


def test_alignment_undoes_a_similarity() -> None:
    scale, shift = np.exp(RNG.normal(size=30)), RNG.normal(size=(30, 3))
    turned = POINTS @ rotation_matrices(VECTORS).transpose(0, 2, 1)
    placed = align(scale[:, None, None] * turned + shift[:, None], POINTS, STABLE)
    assert np.allclose(placed.aligned, POINTS)
    assert np.allclose(rotation_vectors(placed.rotation), VECTORS)
    assert np.allclose(placed.scale, scale)
    assert np.allclose(placed.centre, shift)


def test_points_without_weight_do_not_pull() -> None:
    moved = POINTS.copy()
    moved[40:] += RNG.normal(size=(438, 3))
    placed = align(moved[None], POINTS, STABLE)
    assert np.allclose(placed.aligned[0], moved)
    assert np.allclose(placed.scale, 1)


def test_rotation_agrees_with_scipy_under_noise() -> None:
    centred = POINTS - (STABLE[:, None] * POINTS).sum(0) / STABLE.sum()
    noisy = centred @ rotation_matrices(VECTORS[0]).T + RNG.normal(size=(478, 3)) * 0.1
    noisy -= (STABLE[:, None] * noisy).sum(0) / STABLE.sum()
    expected = Rotation.align_vectors(noisy, centred, weights=STABLE)[0]
    placed = align(noisy[None], centred, STABLE)
    assert np.allclose(placed.rotation[0], expected.as_matrix(), atol=1e-6)


def test_mirror_images_are_not_accepted() -> None:
    placed = align((POINTS * np.array([-1.0, 1.0, 1.0]))[None], POINTS, STABLE)
    assert np.isclose(np.linalg.det(placed.rotation[0]), 1)
