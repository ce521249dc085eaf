"""Live faces: the frames of a stream are the offline frames, come in time, and need bounded memory."""

from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from lit_emotalk import TalkingFace
from lit_emotalk.coefficients import ARKIT
from lit_emotalk.errors import UserError
from lit_emotalk.inference.emotion.request import Emotion
from lit_emotalk.inference.live.face import FrameStream, LiveFace
from lit_emotalk.inference.live.streaming import FADE_FRAMES, Latency
from lit_emotalk.inference.motion.natural import SWAY_DEGREES, LiveMotion
from lit_emotalk.inference.options import Options
from lit_emotalk.inference.portrait import Portrait
from tests.drawn_clips import draw_face, place_landmarks
from tests.small_models import save_small_models

SHORT = Latency(hop=2, ahead=3, window=20)
FRAMES = 31
WINDOW = 27


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> TalkingFace:
    torch.manual_seed(0)
    face = TalkingFace.load(save_small_models(tmp_path_factory.mktemp("live") / "models"), speed="float32")
    torch.nn.init.normal_(face.eac.head.weight, std=0.3)
    return face


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    rest = np.zeros(ARKIT.size, np.float32)
    landmarks = place_landmarks(rest)
    return Portrait(draw_face(landmarks, (205, 160, 135), 64), rest, landmarks)


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    time = np.arange(640 * FRAMES) / 16_000
    return (0.3 * np.sin(2 * np.pi * 200 * time) * np.sin(2 * np.pi * 2 * time)).astype(np.float32)


def pieces(sound: np.ndarray, size: int) -> list[np.ndarray]:
    return [sound[start : start + size] for start in range(0, len(sound), size)]


def heard(live: LiveFace, sound: np.ndarray, size: int = 640) -> list:
    return [frame for piece in pieces(sound, size) for frame in live.push(piece)] + live.finish()


def test_with_all_the_lookahead_the_frames_are_the_offline_ones(face, portrait, sound):
    live = face.live(portrait, "happy", Options(seed=3), SHORT, lookahead=WINDOW // 2)
    made = heard(live, sound)
    assert [frame.index for frame in made] == list(range(FRAMES)) and made[25].seconds == 1.0
    offline = list(face.render(portrait, np.stack([frame.coefficients for frame in made])))
    apart = np.abs(np.stack([frame.image for frame in made]).astype(int) - np.stack(offline))
    assert apart.max() <= 1
    assert np.ptp(np.stack(offline), axis=0).max() > 10


def test_live_frames_are_offline_frames_whose_coefficients_stay(face, portrait, sound):
    made = heard(face.live(portrait, "happy", Options(), SHORT), sound)
    coefficients = np.stack([frame.coefficients for frame in made])
    for index in (0, 7, FRAMES - 1):
        [*_, offline] = face.render(portrait, coefficients[: index + 1])
        assert np.abs(made[index].image.astype(int) - offline).max() <= 1


def test_strength_exaggerates_a_live_face_within_its_range(face, portrait, sound):
    plain, strong = (
        np.stack([f.coefficients for f in heard(face.live(portrait, "happy", Options(**how), SHORT), sound)])
        for how in ({"motion": "none"}, {"motion": "none", "strength": 1.8})
    )
    weights = ARKIT.expression
    np.testing.assert_allclose(strong[:, weights], (1.8 * plain[:, weights]).clip(0, 1), atol=1e-6)
    np.testing.assert_array_equal(strong[:, ARKIT.pose], plain[:, ARKIT.pose])
    assert plain[:, weights].max() > 0.1


def test_how_the_sound_is_cut_changes_nothing(face, portrait, sound):
    fine, coarse = (heard(face.live(portrait, "sad", Options(), SHORT), sound, n) for n in (333, 9000))
    for one, other in zip(fine, coarse, strict=True):
        np.testing.assert_allclose(one.coefficients, other.coefficients, atol=1e-5)
        assert np.abs(one.image.astype(int) - other.image).max() <= 1


def test_stream_gives_the_frames_as_their_sound_arrives(face, portrait, sound):
    taken = 0

    def chunks():
        nonlocal taken
        for piece in pieces(sound, 640):
            taken += 1
            yield piece

    frames = face.stream(portrait, chunks(), "angry", Options(), SHORT)
    assert taken == 0
    first = next(frames)
    assert first.shape == (64, 64, 3) and first.dtype == np.uint8
    assert taken == SHORT.hop + SHORT.ahead + 1
    assert len(list(frames)) == FRAMES - 1


def test_coefficients_alone_and_another_emotion(face, portrait, sound):
    kept, changed = (face.live(portrait, "sad", Options(motion="none"), SHORT, pictures=False) for _ in "ab")
    half = 640 * 16
    begun = [live.push(sound[:half]) for live in (kept, changed)]
    assert changed.change(face.code(Emotion(label="angry")), 1.0) == len(begun[1])
    old, new = (live.push(sound[half:]) + live.finish() for live in (kept, changed))
    assert all(frame.image is None for frame in old) and old[0].index == len(begun[0])
    apart = [np.abs(a.coefficients - b.coefficients).max() for a, b in zip(old, new, strict=True)]
    assert 0 < apart[0] < max(apart[FADE_FRAMES - 1 :])


def test_frames_that_are_not_drawn_change_no_others(face, portrait, sound):
    whole, some = (face.live(portrait, "sad", Options(), SHORT) for _ in "ab")
    drawn = [frame for piece in pieces(sound, 1280) for frame in whole.push(piece)]
    left = [frame for k, piece in enumerate(pieces(sound, 1280)) for frame in some.push(piece, k % 2 == 0)]
    assert [frame.index for frame in left] == list(range(len(drawn)))
    missing = [frame.image is None for frame in left]
    assert any(missing) and not all(missing)
    for one, other in zip(drawn, left, strict=True):
        assert other.image is None or np.array_equal(one.image, other.image)


def test_ten_minutes_of_coefficients_need_no_more_memory(face, portrait):
    drawn = 0

    def draw(windows: np.ndarray) -> np.ndarray:
        nonlocal drawn
        drawn += len(windows)
        return np.zeros((len(windows), 64, 64, 3), np.uint8)

    motion, stream = LiveMotion(0), FrameStream(draw, WINDOW)
    piece = np.zeros((2, ARKIT.size), np.float32)
    for step in range(10 * 60 * 25 // 2):
        stream.push(motion(piece))
        if step == 750:
            before = psutil.Process().memory_info().rss
        assert len(stream._kept) <= WINDOW and len(motion._noise) < 100
    assert drawn == 10 * 60 * 25
    assert psutil.Process().memory_info().rss - before < 20e6


def test_live_motion_sways_and_blinks_as_the_offline_one_does():
    coefficients = np.zeros((6000, ARKIT.size), np.float32)
    moved = LiveMotion(1)(coefficients)
    parts = LiveMotion(1)
    np.testing.assert_array_equal(moved, np.concatenate([parts(coefficients[:7]), parts(coefficients[7:])]))
    turn = np.rad2deg(moved[:, ARKIT.pose][:, :3])
    np.testing.assert_allclose(turn.std(0), SWAY_DEGREES, rtol=0.25)
    assert np.abs(np.diff(turn, axis=0)).max() < 1.5 and not turn[0].any()
    closed = moved[:, ARKIT.columns("eyeBlink")].min(1) > 0.9
    count = (np.diff(closed.astype(int)) == 1).sum()
    assert 6000 / 25 / 4.8 < count < 6000 / 25 / 1.9
    assert not np.array_equal(moved, LiveMotion(2)(coefficients))


def test_wrong_use_is_refused(face, portrait):
    with pytest.raises(UserError, match="lookahead must be from 0 to 13"):
        FrameStream(partial(face.drawing.draw, portrait), WINDOW, 14)
    with pytest.raises(UserError, match="one emotion at a time"):
        face.stream(portrait, [], "0s happy; 1s sad")
    with pytest.raises(UserError, match="not by the speech"):
        face.stream(portrait, [], "happy", Options(motion="speaking"))
    with pytest.raises(UserError, match="no head motion from a video"):
        face.stream(portrait, [], "happy", Options(pose_from="head.mp4"))
    with pytest.raises(UserError, match="draw from one picture"):
        face.stream(portrait, [], "happy", Options(second="other.png"))
    with pytest.raises(UserError, match="no such picture"):
        face.stream(Path("nowhere.png"), [], "happy")
    with pytest.raises(UserError, match="not numbers"):
        list(face.stream(portrait, [np.array([np.nan], np.float32)], "happy"))
    assert list(face.stream(portrait, [], "happy")) == []
