"""Paste-back: the crop returns to where it was cut from, and its border cannot be seen."""

import numpy as np
import pytest

from lit_emotalk.face.crop import Crop
from lit_emotalk.face.finder import upright_cut
from lit_emotalk.inference.output.paste import PasteBack, Place, border_mask

CROP = Crop(170.0, 130.0, 70.0)


@pytest.fixture(scope="module")
def picture():
    """Smooth structure and a bit of grain, as in a photograph: (240, 320, 3)."""
    rng = np.random.default_rng(0)
    rows, columns = np.indices((240, 320))
    waves = 110 + 50 * np.sin(columns / 23) * np.cos(rows / 31) + 20 * np.sin((rows + columns) / 9)
    return (waves[..., None] + rng.normal(0, 2, (240, 320, 3))).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("turn", [0.0, 30.0, -75.0, 180.0])
def test_the_untouched_crop_gives_the_picture_back(picture, turn):
    side = round(2 * CROP.half)
    cut = CROP.cut(picture, side) if not turn else upright_cut(picture, CROP, turn)
    pasted = PasteBack(picture, Place(CROP, turn))(cut)
    assert pasted.shape == picture.shape
    assert np.abs(pasted.astype(int) - picture).mean() < 1.0


def test_beyond_the_crop_nothing_changes(picture):
    paste = PasteBack(picture, Place(CROP, 20.0))
    changed = (paste(np.full((64, 64, 3), 255, np.uint8)) != picture).any(-1)
    rows, columns = np.nonzero(changed)
    reach = CROP.half * np.sqrt(2)
    assert changed.any() and np.hypot(rows - CROP.y, columns - CROP.x).max() <= reach + 1


def steepest(values: np.ndarray) -> float:
    """The 99th percentile of the steps between neighbours, over both directions."""
    smooth = values.astype(float).mean(-1)
    steps = [np.abs(np.diff(smooth, axis=axis)).ravel() for axis in (0, 1)]
    return float(np.quantile(np.concatenate(steps), 0.99))


@pytest.mark.parametrize("turn", [0.0, 30.0])
def test_a_brighter_crop_has_no_border(picture, turn):
    cut = upright_cut(picture, CROP, turn).astype(int) + 25
    pasted = PasteBack(picture, Place(CROP, turn))(cut.clip(0, 255).astype(np.uint8))
    assert pasted.astype(int).mean() > picture.mean() + 1
    assert steepest(pasted) < 1.15 * steepest(picture)


def test_the_crop_reaches_the_edge_where_the_picture_ends():
    picture = np.zeros((100, 80, 3), np.uint8)
    pasted = PasteBack(picture, Place(Crop(40, 40, 40)))(np.full((32, 32, 3), 200, np.uint8))
    assert (pasted[0] == 200).all() and (pasted[:60, 0] == 200).all()
    assert pasted[79].max() < 5 and (pasted[80:] == 0).all()


def test_a_crop_that_reaches_beyond_the_picture():
    picture = np.zeros((60, 60, 3), np.uint8)
    pasted = PasteBack(picture, Place(Crop(10, 30, 40)))(np.full((16, 16, 3), 99, np.uint8))
    assert pasted.shape == picture.shape and pasted[30, 0, 0] == 99


def test_the_mask_falls_smoothly_at_open_sides_only():
    mask = border_mask(100, (True, False, False, True))
    assert mask[50, 50] == 1 and mask[99, 0] == 1
    assert mask[0, 50] < 0.01 and mask[50, 99] < 0.01
    assert np.abs(np.diff(mask, axis=0)).max() < 0.12
