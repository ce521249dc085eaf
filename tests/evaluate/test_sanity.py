"""On rendered heads: the truth against itself is perfect, and every kind of damage moves the metric that it
should, step by step, and the others no further than a bound."""

import io
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

from data_prep.synthetic.acting.emotion_faces import emotional_face
from data_prep.synthetic.acting.manner import draw_manner
from data_prep.synthetic.acting.performance import perform
from data_prep.synthetic.speech.voice import draw_voice
from lit_emotalk.evaluate.looks import look_of
from lit_emotalk.evaluate.reads import Reader
from lit_emotalk.evaluate.scoring import Reference, reference_of, score
from lit_emotalk.evaluate.settings import Settings
from lit_emotalk.models.syncnet import SyncNetConfig
from lit_emotalk.schema import SAMPLES_PER_FRAME
from lit_emotalk.weights import fetch as weights
from tests.evaluate.conftest import blurred
from tests.portraits import renderer_of

FRAMES, SIZE = 30, 160
FACE = 0


def rendered(speaker: int, emotion: str, level: int) -> np.ndarray:
    """(30, 160, 160, 3) uint8: a head says the same words in the same way, with an emotion's face over it."""
    manner = draw_manner(1, 0)
    acted = perform("Bob keeps a jumbo pump.", "neutral", 1, draw_voice(1, 0, True), manner, dice(0))
    face = emotional_face(emotion, level, manner)
    weights = 1 - (1 - acted.weights[:FRAMES]) * (1 - face)
    renderer = renderer_of(1, speaker, 1, SIZE)
    poses = zip(weights, acted.rotation, acted.translation, strict=False)
    return np.stack([renderer.frame(w.astype(np.float32), r, t) for w, r, t in poses])


def dice(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    """The true video, neutral."""
    if not weights.available("face_landmarker"):
        pytest.skip("the face landmarker's model is not here: lit-emotalk weights fetch face_landmarker")
    return rendered(FACE, "neutral", 1)


@pytest.fixture(scope="module")
def tools() -> Reader:
    """What looks at the videos, without a sync network."""
    return Reader(Settings(stride=3))


@pytest.fixture(scope="module")
def measure(truth: np.ndarray, tools: Reader) -> Callable[[np.ndarray], dict[str, float]]:
    """A function from a made video to its metrics; a video is scored once."""
    reference = reference_of(truth, None, None, tools)
    known: dict[bytes, dict[str, float]] = {}

    def metrics(made: np.ndarray) -> dict[str, float]:
        content = made.tobytes()
        if content not in known:
            known[content] = score(made, reference, tools, None).metrics
        return known[content]

    return metrics


def jpeg(frames: np.ndarray, quality: int) -> np.ndarray:
    pictures = []
    for frame in frames:
        buffer = io.BytesIO()
        Image.fromarray(frame).save(buffer, "JPEG", quality=quality)
        pictures.append(np.asarray(Image.open(buffer)))
    return np.stack(pictures)


def falls(values: list[float]) -> bool:
    return all(a > b for a, b in pairwise(values))


def test_the_truth_is_perfect(measure, truth):
    same = measure(truth)
    assert same["psnr"] == same["psnr_face"] == 100
    assert same["ssim"] == pytest.approx(1) and same["ssim_face"] == pytest.approx(1)
    for name in ("m_lmd", "f_lmd", "m_lmd_iod", "f_lmd_iod", "efd", "tof"):
        assert same[name] == 0, name
    assert same["csim"] > 0.98


@pytest.mark.parametrize(
    ("damage", "steps"), [(blurred, (0.7, 1.4, 2.8)), (jpeg, (70, 25, 8))], ids=["blur", "jpeg"]
)
def test_worse_pictures_are_worse_and_hardly_move_the_face(measure, truth, damage, steps):
    found = [measure(truth), *(measure(damage(truth, step)) for step in steps)]
    for name in ("psnr", "psnr_face", "ssim", "ssim_face"):
        assert falls([metrics[name] for metrics in found]), name
    slight = found[1]
    assert slight["m_lmd"] < 1.5 and slight["f_lmd"] < 1.5 and slight["efd"] < 0.35
    assert slight["csim"] > 0.97 and slight["tof"] < 0.5


def test_a_video_that_stops_moves_lips_and_motion(measure, truth):
    found = []
    for last in (FRAMES, 20, 10, 1):
        frozen = truth.copy()
        frozen[last:] = truth[last - 1]
        found.append(measure(frozen))
    assert falls([-metrics["tof"] for metrics in found])
    mouth = [metrics["m_lmd"] for metrics in found]
    assert mouth[0] == 0 < 0.3 < min(mouth[1:]) and max(mouth) == mouth[3]  # between: how open it is stopped
    assert falls([metrics["warp"] for metrics in found])
    assert falls([metrics["psnr"] for metrics in found])
    assert all(metrics["csim"] > 0.96 for metrics in found)


def test_more_of_another_emotion_is_a_larger_expression_distance(measure, truth):
    found = [measure(truth), *(measure(rendered(FACE, "happy", level)) for level in (1, 2, 3))]
    assert falls([-metrics["efd"] for metrics in found])
    assert found[-1]["efd"] > 0.5
    assert falls([-metrics["m_lmd"] for metrics in found])
    assert all(metrics["csim"] > 0.94 for metrics in found), "it is the same person"


def test_another_face_is_another_identity(measure, truth):
    others = [measure(rendered(speaker, "neutral", 1))["csim"] for speaker in (2, 3)]
    own = [measure(truth)["csim"], measure(blurred(truth, 1.4))["csim"], measure(jpeg(truth, 25))["csim"]]
    assert max(others) < min(own) - 0.01


def unheard(metrics: dict[str, float]) -> dict[str, float]:
    """The metrics that do not listen."""
    heard = ("sync", "theval_lip_sync", "theval_silent_lips", "bas", "slcc")
    return {name: value for name, value in metrics.items() if not name.startswith(heard)}


class LoudAndBright:
    """In place of SyncNet: features are the brightness of the pictures and the loudness of the sound of each
    window of five frames, so that the right offset is known."""

    config = SyncNetConfig(crop=64)

    def video_features(self, pictures: torch.Tensor) -> torch.Tensor:
        return centred(pictures.mean((2, 3, 4)))

    def sound_features(self, samples: torch.Tensor) -> torch.Tensor:
        return centred(samples.reshape(1, -1, SAMPLES_PER_FRAME).square().mean(-1).sqrt())


def centred(track: torch.Tensor) -> torch.Tensor:
    """Windows of five frames of a track (1, T) brought to mean 0 and spread 1."""
    return ((track - track.mean()) / track.std()).unfold(1, 5, 1)


def test_shifted_sound_moves_the_offset_alone(truth):
    tools = Reader(Settings(stride=30))
    tools.sync_network = LoudAndBright()  # type: ignore[assignment]
    level = 0.5 + 0.5 * dice(2).random(FRAMES + 40)
    samples = np.repeat(level, SAMPLES_PER_FRAME).astype(np.float32)
    small = np.stack([np.asarray(Image.fromarray(frame).reduce(2)) for frame in truth])
    frames = (small * level[20 : 20 + FRAMES, None, None, None]).round().astype(np.uint8)
    reads = tools.read(frames)
    look = look_of(reads, None, frames.shape[1:3], None, tools)
    reference = Reference(frames, reads, None, reads.identity[0], None, look)
    found = {}
    for shift in range(-10, 11):
        heard = samples[(20 + shift) * SAMPLES_PER_FRAME :][: FRAMES * SAMPLES_PER_FRAME]
        found[shift] = score(frames, reference, tools, heard, reads).metrics
    assert {shift: metrics["sync_offset"] for shift, metrics in found.items()} == {s: abs(s) for s in found}
    for metrics in found.values():
        assert unheard(metrics) == unheard(found[0])
    strange = np.repeat(0.5 + 0.5 * dice(3).random(FRAMES), SAMPLES_PER_FRAME).astype(np.float32)
    assert score(frames, reference, tools, strange, reads).metrics["sync"] < 0.7 * found[0]["sync"]
