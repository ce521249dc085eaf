"""Crops: subpixel places, edges, and the frame of reference of the landmarks."""

import numpy as np
import pytest

from lit_emotalk.face.crop import HEAD_SCALE, Crop, clip_crop, image_crop
from lit_emotalk.face.regions import LANDMARKS


def face_at(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    """Landmarks (478, 3) that fill the box."""
    points = np.random.default_rng(0).uniform(size=(LANDMARKS, 3)).astype(np.float32)
    points[0], points[1] = 0.0, 1.0
    return points * np.array([x1 - x0, y1 - y0, 10.0]) + np.array([x0, y0, 0.0])


def ramp(height: int, width: int) -> np.ndarray:
    """A picture whose red is the column and whose green is the row."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 0] = np.arange(width)
    picture[..., 1] = np.arange(height)[:, None]
    return picture


@pytest.mark.parametrize("half", [16.0, 40.0])
def test_cut_samples_where_normalise_says(half: float) -> None:
    crop = Crop(100.0, 120.0, half)
    cut = crop.cut(ramp(240, 200), 32).astype(float)
    point = np.array([[[90.5, 130.5, 0.0]]])
    column, row = (crop.normalise(point)[0, 0, :2] * 32 - 0.5).round().astype(int)
    assert cut[row, column, 0] == pytest.approx(90, abs=half / 16)
    assert cut[row, column, 1] == pytest.approx(130, abs=half / 16)


def test_identity_crop_keeps_pixels() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    assert np.array_equal(Crop(32.0, 32.0, 32.0).cut(picture, 64), picture)


def test_beyond_the_edge_pixels_repeat() -> None:
    picture = ramp(50, 60)
    cut = Crop(0.0, 25.0, 25.0).cut(picture, 50)
    assert (cut[:, :24, 0] == 0).all()
    assert abs(int(cut[25, 45, 0]) - 20) <= 1
    far = Crop(-500.0, -500.0, 10.0).cut(picture, 8)
    assert far.shape == (8, 8, 3) and (far == picture[0, 0]).all()


def test_clip_crop_holds_every_face_and_the_hair() -> None:
    clip = np.stack([face_at(100, 100, 160, 200), face_at(120, 110, 180, 210)])
    crop = clip_crop(clip)
    assert 2 * crop.half == pytest.approx(HEAD_SCALE * 110)
    points = crop.normalise(clip)
    assert points[..., :2].min() > 0 and points[..., :2].max() < 1
    assert points[..., 1].min() > 1 - points[..., 1].max() > 0


def test_image_crop_is_a_clip_of_one_frame() -> None:
    face = face_at(10, 20, 90, 120)
    assert image_crop(face) == clip_crop(face[None])


def test_known_picture_is_not_left_without_need() -> None:
    face = face_at(60, 40, 160, 190)[None]
    crop = clip_crop(face, frame_size=(224, 224))
    assert (crop.x, crop.y, crop.half) == (112.0, 112.0, 112.0)
    wide = clip_crop(face, frame_size=(400, 800))
    assert wide.y == pytest.approx(wide.half)
    assert wide.half == clip_crop(face).half


def test_small_picture_keeps_the_face() -> None:
    crop = clip_crop(face_at(5, 5, 95, 95)[None], frame_size=(100, 100))
    points = crop.normalise(face_at(5, 5, 95, 95))
    assert points[:, :2].min() > 0 and points[:, :2].max() < 1


def test_normalise_scales_depth_alike() -> None:
    crop = Crop(50.0, 50.0, 50.0)
    assert crop.normalise(np.array([[50.0, 75.0, 20.0]])) == pytest.approx(np.array([[0.5, 0.75, 0.2]]))
