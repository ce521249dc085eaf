"""Sources of any frame rate stay in sync with their sound to the end of a long clip."""

from pathlib import Path

import numpy as np
import pytest

from data_prep.clips.track import track_video
from data_prep.synthetic.scenes.render import Renderer
from lit_emotalk.coefficients import ARKIT
from lit_emotalk.face.regions import LIPS_INNER
from lit_emotalk.io.video import write_video
from lit_emotalk.schema import FPS

SECONDS = 60
LEVELS = 24
RATES = (25.0, 24.0, 30000 / 1001, 30.0, 50.0)


def jaw(seconds: np.ndarray) -> np.ndarray:
    """How far the mouth is open, 0..1: three waves that never come together in the same way again."""
    waves = [np.sin(2 * np.pi * rate * seconds) for rate in (0.61, 1.37, 2.03)]
    return 0.5 + sum(waves) / 6


def mouth_opening(path: Path) -> np.ndarray:
    """Height of the inner lips in every frame of the crop."""
    lips = track_video(path, 64).landmarks[:, list(LIPS_INNER), 1]
    return np.ptp(lips, axis=1)


def lag(opening: np.ndarray, reference: np.ndarray) -> float:
    """By how many frames `opening` comes after `reference`: the peak of their correlation, between frames."""
    a, b = opening - opening.mean(), reference - reference.mean()
    lags = np.arange(-4, 5)
    scores = [float((a[4 + k : len(a) - 4 + k] * b[4 : len(b) - 4]).sum()) for k in lags]
    best = int(np.clip(np.argmax(scores), 1, len(lags) - 2))
    before, peak, after = scores[best - 1 : best + 2]
    return float(lags[best] + 0.5 * (before - after) / (before - 2 * peak + after))


@pytest.fixture(scope="module")
def faces(renderers: list[Renderer]) -> list[np.ndarray]:
    """One head with its mouth closed to open in steps."""
    frames = []
    for level in np.linspace(0, 1, LEVELS):
        weights = np.zeros(ARKIT.expression_size, np.float32)
        weights[ARKIT.columns("jawOpen")] = 0.8 * level
        frames.append(renderers[0].frame(weights, np.zeros(3, np.float32), np.zeros(2, np.float32)))
    return frames


def write_clip(path: Path, faces: list[np.ndarray], rate: float) -> Path:
    """A video of `SECONDS` whose mouth follows `jaw`, at any rate."""
    opening = jaw(np.arange(round(SECONDS * rate)) / rate)
    levels = np.round(opening * (LEVELS - 1)).astype(int)
    write_video(path, (faces[level] for level in levels), fps=rate)
    return path


def test_lag_is_what_it_says() -> None:
    time = np.arange(500) / FPS
    assert lag(jaw(time), jaw(time)) == pytest.approx(0, abs=0.01)
    for shift in (-1.5, 0.5, 2.0):
        assert lag(jaw(time - shift / FPS), jaw(time)) == pytest.approx(shift, abs=0.1)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_rate_is_in_sync_at_the_end_of_a_minute(faces: list[np.ndarray], tmp_path: Path) -> None:
    last = slice(-10 * FPS, None)
    openings = {}
    for rate in RATES:
        openings[rate] = mouth_opening(write_clip(tmp_path / f"{rate:.2f}.mp4", faces, rate))
        assert abs(len(openings[rate]) - SECONDS * FPS) <= 1
    ends = {rate: opening[: SECONDS * FPS - 1][last] for rate, opening in openings.items()}
    for rate in RATES:
        assert np.corrcoef(ends[rate], ends[25.0])[0, 1] > 0.9
        off = lag(ends[rate], ends[25.0])
        print(f"{rate:.2f} fps: {off:+.2f} frames at the end")
        assert abs(off) <= 0.5
