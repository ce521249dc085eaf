"""Of several faces the one is followed that is heard."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep.clips.followed import Person
from data_prep.clips.speaking import loudness, speech_score
from data_prep.clips.track import choose_speaker, track_video
from lit_emotalk.coefficients import ARKIT
from lit_emotalk.face.landmarker import Face
from lit_emotalk.io.audio import load_audio
from lit_emotalk.io.video import read_frames, write_video
from tests.drawn_clips import place_landmarks

HARD = Path(__file__).parents[4] / "shared" / "data" / "hard"
FRAMES = 90


def syllables(seed: int, turn: int = 0) -> np.ndarray:
    """How loud each frame is, 0..1: four syllables a second in every second part of 15 frames."""
    rng = np.random.default_rng(seed)
    talking = np.arange(FRAMES) // 15 % 2 == turn
    return talking * (0.55 + 0.45 * np.sin(np.arange(FRAMES) * 2 * np.pi * 4 / 25 + rng.uniform(0, 6)))


def face_of(jaw: np.ndarray, size: float) -> Person:
    faces = {}
    for index, value in enumerate(jaw):
        weights = np.zeros(57, np.float32)
        weights[ARKIT.columns("jawOpen")] = value
        faces[index] = Face(place_landmarks(weights) * size, np.zeros(0))
    return Person(faces, 0, FRAMES)


def sound_of(level: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(9).normal(0, 0.1, FRAMES * 640)
    return (noise * np.repeat(level + 0.01, 640)).astype(np.float32)


@pytest.mark.parametrize("seed", range(6))
def test_the_smaller_face_is_followed_where_it_speaks(seed: int) -> None:
    one, other = syllables(seed), syllables(seed, 1)
    small, large, still = face_of(0.5 * one, 100), face_of(0.5 * other, 300), face_of(0 * one, 300)
    assert choose_speaker([large, small], sound_of(one))[0] is small
    assert choose_speaker([large, small], sound_of(other))[0] is large
    chosen, how = choose_speaker([still, small], sound_of(one))
    assert chosen is small and how.startswith("lips, ") and how.endswith(" against 0.0000")


def test_where_the_lips_do_not_tell_the_larger_is_followed() -> None:
    level = syllables(0)
    small, large = face_of(0.5 * level, 100), face_of(0.4 * level, 300)
    for sound in (sound_of(level), sound_of(0 * level), None):
        chosen, how = choose_speaker([small, large], sound)
        assert chosen is large and how.startswith("size")
    assert speech_score(face_of(level[:10], 100).faces, sound_of(level)) == 0


@pytest.mark.parametrize("seed", range(8))
def test_lips_that_tremble_as_landmarks_do_do_not_speak(seed: int) -> None:
    """One of two still faces trembles three times as much as the other, and nobody speaks."""
    rng = np.random.default_rng(seed)
    small, large = (face_of(np.zeros(FRAMES), size) for size in (200, 300))
    for person, pixels in ((small, 0.12), (large, 0.04)):
        for face in person.faces.values():
            face.landmarks[:] += rng.normal(0, pixels, face.landmarks.shape)
    chosen, how = choose_speaker([small, large], sound_of(syllables(seed)))
    assert chosen is large and how.startswith("size")


def test_loudness_is_relative_to_the_loudest_frame() -> None:
    level = np.array([1.0, 0.1, 0.0])
    np.testing.assert_allclose(loudness(np.repeat(level, 640)), [0, -20, -40])


@pytest.mark.shared_data
@pytest.mark.skipif(not HARD.is_dir(), reason=f"no hard files at {HARD}")
def test_of_two_real_faces_the_smaller_is_followed_that_speaks(tmp_path: Path) -> None:
    """Both talk; the sound is that of the woman on the left, who is made the smaller one."""
    video, path = HARD / "two_faces.mp4", tmp_path / "smaller.mp4"
    frames = []
    for frame in read_frames(video):
        left = np.asarray(Image.fromarray(frame[:, :512]).resize((320, 320)))
        frames.append(np.concatenate([np.pad(left, ((96, 96), (0, 0), (0, 0))), frame[:, 512:]], 1))
    write_video(path, frames, audio=load_audio(video)[: len(frames) * 640])
    tracked = track_video(path, 128, load_audio(path))
    followed, other = tracked.people
    assert followed[0] == "yes" and followed[3] < 320 < other[3] and followed[2] < other[2]
    assert followed[-1].startswith("lips, ")
