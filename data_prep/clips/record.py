"""What is kept of a clip: the entries of its samples in the shards, as bytes."""

import io
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import soundfile
from PIL import Image

from lit_emotalk import schema
from lit_emotalk.io.audio import log_mel
from lit_emotalk.io.pitch import pitch_columns
from lit_emotalk.models.hearing import Whisper

JPEG_QUALITY = 95


@dataclass(frozen=True)
class Clip:
    """One prepared clip, all that its sample in the shards is made of.

    `record` is schema.RECORD; `samples` float (T * 640,) in [-1, 1]. None for sound only: `coeffs` (T, size),
    `single` (T, expression_size); None without pictures: `landmarks` (T, 478, 3) in crop units, and `frames`,
    T jpg files.
    """

    record: dict[str, Any]
    samples: np.ndarray
    coeffs: np.ndarray | None = None
    single: np.ndarray | None = None
    landmarks: np.ndarray | None = None
    frames: list[bytes] | None = field(default=None, repr=False)

    @cached_property
    def pcm(self) -> np.ndarray:
        """The samples as int16."""
        return to_pcm(self.samples)

    def signals_entries(self, hears: schema.Hears = "mel") -> dict[str, bytes]:
        """Entries of the signals sample, schema.SIGNALS_ENTRIES, in a fixed order; UserError as
        `Whisper.load`."""
        kept = self.pcm.astype(np.float32) / 32768
        entries = {"json": _json_bytes(self.record), "mel.npy": npy_bytes(log_mel(kept).astype(np.float16))}
        if "whisper" in schema.HEARD[hears]:
            entries["whisper.npy"] = npy_bytes(Whisper.load().hear(kept))
        if "pitch" in schema.HEARD[hears]:
            entries["pitch.npy"] = npy_bytes(pitch_columns(kept).astype(np.float16))
        entries["flac"] = flac_bytes(self.pcm)
        if self.coeffs is not None:
            assert self.single is not None
            entries["coeffs.npy"] = npy_bytes(self.coeffs.astype(np.float32))
            entries["single.npy"] = npy_bytes(self.single.astype(np.float32))
        if self.frames is not None:
            assert self.coeffs is not None and self.landmarks is not None
            entries["landmarks.npy"] = npy_bytes(self.landmarks.astype(np.float16))
            entries["jpg"] = self.frames[self.record["key_frame"]]
        return entries

    def frames_entries(self) -> dict[str, bytes]:
        """Entries of the frames sample, schema.FRAMES_ENTRIES, in a fixed order."""
        assert self.frames is not None and self.coeffs is not None and self.landmarks is not None
        entries = {
            "json": _json_bytes(self.record),
            "coeffs.npy": npy_bytes(self.coeffs.astype(np.float32)),
            "landmarks.npy": npy_bytes(self.landmarks.astype(np.float16)),
        }
        entries.update({f"{index:04d}.jpg": jpg for index, jpg in enumerate(self.frames)})
        return entries


def jpg_bytes(picture: np.ndarray) -> bytes:
    """A uint8 (H, W, 3) RGB picture as jpg, quality 95."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def npy_bytes(array: np.ndarray) -> bytes:
    """An array as an npy file."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def to_pcm(samples: np.ndarray) -> np.ndarray:
    """Samples in [-1, 1] as int16, the precision the shards keep."""
    return np.clip(np.round(samples * 32768.0), -32768, 32767).astype(np.int16)


def flac_bytes(pcm: np.ndarray) -> bytes:
    """int16 samples (N,) at 16 kHz as a flac file."""
    buffer = io.BytesIO()
    soundfile.write(buffer, pcm, schema.SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def _json_bytes(record: dict[str, Any]) -> bytes:
    return json.dumps({name: record[name] for name in schema.RECORD}, ensure_ascii=False).encode()
