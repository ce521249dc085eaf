"""Following one face through a video: linking, gaps, the apex, real clips."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from data_prep.clips.apex import find_apex
from data_prep.clips.clip import UNLABELLED_LASTING, lasting_of
from data_prep.clips.followed import link_faces
from data_prep.clips.lost_frames import fill_gaps, is_the_same, look_again, nearest_known
from data_prep.clips.track import track_video
from data_prep.clips.windows import Windows, reduced
from data_prep.synthetic.scenes.render import Renderer
from lit_emotalk.coefficients import ARKIT
from lit_emotalk.face.crop import Crop, clip_crop
from lit_emotalk.face.landmarker import Face, Landmarker
from lit_emotalk.face.look import FACE_PIXELS
from lit_emotalk.face.tracker import REST_LASTING
from tests.data_prep.heads import render_clip

REAL_CLIPS = Path(__file__).parents[4] / "shared" / "data" / "real_clips"


def points(x: float, size: float = 40.0) -> Face:
    """A face-like cloud of points around (x, 50)."""
    cloud = np.random.default_rng(0).uniform(-size / 2, size / 2, (478, 3)).astype(np.float32)
    return Face(cloud + np.array([x, 50, 0], np.float32), np.zeros(51, np.float32))


def test_faces_are_linked_by_place() -> None:
    found = [
        [points(50 + k), points(200 - k)] if k % 2 else [points(200 - k), points(50 + k)] for k in range(10)
    ]
    found[4] = []
    people = link_faces(found)
    assert len(people) == 2
    for person in people:
        places = [face.landmarks[:, 0].mean() for face in person.values()]
        assert np.ptp(places) < 12 and len(person) == 9


def test_gaps_are_filled_on_a_line() -> None:
    line = np.arange(60, dtype=np.float32)[:, None, None] * np.ones((60, 478, 3), np.float32)
    broken = line.copy()
    broken[[0, 20, 21, 22]] = np.nan
    filled = fill_gaps(broken)
    np.testing.assert_allclose(filled[1:], line[1:], rtol=1e-5)
    np.testing.assert_array_equal(filled[0], line[1])


def test_apex_ignores_blinks_jaw_and_lost_frames() -> None:
    expression = np.zeros((40, 51), np.float32)
    expression[:, ARKIT.columns("mouthSmile")] = np.hanning(40)[:, None]
    expression[3:6, ARKIT.columns("jawOpen")] = 1
    lost = np.zeros(40, bool)
    assert abs(find_apex(expression, lost, "happy") - 19.5) <= 1
    assert find_apex(expression, lost, "neutral") in (0, 39)
    expression[18:22, ARKIT.columns("eyeBlink")] = 1
    lost[14] = True
    assert find_apex(expression, lost, "happy") in (13, 25)
    expression[18:22, ARKIT.columns("eyeBlink")] = 0.3
    assert find_apex(expression, lost, "happy") in (13, 25)


def test_a_second_look_finds_the_same_face_and_no_other(renderers: list[Renderer]) -> None:
    picture = render_clip(renderers[0], 1)[0]
    with Landmarker() as landmarker:
        there = landmarker.detect(picture)[0].landmarks
    landmarks = np.stack([there] * 6)
    landmarks[2:4] = np.nan
    look_again(landmarks, lambda index, crop, size: None)
    assert np.isnan(landmarks[2:4]).all()
    blank = np.zeros_like(picture)
    look_again(landmarks, lambda index, crop, size: crop.cut(picture if index == 2 else blank, size))
    assert np.abs(landmarks[2] - there)[:, :2].max() < 4
    assert np.isnan(landmarks[3]).all()
    assert is_the_same(there + np.float32(10), there)
    assert not is_the_same(there + np.float32(60), there) and not is_the_same(2 * there, there)


@pytest.mark.parametrize(
    ("known", "nearest"),
    [("111", [0, 1, 2]), ("0010", [2, 2, 2, 2]), ("100010", [0, 0, 4, 4, 4, 4]), ("10001", [0, 0, 4, 4, 4])],
)
def test_lost_frames_take_the_nearest_known(known: str, nearest: list[int]) -> None:
    assert nearest_known(np.array([letter == "1" for letter in known])).tolist() == nearest


@pytest.mark.slow
@pytest.mark.shared_data
@pytest.mark.skipif(not REAL_CLIPS.is_dir(), reason=f"no real clips at {REAL_CLIPS}")
@pytest.mark.parametrize("path", sorted(REAL_CLIPS.rglob("*.mp4")), ids=lambda path: path.stem)
def test_real_clips_are_tracked(path: Path) -> None:
    tracked = track_video(path, 128)
    assert tracked.lost.mean() <= 0.02
    assert tracked.faces.shape == (len(tracked.frames), FACE_PIXELS, FACE_PIXELS)
    inside = tracked.landmarks[~tracked.lost][..., :2]
    assert inside.min() > 0 and inside.max() < 1


@pytest.mark.parametrize(
    ("emotions", "lasting"),
    [
        (["neutral", "happy"], np.inf),
        (["happy"], 0.0),
        (["happy", "happy"], 0.0),
        ([None], UNLABELLED_LASTING),
        ([None, None], REST_LASTING),
        (["happy", "sad"], REST_LASTING),
    ],
)
def test_an_expression_may_last_where_nothing_else_was_seen(
    emotions: list[str | None], lasting: float
) -> None:
    assert lasting_of(emotions) == lasting


def test_large_pictures_are_reduced_and_places_stay_in_the_video_s_pixels() -> None:
    rng = np.random.default_rng(0)
    cloud = rng.uniform(-150, 150, (478, 3)) + np.array([500, 400, 0])
    face = Face(cloud.astype(np.float32), np.zeros(0))
    picture = cv2.GaussianBlur(rng.integers(0, 255, (800, 1000, 3)).astype(np.uint8), (0, 0), 8)
    windows = Windows(size=128)
    windows.add(picture, [])
    windows.add(picture, [face])
    assert windows.reduction == 2
    windows.add(reduced(picture, 2), [face])
    crop = clip_crop(face.landmarks[None], picture.shape[:2])
    kept, (left, top) = windows.covering(crop) or ([], (0, 0))
    small = crop.scaled(0.5)
    for index, window in enumerate(kept):
        cut = Crop(small.x - left, small.y - top, small.half).cut(window, 128)
        assert np.abs(cut.astype(int) - crop.cut(picture, 128)).mean() < 2
        part = windows.part(index, crop, 128)
        assert part is not None and np.abs(part.astype(int) - cut).max() == 0
    assert len(kept) == 3
