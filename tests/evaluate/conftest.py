"""Videos of a face that scikit-image brings (NASA's portrait of an astronaut, public domain), with a buzz as
sound."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from lit_emotalk.io.video import write_video
from lit_emotalk.schema import SAMPLE_RATE, SAMPLES_PER_FRAME
from lit_emotalk.weights import fetch as weights

FRAMES = 16
SIZE = 128


@pytest.fixture(scope="session")
def face() -> np.ndarray:
    """(192, 192, 3) uint8: the astronaut's head."""
    if not weights.available("face_landmarker"):
        pytest.skip("the face landmarker's model is not here: lit-emotalk weights fetch face_landmarker")
    from skimage import data

    picture = Image.fromarray(data.astronaut()).crop((110, 0, 340, 230))
    return np.asarray(picture.resize((192, 192), Image.Resampling.BICUBIC))


@pytest.fixture(scope="session")
def moving_face(face: np.ndarray) -> np.ndarray:
    """(16, 128, 128, 3) uint8: the head sways."""
    places = [(32 + round(10 * np.sin(t / 3)), 20 + t // 4) for t in range(FRAMES)]
    return np.stack([face[y : y + SIZE, x : x + SIZE] for x, y in places])


def sound(frames: int = FRAMES, seed: int = 0) -> np.ndarray:
    """A buzz that comes and goes, (640 * frames,)."""
    time = np.arange(frames * SAMPLES_PER_FRAME) / SAMPLE_RATE
    buzz = np.sign(np.sin(2 * np.pi * 120 * time)) * (0.5 + 0.5 * np.sin(2 * np.pi * 3 * time))
    return (0.2 * buzz + np.random.default_rng(seed).normal(0, 0.01, len(time))).astype(np.float32)


def blurred(frames: np.ndarray, radius: float) -> np.ndarray:
    """The frames under a gaussian blur."""
    return np.stack([np.asarray(Image.fromarray(f).filter(ImageFilter.GaussianBlur(radius))) for f in frames])


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[[str, dict[str, np.ndarray]], Path]:
    """A function that writes videos {name: frames} with sound into a folder below tmp_path."""

    def make(name: str, videos: dict[str, np.ndarray]) -> Path:
        for key, frames in videos.items():
            write_video(tmp_path / name / f"{key}.mp4", list(frames), audio=sound(len(frames)), crf=4)
        return tmp_path / name

    return make
