"""Frames chosen by how wide their mouth is: a second source frame that gives no target away, and targets."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lit_emotalk.data import FramesDataModule
from lit_emotalk.data.decode_frames import SECOND_AWAY, mouth_openings, widest_mouth
from lit_emotalk.face.regions import LANDMARKS, MOUTH_OPENING


def mouths(openings: list[float]) -> np.ndarray:
    landmarks = np.zeros((len(openings), LANDMARKS, 3), np.float32)
    landmarks[:, MOUTH_OPENING[1], 1] = openings
    return landmarks


def test_the_widest_mouth_away_from_the_targets() -> None:
    openings = [0.1] * 40
    openings[30], openings[2] = 0.9, 0.5
    assert widest_mouth(mouths(openings), 0, []) == 30
    assert widest_mouth(mouths(openings), 0, [30 - SECOND_AWAY]) == 2
    assert widest_mouth(mouths(openings), 0, [29 - SECOND_AWAY]) == 30
    assert widest_mouth(mouths(openings[:10]), 7, [5]) == 7


def test_batches_have_the_frame_of_the_sources_clip(tiny_shards: Path, tiny_clips: list) -> None:
    module = FramesDataModule(
        tiny_shards, batch_size=6, steps_per_epoch=2, window=3, resolution=64, num_workers=0, second=True
    )
    rows = {tuple(row): clip.record["key"] for clip in tiny_clips for row in clip.coeffs}
    for split in ("train", "val"):
        batch = next(iter(module.loader(split)))
        assert batch["second"].shape == batch["source"].shape
        assert batch["second_landmarks"].shape == batch["source_landmarks"].shape
        if split == "val":
            for source, second in zip(batch["source_coeffs"], batch["second_coeffs"], strict=True):
                assert rows[tuple(source.numpy())] == rows[tuple(second.numpy())]
        assert torch.isfinite(batch["second_coeffs"]).all()
    plain = FramesDataModule(
        tiny_shards, batch_size=6, steps_per_epoch=2, window=3, resolution=64, num_workers=0
    )
    assert "second" not in next(iter(plain.loader("val")))


def test_targets_have_the_widest_mouth_of_their_two_clips(tiny_shards: Path, tiny_clips: list) -> None:
    module = FramesDataModule(
        tiny_shards, batch_size=8, steps_per_epoch=4, window=3, resolution=64, num_workers=0, widest=1.0
    )
    row_of = {
        tuple(row): (clip, index) for clip in tiny_clips for index, row in enumerate(clip.coeffs.astype("f4"))
    }
    pairs = set()
    for batch in module.loader("train"):
        for source, driving in zip(batch["source_coeffs"], batch["driving"], strict=True):
            (clip, _), (own, target) = (row_of[tuple(row.numpy())] for row in (source, driving[1]))
            openings = mouth_openings(own.landmarks)
            widest = max(openings.max(), mouth_openings(clip.landmarks).max())
            assert openings[target] == pytest.approx(widest, rel=1e-5)
            pairs.add((clip.record["key"], own.record["key"]))
    assert any(one != other for one, other in pairs)
