"""The clips that are checked: a sample of the shards beside its sidecar of truth in the corpus."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from data_prep.synthetic.make import CORPUS_FILE
from lit_emotalk.coefficients import get_layout
from lit_emotalk.data import Clip, index_split, read_manifest
from lit_emotalk.data.decode import frames_of, read_array
from lit_emotalk.data.decode_frames import read_sound
from lit_emotalk.data.index import SampleError
from lit_emotalk.errors import UserError
from lit_emotalk.schema import SPLITS


@dataclass(frozen=True)
class CheckedClip:
    """One clip: `sample` of the signals shards, `video` in the corpus, and whose it is.

    `coeffs` (T, 57) float32 as tracked, `samples` (640 T,) float32 at 16 kHz, `truth` the arrays and `record`
    the text of the sidecar, cut to the T frames that were kept. Reading raises UserError where a file is
    missing or damaged.
    """

    sample: Clip
    split: str
    speaker: str
    emotion: str
    level: int
    video: Path

    @property
    def frames(self) -> int:
        """T."""
        return frames_of(self.sample)

    @property
    def coeffs(self) -> np.ndarray:
        """Tracked coefficients and pose (T, 57)."""
        layout = get_layout(self.sample.record["layout"])
        try:
            return read_array(self.sample, "coeffs.npy", (self.frames, layout.size))
        except SampleError as error:
            raise UserError(str(error)) from error

    @property
    def samples(self) -> np.ndarray:
        """The sound (640 T,)."""
        try:
            return read_sound(self.sample)
        except SampleError as error:
            raise UserError(str(error)) from error

    @cached_property
    def truth(self) -> dict[str, np.ndarray]:
        """The sidecar's arrays by name, T rows each."""
        path = self.video.with_suffix(".npz")
        try:
            with np.load(path) as arrays:
                return {name: arrays[name][: self.frames] for name in arrays.files}
        except (OSError, ValueError, BadZipFile) as error:
            raise UserError(f"no truth beside {self.video}: {error}") from error

    @cached_property
    def record(self) -> dict[str, Any]:
        """The sidecar's facts: phonemes, identity, manner, scene, ..."""
        path = self.video.with_suffix(".json")
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"no truth beside {self.video}: {error}") from error


def read_clips(corpus: Path, shards: Path) -> list[CheckedClip]:
    """All clips of the shards that show a face, by split and key.

    Raises UserError where there is no corpus or there are no shards, where the shards were made of another
    corpus, or where train or test have no clips.
    """
    if not (corpus / CORPUS_FILE).is_file():
        raise UserError(
            f"{corpus} holds no made corpus (no {CORPUS_FILE}); make one with python -m data_prep.synthetic"
        )
    manifest = read_manifest(shards)
    if manifest.layout is None:
        raise UserError(f"{shards} holds sound only; the check needs faces")
    clips = []
    for split in SPLITS:
        samples = sorted(index_split(manifest, "signals", split), key=lambda sample: sample.key)
        for sample in samples:
            record = sample.record
            if not record:
                raise UserError(f"{shards}: the record of {sample.key} is damaged; make the shards again")
            video = corpus / str(record["source"])
            if not video.is_file():
                raise UserError(f"{shards} was made of another corpus: {video} is not there")
            if record.get("text") is None:  # a part of its video: the truth is of the whole
                continue
            person, emotion, level = str(record["speaker"]), str(record["emotion"]), int(record["level"])
            clips.append(CheckedClip(sample, split, person, emotion, level, video))
    for split in ("train", "test"):
        if not any(clip.split == split for clip in clips):
            raise UserError(f"{shards} has no clips in split {split}; make a corpus of at least 3 speakers")
    return clips
