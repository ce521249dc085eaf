"""Portraits far from rest: the face starts from what the picture shows, emotions go on from there."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lit_emotalk import TalkingFace
from lit_emotalk.coefficients import ARKIT, POSE_SIZE
from lit_emotalk.face.tracker import Tracker
from lit_emotalk.inference.motion.own import FAR, KEPT, LIDS, farness, from_own
from lit_emotalk.inference.options import Options
from lit_emotalk.inference.portrait import Portrait, find_portrait
from lit_emotalk.io.coefficient_table import read_coefficients
from lit_emotalk.io.video import read_frames, read_image
from lit_emotalk.models.hef.guide import FaceGuide
from tests.portraits import renderer_of
from tests.small_models import save_small_models
from tests.web.conftest import wav

SHARED = Path(__file__).parents[3] / "shared" / "data"
EYES = ((159, 145), (386, 374))
"""Upper and lower lid of either eye."""


def weights(**units: float) -> np.ndarray:
    made = np.zeros(ARKIT.expression_size, np.float32)
    for name, value in units.items():
        made[ARKIT.columns(name)] = value
    return made


def opened(portrait: Portrait, expression: np.ndarray) -> float:
    """How far the eyes are pulled open, as a part of what the picture shows, by where the linear face moves
    the picture's points."""
    driving = np.concatenate([expression, portrait.coefficients[-POSE_SIZE:]]).astype(np.float32)
    landmarks, own, driving = (
        torch.from_numpy(np.asarray(each, np.float32))[None]
        for each in (portrait.landmarks, portrait.coefficients, driving)
    )
    here, there = FaceGuide().moved(landmarks, own, driving)
    apart = [sum(float((points[0, a] - points[0, b]).norm()) for a, b in EYES) for points in (there, here)]
    return apart[0] / apart[1]


GRIM = weights(browDown=0.9, eyeSquint=0.9, noseSneer=0.8, mouthFrown=1.0, jawOpen=0.3)
LAUGH = weights(eyeSquint=1.0, mouthSmile=1.0, cheekSquint=1.0, jawOpen=0.4)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """A rendered head that laughs."""
    renderer = renderer_of(9_100_000, 0, 0, 384)
    return renderer.frame(LAUGH, np.zeros(3), np.zeros(2))


def test_at_rest_nothing_changes_and_far_from_it_all_that_speech_leaves() -> None:
    asked = np.random.default_rng(0).uniform(0, 1, (20, 51)).astype(np.float32)
    for own in (np.zeros(51, np.float32), weights(mouthSmile=0.05), weights(eyeLook=1.0)):
        assert farness(own) == 0 and from_own(asked, own) is asked
    assert farness(GRIM) == 1
    begun = from_own(asked, GRIM)
    free = [unit for unit in range(51) if unit not in {*KEPT, *LIDS, *ARKIT.columns("eyeWide")}]
    np.testing.assert_array_equal(begun[:, free], asked[:, free])
    assert begun.min() >= 0 and begun.max() <= 1 and begun.dtype == np.float32


def test_a_face_asked_for_what_it_shows_stays_and_an_emotion_goes_on_from_there() -> None:
    still = from_own(np.zeros((1, 51), np.float32), GRIM)[0]
    np.testing.assert_allclose(still[KEPT], GRIM[KEPT])
    brows = ARKIT.columns("browInnerUp")
    amazed = from_own(weights(browInnerUp=0.6, eyeWide=0.8)[None], GRIM)[0]
    np.testing.assert_allclose(amazed[brows], 0.6, atol=1e-6)
    np.testing.assert_allclose(amazed[ARKIT.columns("eyeWide")], 0.08, atol=1e-6)
    sleepy = weights(eyeBlink=0.5, browDown=1.0)
    assert from_own(np.zeros((1, 51), np.float32), sleepy)[0, LIDS] == pytest.approx(0.5 * farness(sleepy))
    blinking = from_own(weights(eyeBlink=1.0)[None], sleepy)
    assert blinking[0, LIDS] == pytest.approx(1.0)


def test_between_the_bounds_it_grows_steadily() -> None:
    half = weights(browDown=1.0)
    shares = [farness(scale * half) for scale in np.linspace(0, 3, 60)]
    assert shares[0] == 0 and shares[-1] == 1 and FAR > 0
    assert np.all(np.diff(shares) >= 0) and np.diff(shares).max() < 0.2


def test_narrowed_eyes_are_not_pulled_open(picture: np.ndarray) -> None:
    portrait = find_portrait(picture, "the head", Tracker.load(), 256)
    own = portrait.coefficients[:-POSE_SIZE]
    asked = np.zeros((1, 51), np.float32)
    assert farness(own) > 0.5
    assert opened(portrait, asked[0]) > 1.4
    assert opened(portrait, from_own(asked, own)[0]) < 1.2


def test_videos_and_live_faces_start_there(picture: np.ndarray, tmp_path: Path) -> None:
    face = TalkingFace.load(save_small_models(tmp_path / "models"), speed="float32")
    Image.fromarray(picture).save(tmp_path / "laugh.png")
    (tmp_path / "speech.wav").write_bytes(wav(0.8))
    own = face.read_portrait(tmp_path / "laugh.png").coefficients[:-POSE_SIZE]
    options = Options(motion="none", coefficients_out=tmp_path / "face.csv")
    face.talk(tmp_path / "laugh.png", tmp_path / "speech.wav", tmp_path / "o.mp4", "neutral", options)
    squint = ARKIT.columns("eyeSquint")
    floor = farness(own) * own[squint]
    assert floor.min() > 0.1
    assert (read_coefficients(tmp_path / "face.csv")[:, squint] >= floor - 1e-4).all()
    live = face.live(tmp_path / "laugh.png", "neutral", Options(motion="none"), pictures=False)
    frames = live.push(np.zeros(16_000, np.float32)) + live.finish()
    assert all((frame.coefficients[squint] >= floor - 1e-4).all() for frame in frames) and len(frames) == 25


@pytest.mark.shared_data
@pytest.mark.parametrize(
    "place", ["portraits/performer_frown.jpg", "real_people/mead_silent/M030/M030_front_angry_level3_001.mp4"]
)
def test_real_faces_far_from_rest(place: str) -> None:
    path = SHARED / place
    if not path.is_file():
        pytest.skip(f"needs {path}")
    if path.suffix == ".mp4":
        frames = list(read_frames(path))
        image = frames[len(frames) // 2]
    else:
        image = read_image(path)
    portrait = find_portrait(image, place, Tracker.load(), 256)
    own, asked = portrait.coefficients[:-POSE_SIZE], np.zeros((1, 51), np.float32)
    assert farness(own) > 0.5
    before, after = opened(portrait, asked[0]), opened(portrait, from_own(asked, own)[0])
    print(f"{path.name}: {before:.2f} -> {after:.2f}")
    assert abs(after - 1) < abs(before - 1) and after < 1.25
