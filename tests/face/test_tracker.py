"""The shipped tracker and linear face: shapes, invariances, resting shapes, units that mean what they say."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch

from lit_emotalk.coefficients import ARKIT, ARKIT_NAMES
from lit_emotalk.face.alignment import rotation_matrices
from lit_emotalk.face.basis import LinearFace, mouth_opening, mouth_width
from lit_emotalk.face.look import FACE_PIXELS, LOOK_SIZE
from lit_emotalk.face.regions import LIPS, MOUTH_OPENING
from lit_emotalk.face.tracker import REST_LASTING, Rest, Tracker

FACE = LinearFace.load()
TRACKER = Tracker.load()
UNIT = {name: i for i, name in enumerate(ARKIT_NAMES)}


def expression(**units: float) -> torch.Tensor:
    """Weights (51,) with both sides of the named units set."""
    weights = torch.zeros(ARKIT.expression_size)
    for prefix, value in units.items():
        weights[ARKIT.columns(prefix)] = value
    return weights


def drawn(weights: torch.Tensor, identity: np.ndarray | float = 0.0) -> np.ndarray:
    """Landmarks (T, 478, 3) of a face that shows these true weights."""
    return LinearFace(FACE.mean, TRACKER.network.basis, FACE.stable).landmarks(weights).numpy() + identity


def someone(seed: int) -> np.ndarray:
    """A smooth change of shape (478, 3) such as sets people apart, about 3 % of the inter-ocular distance."""
    rng = np.random.default_rng(seed)
    mean = FACE.mean.numpy()
    return 0.03 * np.sin(mean @ rng.normal(size=(3, 3)) * 2 + rng.uniform(0, 6, 3)).astype(np.float32)


def test_linear_face_is_linear_and_differentiable() -> None:
    weights = torch.rand(2, 7, 51, requires_grad=True)
    points = FACE(weights)
    assert points.shape == (2, 7, 478, 3)
    expected = FACE.mean + sum(weights[1, 3, k] * FACE.basis[k] for k in range(51))
    torch.testing.assert_close(points[1, 3], expected)
    torch.testing.assert_close(FACE.lips(weights), points[..., list(LIPS), :])
    opened = expression(jawOpen=0.5).requires_grad_()
    FACE.mouth_opening(opened).backward()
    assert opened.grad is not None and opened.grad[UNIT["jawOpen"]] > 0.1 > opened.grad[UNIT["mouthClose"]]


def test_linear_face_is_a_face() -> None:
    mean = FACE.mean
    assert (mean[263] - mean[33]).norm() == pytest.approx(1, abs=2e-3)
    assert mean[152, 1] > mean[17, 1] > mean[1, 1] > mean[10, 1], "chin below lips below nose below forehead"
    assert mean[263, 0] > mean[33, 0], "the person's left is on the right of the picture"
    assert mean[1, 2] < mean[234, 2], "the nose is nearer than the ear"


def test_units_move_what_they_name() -> None:
    rest = FACE.mean
    upper, lower = MOUTH_OPENING
    opened = FACE.landmarks(expression(jawOpen=1.0))
    assert mouth_opening(opened) > mouth_opening(rest) + 0.2
    shut = FACE.landmarks(expression(jawOpen=1.0, mouthClose=1.0))
    assert mouth_opening(shut) < 0.4 * mouth_opening(opened)
    assert opened[lower, 1] - rest[lower, 1] > abs(opened[upper, 1] - rest[upper, 1])
    assert mouth_width(FACE.landmarks(expression(mouthPucker=1.0))) < mouth_width(rest) - 0.05
    corners = [61, 291]
    assert (FACE.landmarks(expression(mouthSmile=1.0))[corners, 1] < rest[corners, 1] - 0.02).all()
    assert (FACE.landmarks(expression(mouthFrown=1.0))[corners, 1] > rest[corners, 1] + 0.01).all()
    inner_brows, outer_brows = [55, 285], [46, 276]
    assert (FACE.landmarks(expression(browDown=1.0))[inner_brows, 1] > rest[inner_brows, 1] + 0.02).all()
    assert (FACE.landmarks(expression(browInnerUp=1.0))[inner_brows, 1] < rest[inner_brows, 1] - 0.02).all()
    assert (FACE.landmarks(expression(browOuterUp=1.0))[outer_brows, 1] < rest[outer_brows, 1] - 0.02).all()


def test_units_of_the_two_sides_mirror_each_other() -> None:
    left, right = FACE.basis[UNIT["mouthSmileLeft"]], FACE.basis[UNIT["mouthSmileRight"]]
    assert left[291].norm() > 2 * right[291].norm()
    torch.testing.assert_close(left[291] * torch.tensor([-1.0, 1, 1]), right[61], atol=5e-3, rtol=0.05)


@pytest.mark.parametrize(
    "prefix",
    ["jawOpen", "mouthSmile", "eyeBlink", "browDown", "browInnerUp", "eyeWide", "mouthPucker", "noseSneer"],
)
def test_readings_follow_the_unit(prefix: str) -> None:
    strengths = torch.linspace(0, 1, 6)
    clip = drawn(torch.stack([expression(**{prefix: float(s)}) for s in strengths]), someone(1))
    read = ARKIT.mean_of(TRACKER.expression(clip, Rest(drawn(torch.zeros(51), someone(1)))), prefix)
    assert read[0] < 0.25 and read[-1] > 0.3
    assert np.corrcoef(read, strengths)[0, 1] > 0.9


def test_shapes_and_ranges() -> None:
    clip = drawn(torch.rand(5, 51) * 0.5)
    coefficients = TRACKER.coefficients(clip)
    assert coefficients.shape == (5, ARKIT.size) and coefficients.dtype == np.float32
    assert np.isfinite(coefficients).all()
    units = coefficients[:, ARKIT.expression]
    assert units.min() >= 0 and units.max() <= 1
    faces = np.random.default_rng(0).integers(0, 255, (5, FACE_PIXELS, FACE_PIXELS)).astype(np.uint8)
    rest = TRACKER.rest(clip, faces)
    assert rest.shape.shape == (478, 3) and rest.look is not None and rest.look.shape == (LOOK_SIZE,)
    assert TRACKER.coefficients(clip, rest, faces).shape == (5, ARKIT.size)


def test_expression_ignores_place_and_size() -> None:
    clip = drawn(torch.rand(8, 51, generator=torch.Generator().manual_seed(0)) * 0.6)
    moved = 83.0 * clip + np.array([128.0, 100.0, 5.0])
    rest = TRACKER.rest(clip)
    np.testing.assert_allclose(TRACKER.rest(moved).shape, rest.shape, atol=1e-4)
    np.testing.assert_allclose(TRACKER.expression(moved), TRACKER.expression(clip), atol=1e-3)
    np.testing.assert_allclose(TRACKER.expression(moved, rest), TRACKER.expression(clip, rest), atol=1e-3)


def test_pose_is_read_back() -> None:
    vectors = np.random.default_rng(0).uniform(-0.3, 0.3, (20, 3))
    turned = 0.2 * FACE.mean.numpy() @ rotation_matrices(vectors).transpose(0, 2, 1)
    pose = TRACKER.pose(turned + np.array([0.6, 0.45, 0.0]))
    np.testing.assert_allclose(pose[:, :3], vectors, atol=1e-3)
    np.testing.assert_allclose(pose[:, 3:5], np.broadcast_to([0.2, -0.1], (20, 2)), atol=2e-3)
    np.testing.assert_allclose(pose[:, 5], np.log(0.4), atol=5e-3)


def test_rest_takes_the_expression_away() -> None:
    generator = torch.Generator().manual_seed(1)
    weights = torch.rand(60, 51, generator=generator) * (torch.rand(60, 51, generator=generator) < 0.15)
    identity = someone(3)
    clip = drawn(weights, identity)
    rest = TRACKER.rest(clip)
    truth = TRACKER.align((FACE.mean.numpy() + identity)[None]).aligned[0]
    found, naive = (
        np.abs(rest.shape - truth).mean(),
        np.abs(TRACKER.align(clip).aligned.mean(0) - truth).mean(),
    )
    assert found < 0.015 and found < naive


def test_thousands_of_frames_a_second() -> None:
    clip = np.repeat(drawn(torch.rand(50, 51)), 20, axis=0)
    rest = Rest(clip[0])
    TRACKER.coefficients(clip[:10], rest)
    start = time.process_time()
    TRACKER.coefficients(clip, rest)
    assert len(clip) / (time.process_time() - start) > 500


def test_faces_count_only_beside_a_rest_that_has_a_look() -> None:
    clip = drawn(torch.rand(6, 51, generator=torch.Generator().manual_seed(2)) * 0.5)
    faces = np.random.default_rng(1).integers(0, 255, (6, FACE_PIXELS, FACE_PIXELS)).astype(np.uint8)
    blind, seeing = TRACKER.rest(clip), TRACKER.rest(clip, faces)
    assert np.array_equal(TRACKER.expression(clip, blind, faces), TRACKER.expression(clip, blind))
    assert np.abs(TRACKER.expression(clip, seeing, faces) - TRACKER.expression(clip, seeing)).max() > 0.01
    assert np.abs(TRACKER.expression(clip, None, faces) - TRACKER.expression(clip)).max() > 0.01


@pytest.mark.parametrize("look", [None, np.arange(LOOK_SIZE, dtype=np.float32)])
def test_rest_is_kept_in_a_file(look: np.ndarray | None, tmp_path: Path) -> None:
    Rest(FACE.mean.numpy(), look).save(tmp_path / "rest.npz")
    kept = Rest.load(tmp_path / "rest.npz")
    assert np.array_equal(kept.shape, FACE.mean.numpy())
    assert kept.look is None if look is None else np.array_equal(kept.look, look)


def test_saving_keeps_the_readings(tmp_path: Path) -> None:
    TRACKER.save(tmp_path / "tracker.safetensors", tmp_path / "basis.safetensors")
    again = Tracker.load(tmp_path / "tracker.safetensors", tmp_path / "basis.safetensors")
    clip = drawn(torch.rand(4, 51) * 0.5)
    assert np.array_equal(again.expression(clip), TRACKER.expression(clip))


def test_what_lasts_is_expression_only_where_it_may_be() -> None:
    generator = torch.Generator().manual_seed(3)
    speech = torch.rand(40, 1, generator=generator) * expression(jawOpen=0.4)
    clip = drawn(speech + expression(browInnerUp=0.9))
    raised, high = (
        ARKIT.mean_of(TRACKER.expression(clip, TRACKER.rest(clip, lasting=lasting)), "browInnerUp").mean()
        for lasting in (REST_LASTING, np.inf)
    )
    assert raised > 0.4 and high < 0.2


def test_the_mouth_opens_as_far_as_the_landmarks_say() -> None:
    jaw = np.linspace(0, 0.8, 17)
    weights = torch.stack([expression(jawOpen=value, mouthSmile=0.3) for value in jaw])
    rest = Rest((FACE.mean.numpy() + someone(4)).astype(np.float32))
    read = TRACKER.expression(drawn(weights, someone(4)), rest)
    true, made = (mouth_opening(torch.from_numpy(drawn(w))) for w in (weights, torch.from_numpy(read)))
    assert np.corrcoef(made, true)[0, 1] > 0.99
    assert 0.8 < np.polyfit(true, made, 1)[0] < 1.2
