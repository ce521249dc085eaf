"""Upright faces and the network that looks at them: same face whatever its place, size, roll and light."""

import numpy as np
import pytest
import torch

from lit_emotalk.face.alignment import Alignment
from lit_emotalk.face.look import FACE_CENTRE, FACE_HALF, FACE_PIXELS, Gradients, LookNetwork, cut_faces


def pattern(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A smooth picture of a plane in inter-ocular distances, 40 to 210."""
    return 125 + 60 * np.sin(3 * x + 1) * np.cos(4 * y) + 25 * np.sin(5 * y)


def photograph(roll: float, scale: float, centre: tuple[float, float]) -> tuple[np.ndarray, Alignment]:
    """The plane in a frame (300, 320, 3), and the alignment that says where it is."""
    down, right = np.mgrid[:300, :320].astype(float)
    right, down = (right - centre[0]) / scale, (down - centre[1]) / scale
    x = np.cos(roll) * right + np.sin(roll) * down
    y = -np.sin(roll) * right + np.cos(roll) * down
    frame = np.repeat(pattern(x, y).round().astype(np.uint8)[..., None], 3, 2)
    turn = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return frame, Alignment(np.zeros((1, 478, 3)), turn[None], np.array([scale]), np.array([[*centre, 0.0]]))


@pytest.mark.parametrize(
    ("roll", "scale", "centre"),
    [(0.0, 60.0, (160, 150)), (0.4, 50.0, (150, 140)), (-0.3, 110.0, (160, 150)), (0.1, 145.0, (160, 150))],
)
def test_faces_are_upright_and_of_one_size(roll: float, scale: float, centre: tuple[float, float]) -> None:
    frame, placed = photograph(roll, scale, centre)
    face = cut_faces([frame], placed)
    assert face.shape == (1, FACE_PIXELS, FACE_PIXELS) and face.dtype == np.uint8
    along = ((np.arange(FACE_PIXELS) + 0.5) / FACE_PIXELS * 2 - 1) * FACE_HALF
    expected = pattern(along[None] + FACE_CENTRE[0], along[:, None] + FACE_CENTRE[1])
    inside = slice(8, -8)
    assert np.abs(face[0].astype(float) - expected)[inside, inside].mean() < 2.5


def test_a_face_at_the_edge_or_beyond_is_still_cut() -> None:
    frame, _ = photograph(0.0, 60.0, (160, 150))
    for centre in ((0.0, 0.0), (319.0, 299.0), (-500.0, 900.0)):
        placed = Alignment(
            np.zeros((1, 478, 3)), np.eye(3)[None], np.array([60.0]), np.array([[*centre, 0.0]])
        )
        assert cut_faces([frame], placed).shape == (1, FACE_PIXELS, FACE_PIXELS)
    assert (
        cut_faces([], Alignment(*(np.zeros((0, *shape)) for shape in ((478, 3), (3, 3), (), (3,))))).size == 0
    )


def test_gradients_ignore_light_and_know_direction() -> None:
    ramp = torch.linspace(0, 200, FACE_PIXELS)
    rising_right = Gradients()(ramp.expand(1, FACE_PIXELS, FACE_PIXELS))
    assert rising_right.shape == (1, 8, 24, 24)
    assert rising_right[0, :, 12, 12].argmax() == 0
    rising_down = Gradients()(ramp[:, None].expand(1, FACE_PIXELS, FACE_PIXELS))
    assert rising_down[0, :, 12, 12].argmax() == 2
    picture = 100 + 50 * torch.randn(1, FACE_PIXELS, FACE_PIXELS, generator=torch.Generator().manual_seed(0))
    bright = Gradients()(0.5 * picture + 80)
    torch.testing.assert_close(bright, Gradients()(picture), atol=0.1, rtol=0.1)


def test_codes_of_many_faces() -> None:
    network = LookNetwork().eval()
    faces = np.random.default_rng(0).integers(0, 255, (70, FACE_PIXELS, FACE_PIXELS)).astype(np.uint8)
    codes = network.codes(faces)
    assert codes.shape == (70, 64) and codes.dtype == np.float32
    np.testing.assert_allclose(network.codes(faces[65:]), codes[65:], atol=1e-4)
    assert network.codes(faces[:0]).shape == (0, 64)
