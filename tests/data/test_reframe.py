"""A crop that is moved: pictures, landmarks and pose stay in step."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lit_emotalk.data import FramesDataModule
from lit_emotalk.data.reframe import STILL, Reframe, Similarity
from lit_emotalk.face.alignment import rotation_matrices
from lit_emotalk.face.basis import LinearFace
from lit_emotalk.face.tracker import Tracker

MOVE = Similarity(1.2, 0.3, (0.1, -0.2))


def face(rotation: tuple[float, float, float]) -> np.ndarray:
    shape = LinearFace.load().mean.numpy() @ rotation_matrices(np.array(rotation)).T
    return (0.3 * shape + np.array([0.52, 0.47, 0.0]))[None].astype(np.float32)


@pytest.mark.parametrize("rotation", [(0.0, 0.0, 0.0), (0.2, -0.3, 0.1)])
def test_the_pose_moves_as_the_tracker_reads_it(rotation: tuple[float, float, float]) -> None:
    tracker, points = Tracker.load(), face(rotation)
    before, after = (tracker.coefficients(p) for p in (points, MOVE.landmarks(points)))
    np.testing.assert_allclose(MOVE.coefficients(before)[:, -6:], after[:, -6:], atol=2e-3)
    np.testing.assert_allclose(MOVE.coefficients(before)[:, :-6], before[:, :-6])
    assert np.abs(after[:, -6:] - before[:, -6:]).max() > 0.1


def test_a_picture_moves_with_its_landmarks() -> None:
    size, spot = 64, np.array([0.4, 0.6])
    axis = (np.arange(size) + 0.5) / size
    far = (axis[None, :] - spot[0]) ** 2 + (axis[:, None] - spot[1]) ** 2
    image = torch.from_numpy(np.exp(-far / 0.002)).float().expand(3, -1, -1)
    moved = MOVE.picture(image)[0].double().numpy()
    seen = np.array([(moved.sum(0) * axis).sum(), (moved.sum(1) * axis).sum()]) / moved.sum()
    wanted = MOVE.landmarks(np.array([[*spot, 0.0]]))[0, :2]
    np.testing.assert_allclose(seen, wanted, atol=0.003)


def test_no_move_changes_nothing() -> None:
    assert Reframe().draw(np.random.default_rng(0)) is STILL
    still = Reframe(turn=1e-9).draw(np.random.default_rng(0))
    image, coeffs = torch.rand(3, 16, 16), np.random.default_rng(1).random((2, 57)).astype(np.float32)
    torch.testing.assert_close(still.picture(image), image)
    np.testing.assert_allclose(still.coefficients(coeffs), coeffs, atol=1e-6)


def test_training_pairs_are_moved_and_validation_pairs_are_not(tiny_shards: Path) -> None:
    def batch(reframe: Reframe, split: str) -> dict:
        module = FramesDataModule(
            tiny_shards, batch_size=4, steps_per_epoch=1, resolution=64, num_workers=0, reframe=reframe
        )
        return module.on_after_batch_transfer(next(iter(module.loader(split))), 0)

    still, moved = batch(Reframe(), "train"), batch(Reframe(zoom=0.2, shift=0.1, turn=10.0), "train")
    for name in ("source", "target", "source_coeffs", "source_landmarks", "driving", "face_box"):
        assert (still[name] - moved[name]).abs().max() > 0.01, name
    assert torch.equal(still["driving"][..., :-6], moved["driving"][..., :-6])
    wanted = (moved["source_coeffs"] - still["source_coeffs"])[:, -1].exp()
    spread = [b["source_landmarks"].std(1)[:, :2].norm(dim=1) for b in (moved, still)]
    torch.testing.assert_close(spread[0] / spread[1], wanted, rtol=1e-3, atol=0)
    for name, value in batch(Reframe(), "val").items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, batch(Reframe(zoom=0.2), "val")[name])


def test_the_following_frame_is_the_next_one(tiny_shards: Path, tiny_clips: list) -> None:
    module = FramesDataModule(
        tiny_shards, batch_size=8, steps_per_epoch=2, window=3, resolution=64, num_workers=0, following=True
    )
    clips = {clip.record["key"]: clip for clip in tiny_clips}
    for batch in module.loader("train"):
        for row, key in enumerate(batch["key"]):
            coeffs = clips[key].coeffs
            (target,) = np.flatnonzero((coeffs == batch["driving"][row, 1].numpy()).all(1))
            following = min(target + 1, len(coeffs) - 1)
            np.testing.assert_array_equal(batch["following_driving"][row, 1], coeffs[following])
        assert batch["following_target"].shape == batch["target"].shape
    assert "following_target" not in next(iter(module.loader("val")))
