"""Any portrait: leaning, tiny, far away, in any format, gives an upright crop or one clear line."""

import numpy as np
import pytest
from PIL import Image

from lit_emotalk.errors import UserError
from lit_emotalk.face.tracker import Tracker
from lit_emotalk.inference.options import Options
from lit_emotalk.inference.output.finish import Finish
from lit_emotalk.inference.portrait import find_portrait
from lit_emotalk.inference.talking_face import TalkingFace
from lit_emotalk.io.video import read_image
from tests.portraits import beside, head, make_portraits, scenery
from tests.small_models import save_small_models

SIZE = 128
REFUSED = {"half_face.png": "only a part", "profile.png": "looks", "chin_cut.png": "only a part"}


@pytest.fixture(scope="module")
def tracker():
    return Tracker.load()


@pytest.fixture(scope="module")
def plain(tracker):
    return find_portrait(np.asarray(head(0)), "plain", tracker, SIZE)


@pytest.mark.parametrize("turn", [30, -60, 180])
def test_a_leaning_face_stands_upright(tracker, plain, turn):
    leaning = np.asarray(head(0).rotate(turn, Image.Resampling.BICUBIC, fillcolor="grey"))
    found = find_portrait(leaning, "leaning", tracker, SIZE)
    assert found.place is not None and abs((found.place.turn - turn + 180) % 360 - 180) < 6
    assert abs(found.coefficients[53]) < 0.1
    assert np.abs(found.landmarks[:, :2] - plain.landmarks[:, :2]).max() < 0.08
    pasted = Finish(found, Options(frame="picture"), SIZE)(found.image)
    assert np.abs(pasted.astype(int) - leaning).mean() < 4


def test_small_in_a_large_picture(tracker):
    found = find_portrait(np.asarray(scenery((2400, 1350), head(0, 260), (1900, 900))), "far", tracker, SIZE)
    assert found.place is not None and abs(found.place.crop.x - 2030) < 60 and found.place.turn == 0


def test_of_two_faces_the_largest_or_the_one_asked_for(tracker):
    both = np.asarray(beside(head(0, 256), head(0, 360)))
    places = [find_portrait(both, "two", tracker, SIZE, number).place for number in (None, 0, 1)]
    assert [place is not None and place.crop.x < 256 for place in places] == [False, True, False]
    with pytest.raises(UserError, match="2 face"):
        find_portrait(both, "two", tracker, SIZE, 2)


def test_half_a_face_is_refused(tracker):
    with pytest.raises(UserError, match=r"part of the face|no face"):
        find_portrait(np.asarray(head(0).crop((0, 0, 230, 512))), "half", tracker, SIZE)


def test_a_face_of_few_pixels_is_refused(tracker):
    with pytest.raises(UserError, match=r"pixels large|no face"):
        find_portrait(np.asarray(head(0, 24)), "dot", tracker, SIZE)


def border_steps(picture: np.ndarray, mask: np.ndarray, where: tuple[slice, slice]) -> float:
    """The 99th percentile of the steps between neighbours where the crop fades into the picture."""
    part = picture[where].astype(float).mean(-1)
    fading = (mask[..., 0] > 0.02) & (mask[..., 0] < 0.98)
    across = np.abs(np.diff(part, axis=1))[fading[:, 1:]]
    down = np.abs(np.diff(part, axis=0))[fading[1:]]
    return float(np.quantile(np.concatenate([across, down]), 0.99)) if fading.any() else 0.0


@pytest.mark.slow
def test_twenty_difficult_portraits(tmp_path):
    face = TalkingFace.load(save_small_models(tmp_path / "models"))
    made = 0
    for path in make_portraits(tmp_path):
        try:
            found = face.read_portrait(path)
        except UserError as error:
            assert REFUSED.get(path.name, "?") in str(error) and "\n" not in str(error)
            continue
        assert path.name not in REFUSED and read_image(path).ndim == 3
        finish = Finish(found, Options(frame="picture"), face.resolution)
        driving = found.coefficients[None].repeat(2, 0)
        driving[:, 52] += 0.1
        pasted = finish(next(iter(face.render(found, driving))))
        paste = finish._paste
        before, after = (border_steps(each, paste.mask, paste._where) for each in (paste._picture, pasted))
        assert after <= 1.2 * before + 2, path.name
        made += 1
    assert made == 17
