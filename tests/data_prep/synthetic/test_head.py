"""The mesh: linear in the units, symmetric, lips that close, lids that close, a head that turns as it is
told.
"""

import json

import numpy as np
import pytest

from data_prep.synthetic.heads.head import UNIT, Head, rotation_matrix, to_template_axes
from data_prep.synthetic.heads.identity import HAIR_MEN, Identity, draw_identity
from data_prep.synthetic.heads.template import (
    EYE_LEFT,
    SKIN,
    TEETH_LOWER,
    TEETH_UPPER,
    build_template,
    load_template,
)
from data_prep.synthetic.heads.wrinkles import FRONT, GROUPS, fold_weights, paint_wrinkles
from lit_emotalk.coefficients import ARKIT_NAMES
from lit_emotalk.errors import UserError
from tests.data_prep.heads import units

PEOPLE = range(8)


@pytest.fixture(scope="module")
def heads() -> list[Head]:
    return [Head(draw_identity(0, index)) for index in PEOPLE]


def test_identities_are_reproducible_different_and_json() -> None:
    people = [draw_identity(4, index) for index in range(16)]
    assert people == [draw_identity(4, index) for index in range(16)]
    assert people[3] != draw_identity(5, 3)
    assert [person.name for person in people[:3]] == ["M001", "W002", "M003"]
    assert all(Identity.from_json(json.loads(json.dumps(person.to_json()))) == person for person in people)
    men = [person for person in people if not person.woman]
    assert {person.hair.style for person in men} == set(HAIR_MEN)
    assert np.ptp([person.age for person in people]) > 0.6
    assert {int(np.argmax(person.origin)) for person in people} == {0, 1, 2}
    with pytest.raises(UserError, match="negative"):
        draw_identity(0, -1)


def test_faces_differ(heads: list[Head]) -> None:
    skin = heads[0].template.part_vertices(SKIN)
    face = skin[heads[0].template.vertices[skin, 2] > 0.9]
    centred = [head.rest[face] - head.rest[face].mean(0) for head in heads]
    for i, one in enumerate(centred):
        for other in centred[:i]:
            assert np.sqrt(((one - other) ** 2).sum(1).mean()) > 0.03  # 3 mm on average


def test_template_survives_a_broken_cache(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    load_template.cache_clear()
    first = load_template()
    (cached,) = tmp_path.glob("lit_emotalk/head-*.npz")  # type: ignore[attr-defined]
    cached.write_bytes(b"half a file")
    load_template.cache_clear()
    second = load_template()
    load_template.cache_clear()
    assert np.array_equal(first.units, second.units) and np.array_equal(first.triangles, second.triangles)


def test_missing_assets_are_named(tmp_path: object) -> None:
    with pytest.raises(UserError, match=r"base\.obj"):
        build_template(tmp_path)  # type: ignore[arg-type]


def test_units_are_linear_away_from_lips_and_eyes(heads: list[Head]) -> None:
    head = heads[0]
    free = np.setdiff1d(np.arange(len(head.rest)), np.concatenate([head.contact.vertices, *head.eyes]))
    rng = np.random.default_rng(0)
    one, other = rng.random((2, 51)).astype(np.float32)
    parts = head.expression(one) + head.expression(other) - head.rest
    assert np.abs(head.expression(one + other) - parts)[free].max() < 1e-4


@pytest.mark.parametrize("name", ARKIT_NAMES)
def test_every_unit_moves_its_side(heads: list[Head], name: str) -> None:
    head = heads[1]
    moved = np.linalg.norm(head.expression(units(**{name: 1.0})) - head.rest, axis=1)
    assert moved.max() > 0.02  # 2 mm
    sides = {"Left": 1.0, "Right": -1.0}
    for side, sign in sides.items():
        if name.endswith(side) and not name.startswith(("jaw", "mouth" + side)):
            place = head.template.vertices[:, 0] * sign
            assert moved[place > 0.05].sum() > 2 * moved[place < -0.05].sum()


def test_mirrored_units_mirror(heads: list[Head]) -> None:
    head = heads[0]
    template = head.template.vertices
    left = head.basis[UNIT["mouthSmileLeft"]]
    right = head.basis[UNIT["mouthSmileRight"]]
    corner = np.argmin(np.linalg.norm(template - np.array([0.30, 6.61, 1.36]), axis=1))
    opposite = np.argmin(np.linalg.norm(template - template[corner] * np.array([-1, 1, 1]), axis=1))
    assert np.allclose(left[corner] * np.array([-1, 1, 1]), right[opposite], atol=0.02)
    assert left[corner, 1] > 0.08


@pytest.mark.parametrize("opening", [0.1, 0.4, 0.8])
def test_lips_close_against_an_open_jaw(heads: list[Head], opening: float) -> None:
    for head in heads:
        assert head.lip_gap(units(jawOpen=opening)) > 0.05
        assert head.lip_gap(units(jawOpen=opening, mouthClose=opening)) < 0.03
        press = units(jawOpen=opening, mouthClose=opening, mouthPress=0.6, mouthRollLower=0.3)
        assert head.lip_gap(press) < 0.03


def test_lips_do_not_pass_through_each_other(heads: list[Head]) -> None:
    for head in heads:
        for weights in (units(mouthClose=1.0), units(mouthShrugLower=1.0, mouthRollUpper=1.0)):
            vertices = head.expression(weights)
            linear = head.rest + np.tensordot(weights, head.basis, 1)
            contact = head.contact

            def overlap(points: np.ndarray, contact=contact) -> float:
                return float((points[contact.lower, 1] - points[contact.upper, 1]).max())

            assert overlap(vertices) < max(0.02, 0.35 * overlap(linear))


def test_eyeballs_turn_with_the_gaze(heads: list[Head]) -> None:
    head = heads[0]
    eye = head.eyes[0]
    front = eye[np.argmax(head.rest[eye, 2])]
    out = head.expression(units(eyeLookOutLeft=1.0))[front] - head.rest[front]
    up = head.expression(units(eyeLookUpLeft=1.0))[front] - head.rest[front]
    down = head.expression(units(eyeLookDownLeft=1.0))[front] - head.rest[front]
    assert out[0] > 0.05 and up[1] > 0.04 and down[1] < -0.04
    radius = np.linalg.norm(head.rest[eye] - head.eye_centres[0], axis=1)
    turned = head.expression(units(eyeLookOutLeft=0.7, eyeLookUpLeft=0.5))[eye]
    assert np.allclose(np.linalg.norm(turned - head.eye_centres[0], axis=1), radius, atol=1e-5)


def test_the_head_turns_rigidly_and_the_shoulders_stay(heads: list[Head]) -> None:
    head = heads[2]
    rotation = np.array([0.2, -0.3, 0.1], np.float32)
    turned = head.vertices(np.zeros(51, np.float32), rotation)
    face = head.template.part_vertices(EYE_LEFT)
    face = np.concatenate([face, np.flatnonzero(head.template.vertices[:, 1] > 7.0)])
    before = head.rest[face] - head.rest[face].mean(0)
    after = turned[face] - turned[face].mean(0)
    assert np.allclose(before @ rotation_matrix(to_template_axes(rotation)).T, after, atol=1e-4)
    shoulders = head.template.vertices[:, 1] < 4.9
    assert np.abs(turned - head.rest)[shoulders].max() < 1e-5


def test_positive_pitch_lowers_the_chin_and_positive_yaw_turns_left_in_the_image(heads: list[Head]) -> None:
    head = heads[0]
    nose = np.argmax(head.rest[:, 2] * (np.abs(head.template.vertices[:, 1] - 6.9) < 0.1))
    still = np.zeros(51, np.float32)
    nod = head.vertices(still, np.array([0.3, 0, 0])) - head.rest
    yaw = head.vertices(still, np.array([0, 0.3, 0])) - head.rest
    assert nod[nose, 1] < -0.1 and yaw[nose, 0] < -0.1


@pytest.mark.parametrize("index", [0, 5, 11])
def test_speech_shows_the_upper_teeth_and_hides_most_of_the_lower(index: int) -> None:
    head = Head(draw_identity(4, index))
    vertices, contact = head.expression(units(jawOpen=0.4, mouthUpperUp=0.2)), head.contact
    middle = len(contact.upper) // 2
    upper_lip, lower_lip = vertices[contact.upper[middle], 1], vertices[contact.lower[middle], 1]

    def front(part: int) -> np.ndarray:
        chosen = head.template.part_vertices(part)
        return vertices[chosen[np.abs(head.template.vertices[chosen, 0]) < 0.05], 1]

    upper_shown, lower_shown = upper_lip - front(TEETH_UPPER).min(), front(TEETH_LOWER).max() - lower_lip
    opening = upper_lip - lower_lip
    assert 0.01 < upper_shown < 0.6 * opening and lower_shown < 0.3 * opening
    assert upper_shown > lower_shown - 0.02


def test_lines_are_ones_own_and_painted_away_from_the_edges_of_their_window() -> None:
    first, again, other = paint_wrinkles(1), paint_wrinkles.__wrapped__(1), paint_wrinkles(2)
    assert np.array_equal(first, again)
    lines = [texture[..., 2] > 0.3 for texture in (first, other)]
    assert 0.1 < (lines[0] & lines[1]).sum() / (lines[0] | lines[1]).sum() < 0.9
    window = first[FRONT]
    edge = np.concatenate([window[0], window[-1], window[:, 0], window[:, -1]])
    assert np.abs(edge[:, :3]).max() < 0.05
    assert set(np.unique(first[..., 3])) <= set(range(len(GROUPS)))
    rested = fold_weights(dict.fromkeys(ARKIT_NAMES, 0.0), 1.0)
    assert not rested.any()
