"""Natural motion: seeded, bounded, and starting where the portrait is."""

import numpy as np

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.inference.motion.natural import SWAY_DEGREES, add_natural_motion, blinks, sway
from lit_emotalk.schema import FPS


def test_blinks_close_the_lids_fully_and_keep_their_distance():
    closure = blinks(60 * FPS, np.random.default_rng(3))
    starts = np.flatnonzero((closure[1:] > 0) & (closure[:-1] == 0))
    assert closure.max() == 1.0 and closure.min() == 0.0
    assert 60 / 5 < len(starts) < 60 / 1.5
    assert np.diff(starts).min() > 1.5 * FPS


def test_sway_starts_at_the_portrait_and_stays_small():
    offsets = sway(400, np.random.default_rng(5))
    assert np.all(offsets[0] == 0)
    assert np.all(offsets[:, 3:] == 0)
    assert np.abs(np.rad2deg(offsets[:, :3])).max() < 5 * SWAY_DEGREES.max()
    assert np.abs(np.diff(np.rad2deg(offsets[:, :3]), axis=0)).max() < 1.5
    assert offsets.std() > 0.005


def test_natural_motion_follows_the_seed_and_leaves_the_mouth_alone():
    still = np.full((100, ARKIT.size), 0.25, np.float32)
    one, again, other = (add_natural_motion(still, seed) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    mouth = ARKIT.columns("mouth", "jaw", "brow")
    assert np.array_equal(one[:, mouth], still[:, mouth])
    assert one[:, ARKIT.expression].max() <= 1.0
    assert np.all(still == 0.25)
