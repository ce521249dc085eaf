"""Motion that follows speech and emotion: seeded, bounded, and as its numbers say."""

import numpy as np
import pytest

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.errors import UserError
from lit_emotalk.inference.motion.bearing import (
    Bearing,
    add_speaking_motion,
    load_bearings,
    save_bearings,
    standard_loudness,
)

FRAMES = 1500


def mel(seed: int = 0) -> np.ndarray:
    """Syllables: loudness that comes and goes twice a second."""
    time = np.arange(4 * FRAMES) / 100
    noise = np.random.default_rng(seed).standard_normal((4 * FRAMES, 80))
    return (-6 + 2 * np.sin(2 * np.pi * 2 * time)[:, None] + 0.1 * noise).astype(np.float32)


def moved(emotions: dict, seed: int = 1, frames: int = FRAMES) -> np.ndarray:
    still = np.full((frames, ARKIT.size), 0.1, np.float32)
    return add_speaking_motion(still, mel()[: 4 * frames], emotions, seed)


def nodding(coefficients: np.ndarray) -> float:
    """How much the chin goes down with the loudness."""
    loud = standard_loudness(mel())
    return float((coefficients[:, ARKIT.pose][:, 0] * loud).mean() / (loud**2).mean())


def blinks(coefficients: np.ndarray) -> int:
    closed = coefficients[:, ARKIT.columns("eyeBlink")[0]] > 0.5
    return int((closed[1:] & ~closed[:-1]).sum())


def test_it_follows_the_seed_and_touches_pose_and_lids_only():
    one, again, other = moved({"happy": 1.0}), moved({"happy": 1.0}), moved({"happy": 1.0}, seed=2)
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    rest = [i for i in range(51) if i not in ARKIT.columns("eyeBlink")]
    assert np.all(one[:, rest] == np.float32(0.1)) and one[:, :51].max() <= 1.0
    np.testing.assert_allclose(one[0, ARKIT.pose], 0.1, atol=1e-6)
    assert np.abs(one[:, ARKIT.pose] - 0.1).max() < 0.3
    assert np.abs(np.diff(one[:, ARKIT.pose], axis=0)).max() < 0.05


def test_emotions_differ_as_their_numbers_do():
    angry, surprised = load_bearings()["angry"], load_bearings()["surprised"]
    assert angry.hold > surprised.hold and angry.nod > surprised.nod
    first, second = moved({"angry": 1.0}), moved({"surprised": 1.0})
    lower = (first - second)[50:, ARKIT.pose][:, 0].mean()
    assert lower == pytest.approx(angry.hold - surprised.hold, abs=0.01)
    assert nodding(first) == pytest.approx(angry.nod, abs=0.004)
    assert nodding(second) == pytest.approx(surprised.nod, abs=0.004)
    fear, few = moved({"fear": 1.0}), moved({"angry": 1.0})
    assert blinks(fear) > blinks(few) > 5


def test_a_schedule_changes_the_bearing_on_the_way_and_unknown_names_are_neutral():
    later = (np.arange(FRAMES) >= 700).astype(float)
    both = moved({"neutral": 1 - later, "angry": later})
    np.testing.assert_array_equal(moved({"calm": 1.0}), moved({"neutral": 1.0}))
    chin = both[:, ARKIT.pose][:, 0]
    assert chin[800:].mean() - chin[100:700].mean() == pytest.approx(load_bearings()["angry"].hold, abs=0.02)


def test_one_frame_and_silence_are_motion_too():
    assert np.isfinite(moved({"sad": 1.0}, frames=1)).all()
    quiet = np.full((4 * FRAMES, 80), np.log(1e-5), np.float32)
    still = np.zeros((FRAMES, ARKIT.size), np.float32)
    assert np.abs(standard_loudness(quiet)).max() < 1e-6
    assert blinks(add_speaking_motion(still, quiet, {"sad": 1.0}, 0)) > 5


def test_bearings_are_written_and_damaged_files_named(tmp_path):
    save_bearings({"neutral": Bearing(0, 0.1, 0.1, 0.1, 0.2, 0.01, 20)}, tmp_path / "some.json")
    assert load_bearings(tmp_path / "some.json")["neutral"].blinks == 20
    (tmp_path / "bad.json").write_text('{"neutral": {"hold": 1}}')
    with pytest.raises(UserError, match="holds no bearings"):
        load_bearings(tmp_path / "bad.json")
    (tmp_path / "empty.json").write_text("{}")
    with pytest.raises(UserError, match="neutral"):
        load_bearings(tmp_path / "empty.json")
