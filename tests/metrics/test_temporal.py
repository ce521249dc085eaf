"""Warping error and tOF: still, shifted and flickering pictures."""

import numpy as np
import pytest

from lit_emotalk.metrics.temporal import TOF, WarpingError, flow_difference, optical_flow, warping_error


def texture(seed: int, size: int = 96) -> np.ndarray:
    """A smooth random picture (size, size, 3) uint8."""
    import cv2

    noise = np.random.default_rng(seed).random((size // 8, size // 8, 3)).astype(np.float32)
    return (cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC).clip(0, 1) * 255).astype(np.uint8)


def moving(step: int, frames: int = 4) -> np.ndarray:
    """A texture that moves right by `step` pixels a frame: (T, 64, 64, 3)."""
    picture = texture(0)
    return np.stack([picture[16:80, 24 - step * t : 88 - step * t] for t in range(frames)])


def test_flow_has_the_documented_direction():
    frames = moving(2)[..., 0]
    flow = optical_flow(frames[0], frames[1])[20:44, 20:44]
    assert np.median(flow[..., 0]) == pytest.approx(2.0, abs=0.3)
    assert np.median(flow[..., 1]) == pytest.approx(0.0, abs=0.3)


def test_still_video_is_perfect_and_flicker_is_not():
    still = np.repeat(texture(1)[None], 4, 0)
    assert warping_error(still).max() < 1e-3
    errors = []
    for strength in (4, 16):
        flicker = still.astype(int) + strength * (np.arange(4) % 2)[:, None, None, None]
        errors.append(warping_error(flicker.clip(0, 255).astype(np.uint8)).mean())
    assert 0.1 < errors[0] < errors[1]


def test_smooth_motion_is_explained_by_flow():
    frames = moving(2)
    unexplained = 1000 * np.square(np.diff(frames.astype(float) / 255, axis=0)).mean()
    assert warping_error(frames).mean() < 0.1 * unexplained


def test_tof_is_zero_for_the_same_motion_and_grows_with_the_difference():
    true = moving(1)
    values = [flow_difference(moving(step), true).mean() for step in (1, 2, 3)]
    assert values[0] == 0
    assert 0 < values[1] < values[2]
    scale = 256 / 64
    assert values[1] == pytest.approx(scale * 1.0, rel=0.35)


def test_chosen_pairs():
    frames = moving(2)
    assert np.array_equal(warping_error(frames, np.array([0, 2])), warping_error(frames)[[0, 2]])
    assert np.array_equal(
        flow_difference(frames, moving(1), np.array([1])), flow_difference(frames, moving(1))[1:2]
    )


def test_metrics_over_clips():
    warp, tof = WarpingError(), TOF()
    warp.update(moving(2))
    tof.update(moving(2), moving(1))
    assert warp.compute() == pytest.approx(warping_error(moving(2)).mean())
    assert tof.compute() == pytest.approx(flow_difference(moving(2), moving(1)).mean())
