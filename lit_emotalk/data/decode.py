"""From a clip in a shard to what one sample of a batch holds. Every array is checked here, at the border."""

import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lit_emotalk.coefficients import Layout
from lit_emotalk.data.index import Clip, SampleError
from lit_emotalk.emotions import EMOTIONS, intensity_of
from lit_emotalk.io.heard import join
from lit_emotalk.schema import ENTRY_ROWS, ENTRY_SIZES, FPS, HEARD, LANDMARKS, Entry, Hears

Sample = dict[str, Any]

CLOSED_PHONEMES = ("m", "b", "p")
UNKNOWN_EMOTION = -1
NPY_HEADER = 128
"""Bytes that hold the header of every npy file that `np.save` writes of an array of few dimensions."""


def facts(clip: Clip) -> Sample:
    """What every sample says of its clip.

    `key`, `speaker`, `label` (the emotion's or compound's name, empty where unknown), `emotion` (index in
    EMOTIONS, -1 for unknown and compound ones), `intensity` in [0, 1] (1 where the level is unknown). Raises
    SampleError where the record lacks something.
    """
    try:
        label, level = clip.record["emotion"] or "", clip.record["level"]
        return {
            "key": clip.key,
            "speaker": str(clip.record["speaker"]),
            "label": label,
            "emotion": torch.tensor(EMOTIONS.index(label) if label in EMOTIONS else UNKNOWN_EMOTION),
            "intensity": torch.tensor(1.0 if level is None else intensity_of(level), dtype=torch.float32),
        }
    except (KeyError, TypeError) as error:
        raise SampleError(f"{clip.key}: its record is damaged ({error})") from error


def frames_of(clip: Clip) -> int:
    """T, the clip's number of frames; raises SampleError where the record has none."""
    frames = clip.record.get("frames")
    if not isinstance(frames, int) or frames < 1:
        raise SampleError(f"{clip.key}: its record has no number of frames")
    return frames


def read_array(clip: Clip, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """An npy entry as float32 of exactly `shape`; raises SampleError for other shapes, NaN and infinity."""
    try:
        array = np.lib.format.read_array(io.BytesIO(clip.read(name)), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise SampleError(f"{clip.key}: {name} is damaged ({error})") from error
    if array.shape != shape:
        raise SampleError(f"{clip.key}: {name} has shape {array.shape}, not {shape}")
    array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise SampleError(f"{clip.key}: {name} has values that are not finite")
    return array


def read_row(clip: Clip, name: str, shape: tuple[int, ...], row: int) -> np.ndarray:
    """One row of what `read_array` reads, without reading the others: float32 of `shape[1:]`.

    Raises SampleError for another shape, and for NaN and infinity in this row.
    """
    size = clip.place(name)[1]
    header = io.BytesIO(clip.read(name, 0, min(size, NPY_HEADER)))
    try:
        version = np.lib.format.read_magic(header)
        stored, fortran, dtype = np.lib.format.read_array_header_1_0(header)
    except ValueError as error:
        raise SampleError(f"{clip.key}: {name} is damaged ({error})") from error
    if stored != shape:
        raise SampleError(f"{clip.key}: {name} has shape {stored}, not {shape}")
    length = dtype.itemsize * math.prod(shape[1:])
    if version != (1, 0) or fortran or size != header.tell() + shape[0] * length:
        raise SampleError(f"{clip.key}: {name} is damaged (its header does not fit its {size} bytes)")
    data = clip.read(name, header.tell() + row * length, length)
    values = np.frombuffer(data, dtype).reshape(shape[1:]).astype(np.float32)
    if not np.isfinite(values).all():
        raise SampleError(f"{clip.key}: {name} has values that are not finite in row {row}")
    return values


def decode_jpg(clip: Clip, name: str, size: int) -> np.ndarray:
    """A jpg entry as uint8 (size, size, 3); raises SampleError where it cannot be decoded."""
    try:
        image: Image.Image = Image.open(io.BytesIO(clip.read(name)))
        image.draft("RGB", (size, size))
        image = image.convert("RGB")
        if image.size != (size, size):
            image = image.resize((size, size), Image.Resampling.BICUBIC)
    except OSError as error:
        raise SampleError(f"{clip.key}: {name} is not a readable jpg ({error})") from error
    return np.array(image)


def picture(clip: Clip, name: str, size: int) -> Tensor:
    """A jpg entry as float32 (3, size, size) in [-1, 1]; raises SampleError where it cannot be decoded."""
    pixels = torch.from_numpy(decode_jpg(clip, name, size)).permute(2, 0, 1)
    return pixels.to(torch.float32).div_(127.5).sub_(1.0)


def closed_frames(phonemes: list[list[Any]] | None, frames: int) -> np.ndarray:
    """Frames in which the lips must meet: bool (frames,).

    `phonemes` are [name, start s, end s]. A frame is closed if its middle lies inside an m, b or p; a closure
    shorter than a frame closes the frame that holds its middle.
    """
    closed = np.zeros(frames, dtype=bool)
    for name, start, end in phonemes or ():
        if name in CLOSED_PHONEMES:
            first, last = int(np.ceil(start * FPS - 0.5)), int(np.floor(end * FPS - 0.5))
            if last < first:
                first = last = int((start + end) / 2 * FPS)
            closed[max(first, 0) : max(last + 1, 0)] = True
    return closed


@dataclass(frozen=True)
class SignalsDecoder:
    """Decodes one clip of a signals shard.

    `layout` is None where faces are left out; `frames` the window's length, None for whole clips;
    `image_size` the side of the key frame, None for no picture; `heard` what is read of the speech.
    """

    layout: Layout | None
    frames: int | None
    image_size: int | None
    heard: tuple[Entry, ...] = ("mel",)

    def __call__(self, clip: Clip, choices: np.random.Generator | None) -> list[Sample]:
        """One sample: a random window where `choices` are given and the clip is longer, else all of it."""
        total = frames_of(clip)
        start, length = 0, total
        if choices is not None and self.frames is not None and total > self.frames:
            start, length = int(choices.integers(total - self.frames + 1)), self.frames
        span = slice(start, start + length)
        sample = facts(clip) | {
            "closed": torch.from_numpy(closed_frames(clip.record.get("phonemes"), total)[span]),
        }
        for name in self.heard:
            rows = slice(ENTRY_ROWS[name] * start, ENTRY_ROWS[name] * (start + length))
            sample[name] = torch.from_numpy(_read_entry(clip, name)[rows])
        if self.layout is not None:
            single = read_array(clip, "single.npy", (total, self.layout.expression_size))
            key_frame = int(clip.record["key_frame"])
            sample |= {
                "coeffs": torch.from_numpy(read_array(clip, "coeffs.npy", (total, self.layout.size))[span]),
                "single": torch.from_numpy(single[span]),
                "key_frame": torch.tensor(min(max(key_frame - start, 0), length - 1)),
                "key_single": torch.from_numpy(single[key_frame]),
                "seen": torch.tensor(clip.record["frame_size"] is not None),
            }
        if self.image_size is not None:
            sample["image"] = picture(clip, "jpg", self.image_size)
        return [sample]


def read_speech(clip: Clip, hears: Hears) -> np.ndarray:
    """A clip's speech as a network hears it, float32 (rows * T, row size) by `schema.ROWS` and `ROW_SIZES`.
    SampleError where the shard lacks it."""
    return join({name: torch.from_numpy(_read_entry(clip, name)) for name in HEARD[hears]}, hears).numpy()


def _read_entry(clip: Clip, entry: Entry) -> np.ndarray:
    return read_array(clip, f"{entry}.npy", (ENTRY_ROWS[entry] * frames_of(clip), ENTRY_SIZES[entry]))


def read_landmarks(clip: Clip) -> np.ndarray:
    """(T, 478, 3) float32 in crop units."""
    return read_array(clip, "landmarks.npy", (frames_of(clip), LANDMARKS, 3))


def frame_landmarks(clip: Clip, frame: int) -> np.ndarray:
    """(478, 3) float32 in crop units: one frame of `read_landmarks`."""
    return read_row(clip, "landmarks.npy", (frames_of(clip), LANDMARKS, 3), frame)
