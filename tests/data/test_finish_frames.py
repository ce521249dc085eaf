"""What is made of a batch of frames on the device: what its samples give, each by itself."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from lit_emotalk.data import FramesDataModule, index
from lit_emotalk.data.decode import frame_landmarks, frames_of, read_landmarks
from lit_emotalk.data.finish_frames import shown
from lit_emotalk.data.index import Clip, SampleError
from lit_emotalk.data.recolour import Recolour
from lit_emotalk.data.reframe import Reframe, Similarity
from lit_emotalk.face.regions import region_boxes

SIDE = 64
MOVES, LIGHT = Reframe(zoom=0.1, shift=0.1, turn=8.0), Recolour(light=0.2, tint=0.1)
PICTURES = ("source", "target", "following_target", "second")


def frames(shards: Path, **changes: Any) -> FramesDataModule:
    values: dict[str, Any] = {
        "batch_size": 4,
        "steps_per_epoch": 3,
        "resolution": SIDE,
        "window": 5,
        "num_workers": 0,
        "reframe": MOVES,
        "recolour": LIGHT,
        "following": True,
        "second": True,
    }
    return FramesDataModule(shards, **(values | changes))


def finished(module: FramesDataModule, split: str = "train") -> Iterator[dict[str, Any]]:
    return (module.on_after_batch_transfer(batch, 0) for batch in module.loader(split))


def by_itself(clip: Clip, frame: int, move: Similarity, gains: tuple[float, ...], gamma: float) -> Tensor:
    """One picture, decoded to floats, moved and recoloured by the formulas, (3, S, S)."""
    pixels = np.array(Image.open(io.BytesIO(clip.read(f"{frame:04d}.jpg"))).convert("RGB"))
    image = torch.from_numpy(pixels).permute(2, 0, 1).float() / 127.5 - 1
    back = np.linalg.inv(move.matrix)
    grid = torch.from_numpy(np.column_stack([back, -back @ move.shift])).float()[None]
    places = F.affine_grid(grid, [1, *image.shape], align_corners=False)
    image = F.grid_sample(image[None], places, padding_mode="border", align_corners=False)[0]
    light = torch.tensor(gains)[:, None, None] * ((image + 1) / 2).clamp(0, 1) ** gamma
    return 2 * light.clamp(max=1) - 1


def weights_by_itself(landmarks: np.ndarray, mouth: float, eyes: float) -> np.ndarray:
    """Weights (S, S), box by box."""
    weights = np.ones((SIDE, SIDE), np.float32)
    for name, corners in region_boxes(landmarks).items():
        if name != "face":
            x0, y0, x1, y1 = np.clip(np.round(corners * SIDE), 0, SIDE).astype(int)
            part = weights[y0:y1, x0:x1]
            part[...] = np.maximum(part, mouth if name == "mouth" else eyes)
    return weights


def test_a_batch_is_what_its_samples_give_one_after_another(tiny_shards: Path) -> None:
    module = frames(tiny_shards, cross=0.0, mouth_weight=24.0, eye_weight=3.0)
    dataset = module.dataset("train")
    assert dataset.order is not None
    for number, batch in enumerate(finished(module)):
        for row in range(4):
            position = 4 * number + row
            clip, choices = dataset.clips[dataset.order.clip(position)], dataset.order.generator(position)
            assert clip.key == batch["key"][row]
            choices.random()  # whether the source is of another clip
            source, target = (int(i) for i in choices.choice(frames_of(clip), 2, replace=False))
            move, colours = MOVES.draw(choices), LIGHT.draw(choices)
            following = min(target + 1, frames_of(clip) - 1)
            for name, frame in zip(PICTURES, (source, target, following), strict=False):
                wanted = by_itself(clip, frame, move, colours.gains, colours.gamma)
                torch.testing.assert_close(batch[name][row], wanted, atol=1e-5, rtol=0)
            landmarks = move.landmarks(read_landmarks(clip))
            np.testing.assert_array_equal(batch["source_landmarks"][row], landmarks[source])
            wanted_weights = weights_by_itself(landmarks[target], 24.0, 3.0)
            np.testing.assert_array_equal(batch["region"][row, 0], wanted_weights)


def test_pictures_are_moved_as_opencv_moves_them() -> None:
    generator = np.random.default_rng(0)
    pixels = cv2.GaussianBlur(generator.integers(0, 256, (2, SIDE, SIDE, 3), dtype=np.uint8)[0], (0, 0), 2.0)
    move = Similarity(1.15, 0.2, (0.1, -0.15))
    middle = np.full(2, SIDE / 2 - 0.5)
    shift = middle - move.matrix @ middle + np.array(move.shift) * SIDE / 2
    wanted = cv2.warpAffine(
        pixels, np.column_stack([move.matrix, shift]), (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE
    )
    made = shown(torch.from_numpy(pixels)[None], move.back[None], None)[0].permute(1, 2, 0)
    error = np.abs(127.5 * (made.numpy() + 1) - wanted)
    assert error.mean() < 0.4 and error.max() < 2.5 and np.abs(pixels - wanted.astype(float)).mean() > 5


@pytest.mark.parametrize("workers", [1, 2])
def test_draws_follow_the_position_whatever_the_loader_processes(tiny_shards: Path, workers: int) -> None:
    alone, several = frames(tiny_shards), frames(tiny_shards, num_workers=workers)
    for one, other in zip(finished(alone), finished(several), strict=True):
        for name, value in one.items():
            assert torch.equal(value, other[name]) if isinstance(value, Tensor) else value == other[name]


def test_a_loader_that_goes_on_gives_the_rest(tiny_shards: Path) -> None:
    whole = list(finished(frames(tiny_shards)))
    module = frames(tiny_shards)
    loader = module.loader("train")
    loader.load_state_dict({"epoch": 0, "given": 1})
    rest = [module.on_after_batch_transfer(batch, 0) for batch in loader]
    assert len(rest) == len(whole) - 1
    for one, other in zip(rest, whole[1:], strict=True):
        assert all(torch.equal(one[name], other[name]) for name in (*PICTURES, "region", "driving"))


def test_loaders_hand_bytes_on(tiny_shards: Path) -> None:
    batch = next(iter(frames(tiny_shards).loader("train")))
    assert {batch[name].dtype for name in PICTURES} == {torch.uint8}
    size = sum(value.nbytes for value in batch.values() if isinstance(value, Tensor)) / 4
    assert size < 1.5 * len(PICTURES) * 3 * SIDE**2


def test_one_frames_landmarks_are_read_alone(tiny_shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = frames(tiny_shards).clips("frames", "train")[0]
    everything = read_landmarks(clip)
    sizes: list[int] = []
    read = index._read
    monkeypatch.setattr(index, "_read", lambda *call: sizes.append(call[3]) or read(*call))
    for frame in (0, 17, len(everything) - 1):
        np.testing.assert_array_equal(frame_landmarks(clip, frame), everything[frame])
    assert sum(sizes) == 3 * (128 + 478 * 3 * 2)


def changed(clip: Clip, folder: Path, change: Any) -> Clip:
    """The clip, in a tar of its own whose landmarks are changed."""
    data = bytearray(clip.path.read_bytes())
    offset, size = clip.entries["landmarks.npy"]
    data[offset : offset + size] = change(data[offset : offset + size])
    copy = folder / "changed.tar"
    copy.write_bytes(data)
    return Clip(copy, clip.key, clip.record, clip.entries)


def test_a_damaged_row_is_said_and_other_rows_are_read(tiny_shards: Path, tmp_path: Path) -> None:
    clip = frames(tiny_shards).clips("frames", "train")[0]
    last = frames_of(clip) - 1
    with_nan = changed(clip, tmp_path, lambda npy: npy[:-2] + np.array([np.nan], np.float16).tobytes())
    np.testing.assert_array_equal(frame_landmarks(with_nan, last - 1), frame_landmarks(clip, last - 1))
    with pytest.raises(SampleError, match=f"{clip.key}: .*not finite in row {last}"):
        frame_landmarks(with_nan, last)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda npy: bytes(len(npy)), "is damaged"),
        (lambda npy: npy.replace(b"478, 3)", b"477, 3)"), "has shape"),
        (lambda npy: npy.replace(b"<f2", b"<f4"), "does not fit its"),
    ],
)
def test_a_header_that_does_not_fit_is_said(
    tiny_shards: Path, tmp_path: Path, change: Any, reason: str
) -> None:
    folder = tmp_path / reason.replace(" ", "")
    folder.mkdir()
    clip = frames(tiny_shards).clips("frames", "train")[0]
    with pytest.raises(SampleError, match=reason):
        frame_landmarks(changed(clip, folder, change), 0)
