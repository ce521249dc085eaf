"""Does the face do what is asked of it? On generated frames of the demo's models, read by the tracker.

Needs `make demo FROM=scratch` (or its folder in LIT_EMOTALK_DEMO); skipped without. Speaker W020 is new to
the networks.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.evaluate.showcase import measure
from lit_emotalk.face.landmarker import Landmarker
from lit_emotalk.inference.emotion.request import Emotion, Schedule, parse_blend
from lit_emotalk.inference.talking_face import TalkingFace, coefficients_of
from lit_emotalk.io.audio import load_audio, log_mel
from lit_emotalk.io.video import read_frames
from lit_emotalk.schema import FPS

DEMO = Path(os.environ.get("LIT_EMOTALK_DEMO", "outputs/scratch"))
CLIPS = DEMO / "corpus" / "W020" / "video" / "front"
LATE_FRAMES = 3
STEP_BACK = 0.1
"""Weak intensities look nearly alike: between them the face may fall back by this part of its rise."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (DEMO / "models" / "hef").is_dir(), reason="needs the demo's models (make demo FROM=scratch)"
    ),
]


class Actor:
    """One portrait saying one sentence; what is asked of it is read off its frames."""

    def __init__(self) -> None:
        self.face = TalkingFace.load(DEMO / "models", speed="float32")
        self.portrait = self.face.read_portrait(DEMO / "portrait.png")
        self.mel = log_mel(load_audio(DEMO / "speech.wav"))
        with Landmarker(video=False) as landmarker:
            seen = measure([self.portrait.image], landmarker, self.face.tracker)
            self.rest = self.face.tracker.rest(seen.landmarks, seen.faces, lasting=np.inf)

    def expression(self, asked: Emotion) -> np.ndarray:
        return self.face.expression(self.mel, self.face.code(asked), asked.intensity)

    def shown(self, expression: np.ndarray) -> np.ndarray:
        """Tracked weights (T, 51) of the frames drawn of expressions (T, 51)."""
        driving = coefficients_of(expression, self.portrait.coefficients[-6:])
        frames = list(self.face.render(self.portrait, driving))
        with Landmarker(video=False) as landmarker:
            seen = measure(frames, landmarker, self.face.tracker)
        assert seen.lost == 0
        return self.face.tracker.expression(seen.landmarks, self.rest, seen.faces)

    def cheer(self, asked: Emotion) -> float:
        """How much the frames smile rather than frown."""
        return float(smiles(self.shown(self.expression(asked))).mean())


def smiles(weights: np.ndarray) -> np.ndarray:
    """Smile less frown (T,) of weights (T, 51)."""
    return ARKIT.mean_of(weights, "mouthSmile") - ARKIT.mean_of(weights, "mouthFrown")


@pytest.fixture(scope="module")
def actor():
    return Actor()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Of happy and of sad: a clip with sound, and its middle frame as a picture."""
    from PIL import Image

    folder, found = tmp_path_factory.mktemp("shown"), {}
    for emotion in ("happy", "sad"):
        clip = sorted((CLIPS / emotion).glob("level_3/*.mp4"))[0]
        frames = list(read_frames(clip))
        Image.fromarray(frames[len(frames) // 2]).save(folder / f"{emotion}.png")
        found[emotion] = {"video": clip, "image": folder / f"{emotion}.png", "audio": clip}
    return found


@pytest.mark.parametrize("modality", ["text", "label", "image", "audio", "video"])
def test_another_emotion_changes_the_face_in_its_direction(actor, files, modality):
    words = {"text": ("a happy person", "a sad person"), "label": ("happy", "sad")}
    given = words.get(modality) or tuple(files[emotion][modality] for emotion in ("happy", "sad"))
    happy, sad = (actor.cheer(Emotion(**{modality: value})) for value in given)
    print(f"{modality}: smile less frown {happy:.3f} when happy, {sad:.3f} when sad")
    assert happy > sad + 0.05


def test_a_blend_lies_between(actor):
    happy, blend, sad = (
        actor.cheer(parse_blend(text)) for text in ("happy:1,sad:0", "happy:0.5,sad:0.5", "happy:0,sad:1")
    )
    print(f"smile less frown: happy {happy:.3f}, half of each {blend:.3f}, sad {sad:.3f}")
    assert sad < blend < happy


def test_a_schedule_switches_when_it_says(actor):
    at = 20
    made = smiles(actor.shown(actor.face.scheduled(actor.mel, Schedule.parse(f"0s sad; {at / FPS}s happy"))))
    ends = [smiles(actor.shown(actor.expression(Emotion(label=name)))) for name in ("sad", "happy")]
    share = (made - ends[0]) / (ends[1] - ends[0])
    crossed = int(np.flatnonzero(share > 0.5)[0])
    print(f"asked for at frame {at}, half of the way at frame {crossed}")
    assert abs(crossed - at) <= LATE_FRAMES and share[: at - 6].max() < 0.3 and share[at + 6 :].min() > 0.7


@pytest.mark.parametrize(
    ("emotion", "units"),
    [
        ("happy", ("mouthSmile",)),
        ("sad", ("mouthFrown", "browInnerUp")),
        ("angry", ("browDown",)),
        ("surprised", ("browOuterUp", "eyeWide", "jawOpen")),
    ],
)
def test_intensity_is_monotonic(actor, emotion, units):
    levels = []
    for level in (0, 0.25, 0.5, 0.75, 1):
        weights = actor.shown(actor.expression(Emotion(label=emotion, intensity=level)))
        levels.append(float(sum(ARKIT.mean_of(weights, unit).mean() for unit in units)))
    print(f"{' + '.join(units)} of {emotion} at 0, 1/4 ... 1: {[round(level, 3) for level in levels]}")
    rise = levels[-1] - levels[0]
    assert rise > 0.1 and np.diff(levels).min() > -STEP_BACK * rise and np.diff(levels[2:]).min() > 0


def test_bfloat16_does_not_show(actor):
    driving = coefficients_of(actor.expression(Emotion(label="surprised")), actor.portrait.coefficients[-6:])
    exact = np.stack(list(actor.face.render(actor.portrait, driving))).astype(float)
    quick = TalkingFace(actor.face.space, actor.face.eac, actor.face.hef, speed="bfloat16")
    error = np.stack(list(quick.render(actor.portrait, driving))) - exact
    decibel = 10 * np.log10(255**2 / np.square(error).mean((1, 2, 3)))
    print(f"bfloat16: {decibel.min():.1f} dB from float32, at most {np.abs(error).max():.0f} grey levels")
    assert decibel.min() > 40
