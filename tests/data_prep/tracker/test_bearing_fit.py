"""Bearings are found again in clips that were moved by them."""

import io

import numpy as np
import pytest

from data_prep.tracker.bearing_fit import fit_bearings
from lit_emotalk.coefficients import ARKIT
from lit_emotalk.errors import UserError
from lit_emotalk.inference.motion.bearing import Bearing, add_speaking_motion, load_bearings

FRAMES = 500


class Told:
    """A clip as the shards give it, made of arrays."""

    def __init__(self, emotion: str, coeffs: np.ndarray, mel: np.ndarray) -> None:
        self.key, self.record = emotion, {"emotion": emotion, "frames": len(coeffs)}
        self._arrays = {"coeffs.npy": coeffs, "mel.npy": mel}

    def read(self, name: str) -> bytes:
        buffer = io.BytesIO()
        np.save(buffer, self._arrays[name].astype(np.float32))
        return buffer.getvalue()


def clip(emotion: str, seed: int) -> Told:
    rng = np.random.default_rng(seed)
    waves = np.sin(2 * np.pi * 2 * np.arange(4 * FRAMES) / 100 + seed)[:, None]
    mel = -6 + 2 * waves + 0.1 * rng.standard_normal((4 * FRAMES, 80))
    return Told(emotion, add_speaking_motion(np.zeros((FRAMES, ARKIT.size)), mel, {emotion: 1.0}, seed), mel)


def test_the_numbers_come_back():
    clips = [clip(emotion, seed) for emotion in ("neutral", "angry", "fear") for seed in range(6)]
    found, true = fit_bearings(clips), load_bearings()
    for emotion in ("angry", "fear"):
        one: Bearing = found[emotion]
        assert one.hold == pytest.approx(true[emotion].hold, abs=0.012)
        assert one.nod == pytest.approx(true[emotion].nod, abs=0.004)
        assert one.yaw == pytest.approx(true[emotion].yaw, rel=0.25)
        assert one.pace == pytest.approx(true[emotion].pace, rel=0.35)
    assert found["fear"].blinks > found["angry"].blinks
    with pytest.raises(UserError, match="neutral"):
        fit_bearings([clip("angry", 0)])
