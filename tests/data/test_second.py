"""The second source frame: another of the source's clip, with an open mouth, that gives no target away."""

from pathlib import Path

import numpy as np
import torch

from lit_emotalk.data import FramesDataModule
from lit_emotalk.data.decode_frames import SECOND_AWAY, widest_mouth
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
