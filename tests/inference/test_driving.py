"""Head motion from a driving video: it is followed, counted from the portrait's own pose, and refused in one
line where it cannot be."""

import numpy as np
import pytest
import torch

from data_prep.synthetic.scenes.render import Renderer
from lit_emotalk.coefficients import ARKIT, ARKIT_NAMES, POSE_SIZE
from lit_emotalk.errors import UserError
from lit_emotalk.face.crop import clip_crop
from lit_emotalk.face.landmarker import Landmarker
from lit_emotalk.face.tracker import Tracker
from lit_emotalk.inference.drawing.drawing import Drawing
from lit_emotalk.inference.motion import driving
from lit_emotalk.inference.motion.driving import EYES, DrivingClip, DrivingVideos, driven, there_and_back
from lit_emotalk.inference.portrait import find_portrait
from lit_emotalk.io.video import write_video
from lit_emotalk.models.hef.generator import HEF, HEFConfig
from lit_emotalk.schema import FPS
from tests.portraits import renderer_of

FRAMES = 30


def head(seed: int, size: int = 256) -> Renderer:
    return renderer_of(seed, 1, seed, size)


def nodding() -> np.ndarray:
    """Pitch, yaw and roll (FRAMES, 3) in radians."""
    at = np.arange(FRAMES) / FPS
    return np.stack([0.12 * np.sin(5 * at), 0.25 * np.sin(8 * at + 1), 0.08 * np.cos(6 * at)], 1)


@pytest.fixture(scope="module")
def tracker() -> Tracker:
    return Tracker.load()


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """A head that turns as `nodding` says and shuts its eyes in the middle."""
    path, renderer = tmp_path_factory.mktemp("driving") / "head.mp4", head(4)
    weights = np.zeros((FRAMES, 51), np.float32)
    weights[12:16, ARKIT.columns("eyeBlink")] = 1.0
    write_video(path, [renderer.frame(w, r, np.zeros(2)) for w, r in zip(weights, nodding(), strict=True)])
    return path


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def test_generated_heads_turn_as_the_driving_one(video, tracker):
    portrait = find_portrait(
        head(3, 320).frame(np.zeros(51), np.array([0, 0.1, 0]), np.zeros(2)), "p", tracker, 128
    )
    own = portrait.coefficients[-POSE_SIZE:]
    rest = np.repeat(portrait.coefficients[None], FRAMES, 0)
    asked = driven(rest, DrivingVideos(tracker).motion(video, FRAMES), own, eyes=False)
    np.testing.assert_allclose(np.median(asked[:, -POSE_SIZE:], axis=0), own, atol=0.06)
    np.testing.assert_array_equal(asked[:, :51], rest[:, :51])
    torch.manual_seed(0)
    hef = HEF(HEFConfig(size="tiny", resolution=128)).eval()
    windows = np.repeat(asked[:, None], hef.config.window, 1)
    frames = Drawing(hef, torch.device("cpu"), "float32").draw(portrait, windows)
    with Landmarker(video=False, scores=False) as landmarker:
        marks = np.stack([landmarker.detect(frame)[0].landmarks for frame in frames])
    seen = tracker.pose(clip_crop(marks).normalise(marks))
    for axis, name in enumerate(("pitch", "yaw", "roll")):
        assert correlation(asked[:, 51 + axis], nodding()[:, axis]) > 0.95, name
        assert correlation(seen[:, axis], nodding()[:, axis]) > 0.8, name


def test_blinks_come_along_when_asked_for(video, tracker):
    clip = DrivingVideos(tracker).motion(video, FRAMES)
    own = np.array([0, 0, 0, 0, 0, -0.9], np.float32)
    made = driven(np.zeros((FRAMES, 57), np.float32), clip, own, eyes=True)
    lids = made[:, ARKIT.columns("eyeBlink")].mean(1)
    assert lids[13:15].min() > 0.5 > lids[:10].max()
    rest = [index for index in range(51) if index not in EYES]
    assert not made[:, rest].any() and all(ARKIT_NAMES[index].startswith("eye") for index in EYES)


def test_a_short_clip_runs_forth_and_back():
    assert there_and_back(4, 9).tolist() == [0, 1, 2, 3, 2, 1, 0, 1, 2]
    assert there_and_back(1, 3).tolist() == [0, 0, 0]
    pose = np.zeros((10, 6))
    pose[:, 1] = np.linspace(-0.2, 0.2, 10)
    pose[:, 5] = -0.5
    own = np.array([0.0, 0.1, 0, 0.2, 0, -0.9])
    made = driven(np.zeros((40, 57)), DrivingClip(pose, np.zeros((10, len(EYES)))), own, False)
    assert np.abs(np.diff(made[:, 52])).max() < 0.06
    np.testing.assert_allclose(made[:, 52].mean(), 0.1, atol=0.02)
    np.testing.assert_allclose(made[:, 54:57], np.repeat(own[None, 3:], 40, 0), atol=1e-6)


def test_one_look_serves_shorter_speech(video, tracker, monkeypatch):
    videos, followed = DrivingVideos(tracker), []
    follow = driving.follow
    monkeypatch.setattr(driving, "follow", lambda *given: followed.append(1) or follow(*given))
    long = videos.motion(video, 20)
    short = videos.motion(video, 15)
    assert len(followed) == 1 and (len(long.pose), len(short.pose)) == (20, 15)
    np.testing.assert_array_equal(short.pose, DrivingVideos(tracker).motion(video, 15).pose)
    assert len(videos.motion(video, 400).pose) == FRAMES and len(followed) == 3


def test_what_cannot_be_followed_is_one_line(tmp_path, tracker):
    one = head(4).frame(np.zeros(51), np.zeros(3), np.zeros(2))
    wall = np.full_like(one, 90)
    clips = {
        "short.mp4": ([one] * 5, "too short"),
        "wall.mp4": ([wall] * 12, "no face found"),
        "two.mp4": ([np.concatenate([one, one], 1)] * 12, "more than one face"),
        "lost.mp4": ([one] * 9 + [wall] * 6, "is lost in"),
    }
    for name, (frames, said) in clips.items():
        write_video(tmp_path / name, frames)
        with pytest.raises(UserError, match=said) as caught:
            DrivingVideos(tracker).motion(tmp_path / name, 100)
        assert name in str(caught.value) and "\n" not in str(caught.value)
    (tmp_path / "text.mp4").write_text("words")
    for name in ("text.mp4", "gone.mp4"):
        with pytest.raises(UserError, match=name):
            DrivingVideos(tracker).motion(tmp_path / name, 100)
