"""The clips that coefficients are scored on: sound, closures and true expression of whole clips."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.data import Clip, index_split, read_manifest
from lit_emotalk.data.decode import closed_frames, frames_of, read_array
from lit_emotalk.data.index import SampleError
from lit_emotalk.emotions import intensity_of
from lit_emotalk.errors import UserError
from lit_emotalk.schema import MEL_BANDS, MEL_PER_FRAME


@dataclass(frozen=True, eq=False)
class FaceClip:
    """A clip: `emotion` (canonical, or a compound) or "" where unknown, `level` 1..3 or None; mel (4T, 80);
    `closed` (T,) bool, inside an m, b or p; `true` (T, 51), the expression; `signals`, it in its shard."""

    key: str
    speaker: str
    emotion: str
    level: int | None
    mel: np.ndarray
    closed: np.ndarray
    true: np.ndarray
    signals: Clip

    @property
    def intensity(self) -> float:
        """In [0, 1]; 1 where the level is unknown."""
        return 1.0 if self.level is None else intensity_of(self.level)


def read_faces(shards: Path, split: str, limit: int | None = None) -> list[FaceClip]:
    """The clips of a split by key, the first `limit` of them.

    Raises UserError where the shards have no faces, another layout than arkit, no clip in the split, or a
    damaged one.
    """
    manifest = read_manifest(shards)
    if manifest.layout != ARKIT.name:
        raise UserError(f"{shards} holds no faces in the layout {ARKIT.name}; coefficients need them")
    found = sorted(index_split(manifest, "signals", split), key=lambda clip: clip.key)[:limit]
    if not found:
        raise UserError(f"{shards} has no clip in split '{split}'")
    try:
        return [read_face(clip) for clip in found]
    except SampleError as error:
        raise UserError(f"{error}; check the shards with python -m data_prep.verify") from error


def read_face(clip: Clip) -> FaceClip:
    """A clip of a signals shard; raises SampleError where it is damaged."""
    total, record = frames_of(clip), clip.record
    return FaceClip(
        clip.key,
        str(record["speaker"]),
        record["emotion"] or "",
        record["level"],
        read_array(clip, "mel.npy", (MEL_PER_FRAME * total, MEL_BANDS)),
        closed_frames(record.get("phonemes"), total),
        read_array(clip, "coeffs.npy", (total, ARKIT.size))[:, ARKIT.expression],
        clip,
    )
