"""LVE, FDD and MHD against plain loops."""

import math
import statistics

import numpy as np
import pytest
import torch

from lit_emotalk.face.basis import LinearFace
from lit_emotalk.face.regions import LIPS
from lit_emotalk.metrics.shape_error import FDD, LVE, MHD, fdd, lve, mhd

FRAMES = 12


@pytest.fixture(scope="module")
def face() -> LinearFace:
    return LinearFace.load()


@pytest.fixture(scope="module")
def pair(face) -> tuple[torch.Tensor, torch.Tensor]:
    """Generated and true points of random expressions, each without a face in one frame."""
    dice = torch.Generator().manual_seed(0)
    made, true = (face.landmarks(torch.rand(FRAMES, 51, generator=dice) * 0.4) for _ in range(2))
    made[3], true[8] = math.nan, math.nan
    return made, true


SEEN = [t for t in range(FRAMES) if t not in (3, 8)]


def test_lve_is_the_worst_lip_point(pair):
    made, true = (side.double().numpy() for side in pair)
    worst = [max(math.dist(made[t, p], true[t, p]) ** 2 for p in LIPS) for t in SEEN]
    assert float(lve(*pair)) == pytest.approx(1e4 * statistics.mean(worst), rel=1e-5)
    assert lve(*pair) > 0 and lve(pair[0], pair[0]) == 0


def test_fdd_is_the_difference_of_the_dynamics(pair, face):
    made, true = (side.double().numpy() for side in pair)
    rest = face.mean.double().numpy()
    differences = []
    for point in face.upper_face:
        spread = [
            statistics.pstdev(math.dist(side[t, point], rest[point]) for t in SEEN) for side in (true, made)
        ]
        differences.append(spread[0] - spread[1])
    expected = abs(100 * statistics.mean(differences))
    assert float(fdd(*pair, face.mean, face.upper_face)) == pytest.approx(expected, rel=1e-4)


def test_a_still_face_lacks_all_dynamics(face):
    moving = face.landmarks(torch.rand(FRAMES, 51, generator=torch.Generator().manual_seed(1)))
    still = moving[:1].expand_as(moving)
    assert fdd(moving, moving, face.mean, face.upper_face) == 0
    lacks = fdd(still, moving, face.mean, face.upper_face)
    assert lacks > 0 and lacks == pytest.approx(float(fdd(moving, still, face.mean, face.upper_face)))


def test_mhd_is_the_root_mean_square(pair):
    made, true = (side.double().numpy() for side in pair)
    squares = [np.square(made[t] - true[t]).sum(-1).mean() for t in SEEN]
    assert float(mhd(*pair)) == pytest.approx(100 * math.sqrt(statistics.mean(squares)), rel=1e-5)
    shifted = pair[1] + torch.tensor([0.03, 0.04, 0.0])
    assert float(mhd(shifted, pair[1])) == pytest.approx(5, rel=1e-4)


def test_the_upper_face_is_brows_and_eyes_without_the_lips(face):
    upper = set(face.upper_face)
    assert {33, 263, 159, 386, 70, 300, 10, 107, 336} <= upper
    assert not upper & {*LIPS, 1, 4, 152, *range(468, 478)}


def test_without_a_common_face_there_is_no_number(face):
    lost = torch.full((FRAMES, 478, 3), math.nan)
    true = face.mean.expand(FRAMES, -1, -1)
    assert lve(lost, true).isnan() and mhd(lost, true).isnan()
    assert fdd(true[:1], true[:1], face.mean, face.upper_face).isnan()


def test_the_metrics_are_means_over_clips(pair, face):
    for metric, function, more in (
        (LVE(), lve, ()),
        (MHD(), mhd, ()),
        (FDD(), fdd, (face.mean, face.upper_face)),
    ):
        metric.update(*pair, *more)
        metric.update(pair[1], pair[1], *more)
        metric.update(torch.full_like(pair[0], math.nan), pair[1], *more)
        assert float(metric.compute()) == pytest.approx(float(function(*pair, *more)) / 2)
