"""The flow that the linear face gives: against the same heads posed by another way."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lit_emotalk.coefficients import ARKIT, ARKIT_NAMES
from lit_emotalk.face.alignment import rotation_matrices
from lit_emotalk.face.basis import LOWER_SKIN, UPPER_SKIN, LinearFace
from lit_emotalk.face.regions import LEFT_BROW, LIPS_INNER, MOUTH_OPENING, RIGHT_BROW
from lit_emotalk.models.hef.generator import HEF, HEFConfig
from lit_emotalk.models.hef.guide import (
    CHIN,
    HINTS,
    MOUTH_GAIN,
    TEETH,
    FaceGuide,
    rotation_matrix,
    triangle_areas,
)

FRONT = (0.0, 0.0, 0.0, 0.0, 0.0, -0.9)
TURNED = (0.1, -0.25, 0.15, 0.12, -0.08, -0.75)


def head(units: dict[str, float], pose: tuple[float, ...], person: int = 0) -> tuple[Tensor, Tensor]:
    """Landmarks (1, 478, 3) in crop units and coefficients (1, 57) of a head with its own face."""
    face = LinearFace.load()
    weights = torch.zeros(1, 51)
    for name, value in units.items():
        weights[0, ARKIT_NAMES.index(name)] = value
    own = 0.05 * np.random.default_rng(person).standard_normal((478, 3))
    own -= own.mean(0)
    shape = face.landmarks(weights)[0].numpy() + own
    place = np.array([*pose[3:5], 0.0])
    posed = np.exp(pose[5]) * shape @ rotation_matrices(np.array(pose[:3])).T + place
    crop = (posed + np.array([1.0, 1.0, 0.0])) / 2
    return torch.from_numpy(crop).float()[None], torch.cat((weights, torch.tensor([pose])), 1)


def test_points_go_where_the_driven_head_has_them() -> None:
    source, own = head({"mouthSmileLeft": 0.4, "browDownRight": 0.3}, TURNED)
    target, driving = head({"jawOpen": 0.7, "browInnerUp": 0.5}, FRONT)
    here, there = FaceGuide().moved(source, own, driving)
    torch.testing.assert_close(here, 2 * source[..., :2] - 1)
    torch.testing.assert_close(there, 2 * target[..., :2] - 1, atol=1e-4, rtol=0)


def test_skin_moves_farther_the_same_way() -> None:
    source, own = head({}, FRONT)
    driving = head({"browInnerUp": 0.6, "jawOpen": 0.4}, FRONT)[1]
    moves = []
    for guide in (FaceGuide(), FaceGuide(skin=True)):
        here, there = guide.moved(source, own, driving)
        moves.append((there - here)[0])
    brows, chin = list(LEFT_BROW + RIGHT_BROW), list(CHIN)
    torch.testing.assert_close(moves[1][brows], UPPER_SKIN * moves[0][brows], atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(moves[1][chin], LOWER_SKIN * moves[0][chin], atol=1e-4, rtol=1e-3)


def test_flow_brings_every_point_from_where_it_was() -> None:
    source, own = head({}, FRONT)
    driving = head({"jawOpen": 0.6, "mouthSmileLeft": 0.5}, TURNED)[1]
    guide = FaceGuide()
    here, there = guide.moved(source, own, driving)
    flow = guide(source, own, driving, [64, 256]).flows[-1]
    found = F.grid_sample(flow, there[:, :, None], align_corners=False)[..., 0].transpose(1, 2)
    error = (found - (here - there)).norm(dim=-1)
    assert error.median() < 0.05 * (here - there).norm(dim=-1).median()
    corner = flow[0, :, 0, 0].norm()
    assert corner < 0.5 * (here - there).norm(dim=-1).median()


def test_nothing_moves_where_nothing_changes_and_levels_agree() -> None:
    source, own = head({"jawOpen": 0.3}, TURNED)
    guide = FaceGuide()
    assert all(flow.abs().max() < 1e-5 for flow in guide(source, own, own, [8, 32]).flows)
    driving = head({"jawOpen": 0.9}, TURNED)[1]
    coarse, fine, whole = guide(source, own, driving, [16, 64, 128]).flows
    assert (coarse.shape, fine.shape, whole.shape) == ((1, 2, 16, 16), (1, 2, 64, 64), (1, 2, 128, 128))
    torch.testing.assert_close(coarse, F.avg_pool2d(fine, 4))


def hints_at(source: Tensor, own: Tensor, driving: Tensor, point: int) -> Tensor:
    """The hints (HINTS,) at 128 pixels where a landmark lands."""
    guide = FaceGuide()
    there = guide.moved(source, own, driving)[1]
    hints = guide(source, own, driving, [128]).hints[0]
    return F.grid_sample(hints, there[:, point, None, None], align_corners=False)[0, :, 0, 0]


def test_hints_tell_the_open_mouth_and_the_place_in_the_face() -> None:
    source, own = head({}, FRONT)
    shut, open_ = own, head({"jawOpen": 0.9}, TURNED)[1]
    guide = FaceGuide()
    between = [guide(source, own, driving, [128]).hints[0][0, 1] for driving in (shut, open_)]
    assert between[1].max() > 0.8 and between[1].sum() > 5 * between[0].sum()
    for point in (1, 205, 66):
        place = hints_at(source, own, open_, point)[2:4]
        torch.testing.assert_close(place, LinearFace.load().mean[point, :2], atol=0.12, rtol=0)
    corner = guide(source, own, open_, [128]).hints[0][0, :, 0, 0]
    assert torch.equal(corner, torch.zeros(HINTS))


def test_hints_tell_what_opens_and_the_source_does_not_show() -> None:
    shut, open_ = ({}, FRONT), ({"jawOpen": 0.9}, FRONT)
    guide = FaceGuide()
    opened = {
        (one is open_, other is open_): guide(*head(*one), head(*other)[1], [128]).hints[0][0, 0]
        for one in (shut, open_)
        for other in (shut, open_)
    }
    middle = guide.moved(*head(*shut), head(*open_)[1])[1][0, list(MOUTH_OPENING)].mean(0)
    between = F.grid_sample(opened[False, True][None, None], middle[None, None, None], align_corners=False)
    assert 0.55 < float(between) <= 1, "the mean face is not quite shut"
    assert all(opened[which].max() < 0.05 for which in ((False, False), (True, True), (True, False)))


def test_a_mouth_that_opens_wide_is_full_of_hints() -> None:
    near = (*FRONT[:5], -0.2)
    source, own = head({"mouthPucker": 0.9}, near)
    driving = head({"jawOpen": 1.0}, near)[1]
    guide = FaceGuide(skin=True)
    ring = guide.moved(source, own, driving)[1][:, list(LIPS_INNER)]
    opened = guide(source, own, driving, [128]).hints[0][:, :1]
    shares = torch.linspace(0.0, 0.4, 9)[:, None, None]
    inside = (1 - shares) * ring.mean(1, keepdim=True) + shares * ring
    found = F.grid_sample(opened, inside.reshape(1, -1, 1, 2), align_corners=False)
    assert found.min() > found.max() / 3


def test_hints_tell_where_skin_folds_and_where_it_grows() -> None:
    source, own = head({}, FRONT)
    raised = head({"browInnerUp": 1.0, "browOuterUpLeft": 1.0, "browOuterUpRight": 1.0}, FRONT)[1]
    near = (*FRONT[:5], FRONT[5] + 0.2)
    forehead, above_the_eye = 151, 223
    assert hints_at(source, own, raised, forehead)[4] < -0.03
    assert hints_at(source, own, raised, above_the_eye)[4] > 0.03
    assert abs(float(hints_at(source, own, own, forehead)[4])) < 1e-4
    grown = hints_at(source, own, head({}, near)[1], 1)[4]
    assert 0.2 < float(grown) < 0.41, "areas grow by the square of the scale, small ones count less"


def test_hints_tell_where_the_teeth_are() -> None:
    face = LinearFace.load()
    source, own = head({"mouthSmileLeft": 0.3}, FRONT)
    open_ = head({"jawOpen": 0.8}, TURNED)[1]
    guide = FaceGuide()
    here = 2 * source - torch.tensor([1.0, 1.0, 0.0])
    resting = guide.resting(here, own)
    below_the_skull = resting[0, list(MOUTH_OPENING)].mean(0).numpy() + np.array([0.0, 0.0, TEETH])
    drop = 0.8 * face.basis[ARKIT_NAMES.index("jawOpen")][list(CHIN), 1].mean()
    aside = np.array([0.1, 0.0, 0.0])
    jaw = np.array([0.0, float(drop), 0.0])
    for point, expected in (
        (below_the_skull + aside, (0.1, 0.0, -float(drop))),
        (below_the_skull + jaw, (0.0, float(drop), 0.0)),
    ):
        posed = np.exp(TURNED[5]) * point @ rotation_matrices(np.array(TURNED[:3])).T
        place = torch.tensor(posed[:2] + np.array(TURNED[3:5])).float()
        maps = guide.mouth(resting, open_, 128)
        found = F.grid_sample(maps, place[None, None, None], align_corners=False)[0, :, 0, 0]
        torch.testing.assert_close(found, MOUTH_GAIN * torch.tensor(expected), atol=0.01, rtol=0)
    shut, opened = (guide(source, own, each, [128]).hints[0][0, 5:8].abs().sum() for each in (own, open_))
    assert opened > 5 * shut, "beyond the lips there are no teeth to hint at"


def test_areas_of_triangles() -> None:
    corners = torch.tensor([[[[0.0, 0], [3, 0], [0, 4]], [[1, 1], [1, 3], [2, 1]]]])
    torch.testing.assert_close(triangle_areas(corners), torch.tensor([[6.0, 1.0]]))


def test_rotation_agrees_with_the_trackers() -> None:
    vectors = np.random.default_rng(0).normal(0, 0.6, (5, 3))
    expected = torch.from_numpy(rotation_matrices(vectors)).float()
    torch.testing.assert_close(rotation_matrix(torch.from_numpy(vectors).float()), expected)
    torch.testing.assert_close(rotation_matrix(torch.zeros(1, 3)), torch.eye(3)[None])


def guide_hints(source: Tensor, own: Tensor, driving: Tensor) -> Tensor:
    """The hints (HINTS, 64, 64)."""
    return FaceGuide()(source, own, driving, [64]).hints[0][0]


def test_an_untrained_generator_already_moves_the_mouth() -> None:
    source, own = head({}, FRONT)
    driving = head({"jawOpen": 1.0}, FRONT)[1]
    chin = 2 * source[0, 152, :2] - 1
    axis = (torch.arange(64) * 2 + 1) / 64 - 1
    far = (axis[None, :] - chin[0]) ** 2 + (axis[:, None] - chin[1]) ** 2
    image = (2 * torch.exp(-far / 0.01) - 1).expand(1, 3, -1, -1)
    network = HEF(HEFConfig(size="tiny", resolution=64, window=9)).eval()
    with torch.no_grad():
        encoded = network.encode_source(image, source)
        still = network(encoded, own, own[:, None].expand(-1, 9, -1)).image
        output = network(encoded, own, driving[:, None].expand(-1, 9, -1))
        open_, masks = output.image, output.masks[-1]

    def height(picture: Tensor) -> float:
        mass = (picture[0, 0] + 1).clamp_min(0)
        return float((mass.sum(1) * axis).sum() / mass.sum())

    opened = guide_hints(source, own, driving)[0]
    assert masks[0, 0][opened > 0.6].max() < 0.7, "what the open mouth shows is to be drawn"
    assert masks[0, 0][opened == 0].min() > 0.9

    wanted = 2 * LinearFace.load().basis[ARKIT_NAMES.index("jawOpen"), 152, 1] * np.exp(FRONT[5]) / 2
    assert abs(height(still) - float(chin[1])) < 0.03
    assert height(open_) - height(still) > 0.6 * float(wanted)


def test_exports_to_a_graph() -> None:
    network = HEF(HEFConfig(size="tiny", resolution=32, window=9)).eval()
    landmarks, own = head({}, FRONT)
    encoded = network.encode_source(torch.rand(1, 3, 32, 32) * 2 - 1, landmarks)
    driving = torch.rand(1, 9, ARKIT.size) * 0.3
    graph = torch.export.export(network, (encoded, own, driving))
    torch.testing.assert_close(
        graph.module()(encoded, own, driving).image, network(encoded, own, driving).image
    )
