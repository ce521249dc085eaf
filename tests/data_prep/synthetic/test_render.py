"""The pictures: reproducible, obedient to units and pose, and found by a face landmarker."""

import json

import numpy as np
import pytest

from data_prep.synthetic.heads.identity import draw_identity
from data_prep.synthetic.scenes.render import Renderer
from data_prep.synthetic.scenes.scene import draw_scene
from lit_emotalk.coefficients import ARKIT_NAMES
from lit_emotalk.errors import UserError
from tests.data_prep.heads import units

SIZE = 192
STILL, CENTRE = np.zeros(3, np.float32), np.zeros(2, np.float32)


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(draw_identity(0, 3), draw_scene(np.random.default_rng(11)), SIZE)


@pytest.fixture(scope="module")
def neutral(renderer: Renderer) -> np.ndarray:
    return renderer.frame(units(), STILL, CENTRE).astype(int)


def pixels(renderer: Renderer, vertices: np.ndarray) -> np.ndarray:
    """Where points of the resting head lie in the unturned picture, (N, 2)."""
    scene = renderer.scene
    view = (vertices - renderer.head.centre) @ renderer._view.T
    view += np.array([scene.centre[0], -scene.centre[1], 0]) * scene.half_width
    scale = SIZE / 2 * scene.distance / scene.half_width / (scene.distance - view[:, 2])
    return np.stack([SIZE / 2 + view[:, 0] * scale, SIZE / 2 - view[:, 1] * scale], 1)


def test_same_input_same_picture(renderer: Renderer, neutral: np.ndarray) -> None:
    weights = units(mouthSmile=0.7, jawOpen=0.2)
    turn = np.array([0.05, 0.2, 0.02])
    first = renderer.frame(weights, turn, CENTRE)
    again = Renderer(draw_identity(0, 3), draw_scene(np.random.default_rng(11)), SIZE)
    assert first.shape == (SIZE, SIZE, 3) and first.dtype == np.uint8
    assert np.array_equal(first, again.frame(weights, turn, CENTRE))
    assert np.array_equal(neutral, again.frame(units(), STILL, CENTRE))
    other = Renderer(draw_identity(0, 5), draw_scene(np.random.default_rng(11)), SIZE)
    assert np.abs(other.frame(units(), STILL, CENTRE).astype(int) - neutral).mean() > 2


def test_kernels_agree_with_the_reference_mesh(renderer: Renderer) -> None:
    rng = np.random.default_rng(3)
    weights = (rng.random(51) * (rng.random(51) < 0.4)).astype(np.float32)
    rotation = np.array([0.1, -0.25, 0.08], np.float32)
    renderer.frame(weights, rotation, np.array([0.1, -0.05]))
    scene, head = renderer.scene, renderer.head
    own = head.template.vertices[:, 1] > 6.4  # below, the garment is thicker than the skin
    expected = (head.vertices(weights, rotation) - head.centre) @ renderer._view.T
    shift = (np.array(scene.centre) + np.array([0.1, -0.05])) * scene.half_width
    expected += np.array([shift[0], -shift[1], -scene.distance])
    position = renderer._position.numpy()[: len(own)]
    assert np.abs(position - expected)[own].max() < 1e-3


@pytest.mark.parametrize("name", ARKIT_NAMES)
def test_every_unit_shows_where_it_should(renderer: Renderer, neutral: np.ndarray, name: str) -> None:
    changed = np.abs(renderer.frame(units(**{name: 1.0}), STILL, CENTRE).astype(int) - neutral).sum(2)
    strong = changed > 24
    assert strong.sum() > (4 if name.startswith("eyeLook") else 12)
    moved = np.linalg.norm(renderer.head.expression(units(**{name: 1.0})) - renderer.head.rest, axis=1)
    mesh = pixels(renderer, renderer.head.rest[moved > 0.5 * moved.max()])
    centre = np.average(np.argwhere(strong)[:, ::-1], axis=0, weights=changed[strong])
    assert (
        np.linalg.norm(centre - mesh.mean(0)) < (0.22 if name.startswith("jaw") else 0.16) * SIZE
    )  # a jaw's shadow falls on the chest
    middle = pixels(renderer, renderer.head.centre[None])[0, 0]
    if name.startswith(("eye", "brow")) and name.endswith(("Left", "Right")):
        assert (centre[0] > middle) == name.endswith("Left")  # the person's left is the image's right


def test_open_mouth_is_dark_and_closing_restores_the_lips(renderer: Renderer, neutral: np.ndarray) -> None:
    contact = renderer.head.contact
    middle = len(contact.upper) // 2
    lips = renderer.head.rest[[contact.upper[middle], contact.lower[middle]]]
    column, row = np.round(pixels(renderer, lips - [0, 0.09, 0]).mean(0)).astype(int)
    patch = np.s_[row - 2 : row + 3, column - 2 : column + 3]
    opened = renderer.frame(units(jawOpen=0.7), STILL, CENTRE).astype(int)
    closed = renderer.frame(units(jawOpen=0.7, mouthClose=0.7), STILL, CENTRE).astype(int)
    assert opened[patch].mean() < neutral[patch].mean() - 15
    assert closed[patch].mean() > opened[patch].mean() + 10
    assert (
        renderer.lip_gap(units(jawOpen=0.7))
        > 0.2
        > 0.03
        > renderer.lip_gap(units(jawOpen=0.7, mouthClose=0.7))
    )


def test_translation_moves_the_picture(renderer: Renderer, neutral: np.ndarray) -> None:
    moved = renderer.frame(units(), STILL, np.array([0.125, -0.0625])).astype(int)
    right, up = SIZE // 16, SIZE // 32
    box = np.s_[60:130, 60:130]
    shifted = moved[60 - up : 130 - up, 60 + right : 130 + right]
    assert np.abs(shifted - neutral[box]).mean() < 0.35 * np.abs(moved[box] - neutral[box]).mean()


def test_wrinkles_deepen_with_the_units(renderer: Renderer) -> None:
    forehead = renderer.head.rest[
        np.linalg.norm(renderer.head.template.vertices - [0, 7.75, 1.45], axis=1) < 0.12
    ]
    column, row = np.round(pixels(renderer, forehead).mean(0)).astype(int)
    patch = np.s_[row - 9 : row + 9, column - 4 : column + 5]

    def roughness(weights: np.ndarray) -> float:
        lines = renderer.frame(weights, STILL, CENTRE)[patch].mean((1, 2))
        return float(np.abs(np.diff(lines, 2)).mean())

    assert roughness(units(browInnerUp=1.0, browOuterUp=1.0)) > 1.8 * roughness(units())


def test_scenes_are_reproducible_and_differ() -> None:
    scenes = [draw_scene(np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert scenes[0] == scenes[1] != scenes[2]
    assert json.loads(json.dumps(scenes[0].to_json()))["background"] == scenes[0].background


@pytest.mark.parametrize(
    ("size", "device", "words"), [(1, "cpu", "32 to 2048"), (256, "abacus", "no device")]
)
def test_bad_parameters_are_one_clear_line(size: int, device: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        Renderer(draw_identity(0, 0), draw_scene(np.random.default_rng(0)), size, device)


@pytest.mark.slow
def test_the_landmarker_finds_the_faces() -> None:
    """99.5 % of frames over heads, expressions and |yaw| up to 25 degrees."""
    from lit_emotalk.face.landmarker import Landmarker
    from lit_emotalk.weights import fetch as weights

    try:
        weights.path("face_landmarker")
    except UserError as error:
        pytest.skip(str(error))
    found = total = 0
    with Landmarker() as landmarker:
        for index in range(10):
            rng = np.random.default_rng([17, index])
            renderer = Renderer(draw_identity(2, index), draw_scene(rng), 256)
            for _ in range(20):
                expression = (rng.random(51) * (rng.random(51) < 0.3)).astype(np.float32)
                rotation = rng.uniform(-1, 1, 3) * np.radians([15, 25, 12])
                found += len(landmarker.detect(renderer.frame(expression, rotation, CENTRE))) > 0
                total += 1
    assert found / total >= 0.995
