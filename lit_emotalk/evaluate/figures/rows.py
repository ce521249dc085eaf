"""Rows of figures: frames of videos in folders, of true clips of shards, and of our own videos of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from lit_emotalk.errors import UserError
from lit_emotalk.schema import FPS

if TYPE_CHECKING:
    from lit_emotalk.evaluate.settings import Condition
    from lit_emotalk.evaluate.shards import ShardClip

Rows = dict[str, Sequence[np.ndarray]]
"""Label -> frames (H, W, 3) uint8 of one size."""

CONDITION_NAMES: dict[str, str] = {
    "text": "Ours-T",
    "image": "Ours-I",
    "audio": "Ours-A",
    "own": "Ours-O",
    "none": "Ours",
}
TRUTH = "Ground truth"
CHOSEN_CLIPS = 2


@dataclass(frozen=True)
class Sampling:
    """`columns` frames of a video, evenly spread from its first to its last, `size` pixels high."""

    columns: int
    size: int

    def frames(self, video: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The chosen frames of a video (T, H, W, 3), scaled."""
        height, width = video[0].shape[:2]
        scaled = (max(round(width * self.size / height), 1), self.size)
        return [
            np.asarray(Image.fromarray(video[place]).resize(scaled, Image.Resampling.LANCZOS))
            for place in self.places(len(video))
        ]

    def times(self, frames: int) -> list[str]:
        """Their times, as labels."""
        return [f"{place / FPS:.2f} s" for place in self.places(frames)]

    def places(self, frames: int) -> list[int]:
        """Their indices in a video of `frames` frames."""
        return np.linspace(0, frames - 1, self.columns).round().astype(int).tolist()


def folder_row(name: str, folder: Path, clip: str, sampling: Sampling) -> tuple[list[np.ndarray], list[str]]:
    """Frames and times of FOLDER/CLIP.mp4. UserError where it is missing."""
    path = folder / f"{clip}.mp4"
    if not path.is_file():
        raise UserError(f"{name} has no video of {clip}: {path} is missing")
    return file_row(path, sampling)


def file_row(path: Path, sampling: Sampling) -> tuple[list[np.ndarray], list[str]]:
    """Frames and times of a video file."""
    from lit_emotalk.io.video import read_frames

    video = list(read_frames(path))
    return sampling.frames(video), sampling.times(len(video))


def find_clips(shards: Path, split: str, keys: Sequence[str]) -> "list[ShardClip]":
    """The clips called `keys`, in their order; without keys a few of different speakers and emotions, of the
    highest level.

    UserError for a key that the split does not have.
    """
    from lit_emotalk.evaluate.shards import shard_clips

    clips = shard_clips(shards, split, None)
    if not keys:
        return _chosen(clips)
    known = {clip.key: clip for clip in clips}
    for key in keys:
        if key not in known:
            few = ", ".join(list(known)[:3])
            raise UserError(f"{shards} has no clip {key} in split {split}; it has {few}, ...")
    return [known[key] for key in keys]


def _chosen(clips: "list[ShardClip]") -> "list[ShardClip]":
    chosen: list[ShardClip] = []
    while clips and len(chosen) < CHOSEN_CLIPS:
        taken = {name: {clip.facts[name] for clip in chosen} for name in ("speaker", "emotion")}
        best = min(
            clips,
            key=lambda c: (
                *(c.facts[name] in seen for name, seen in taken.items()),
                -(c.facts["level"] or 0),
                c.key,
            ),
        )
        chosen.append(best)
        clips = [clip for clip in clips if clip is not best]
    return chosen


def model_rows(
    clips: "Sequence[ShardClip]",
    made: "dict[str, tuple[Path, Condition]]",
    sampling: Sampling,
    device: str = "cpu",
) -> list[tuple[Rows, list[str]]]:
    """For each clip the rows `TRUTH` and one for each of `made`, name -> (models, condition), and the times.

    Models are loaded one after another, to `device`. UserError where an export is missing or a clip cannot be
    read.
    """
    from lit_emotalk.evaluate.generate import Generator
    from lit_emotalk.evaluate.shards import load_clip

    found: list[tuple[Rows, list[str]]] = []
    for clip in clips:
        truth = load_clip(clip).frames
        found.append(({TRUTH: sampling.frames(list(truth))}, sampling.times(len(truth))))
    generator, loaded_from = None, None
    for name, (models, condition) in made.items():
        if generator is None or models != loaded_from:
            generator, loaded_from = Generator(models, device), models
        for clip, (rows, _) in zip(clips, found, strict=True):
            loaded = load_clip(clip, generator.face.resolution)
            rows[name] = sampling.frames(list(generator.frames(clip, loaded, condition)))
    return found
