"""Clips of shards that are scored: choosing them and loading them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lit_emotalk.coefficients import get_layout
from lit_emotalk.data import Clip, index_split, read_manifest
from lit_emotalk.data.decode import decode_jpg, frames_of, read_array, read_landmarks
from lit_emotalk.data.decode_frames import read_sound
from lit_emotalk.data.index import SampleError
from lit_emotalk.errors import UserError
from lit_emotalk.schema import MEL_BANDS, MEL_PER_FRAME


@dataclass(frozen=True, eq=False)
class ShardClip:
    """A clip of shards: its frames, its signals, and `other`, another clip's signals with the same
    emotion."""

    key: str
    frames: Clip
    signals: Clip
    other: Clip | None
    facts: dict[str, Any]


@dataclass(frozen=True, eq=False)
class LoadedClip:
    """A clip in memory: frames (T, S, S, 3) uint8, coefficients (T, C), landmarks (T, 478, 3) in crop units,
    mel (4T, 80) float32, samples (640 T,)."""

    frames: np.ndarray
    coefficients: np.ndarray
    landmarks: np.ndarray
    mel: np.ndarray
    samples: np.ndarray


def shard_clips(shards: Path, split: str, limit: int | None) -> list[ShardClip]:
    """The clips of a split that have faces; `limit` of them, spread over speakers and emotions in turn.

    UserError where the split is empty or the shards are damaged.
    """
    manifest = read_manifest(shards)
    signals = {clip.key: clip for clip in index_split(manifest, "signals", split)}
    clips = [clip for clip in index_split(manifest, "frames", split) if clip.record and clip.key in signals]
    if not clips:
        raise UserError(f"{shards} has no clip with frames in split '{split}'")
    return [
        ShardClip(
            clip.key,
            clip,
            signals[clip.key],
            other_clip(clip, list(signals.values())),
            {name: clip.record.get(name) for name in ("speaker", "emotion", "level")},
        )
        for clip in spread(clips, limit)
    ]


def spread(clips: list[Clip], limit: int | None) -> list[Clip]:
    """All clips by key, or `limit` of them: the pairs (speaker, emotion) take turns, and so do speakers and
    emotions."""
    ordered = sorted(clips, key=lambda clip: clip.key)
    if limit is None or limit >= len(ordered):
        return ordered
    speakers = sorted({str(clip.record["speaker"]) for clip in ordered})
    emotions = sorted({str(clip.record["emotion"]) for clip in ordered})
    turns: dict[tuple[int, int], int] = {}
    ranks: dict[str, tuple[int, int, int]] = {}
    for clip in ordered:
        speaker, emotion = (
            speakers.index(str(clip.record["speaker"])),
            emotions.index(str(clip.record["emotion"])),
        )
        turn = turns[speaker, emotion] = turns.get((speaker, emotion), -1) + 1
        ranks[clip.key] = (turn, (emotion - speaker) % len(emotions), speaker)
    chosen = sorted(ordered, key=lambda clip: ranks[clip.key])[:limit]
    return sorted(chosen, key=lambda clip: clip.key)


def other_clip(clip: Clip, candidates: list[Clip]) -> Clip | None:
    """Another clip of the emotion: of another speaker where there is one, and of the nearest level."""
    same = [
        c for c in candidates if c.key != clip.key and c.record.get("emotion") == clip.record.get("emotion")
    ]
    strangers = [c for c in same if c.record["speaker"] != clip.record["speaker"]]
    level = clip.record["level"] or 0
    ranked = sorted(strangers or same, key=lambda c: (abs((c.record["level"] or 0) - level), c.key))
    return ranked[0] if ranked else None


def load_clip(clip: ShardClip, size: int | None = None) -> LoadedClip:
    """Read a clip, its frames scaled to `size` pixels (None: as stored). Raises UserError where it is
    damaged."""
    try:
        total = frames_of(clip.frames)
        side = size or int(clip.frames.record["frame_size"])
        layout = get_layout(clip.frames.record["layout"])
        return LoadedClip(
            np.stack([decode_jpg(clip.frames, f"{t:04d}.jpg", side) for t in range(total)]),
            read_array(clip.frames, "coeffs.npy", (total, layout.size)),
            read_landmarks(clip.frames),
            read_array(clip.signals, "mel.npy", (MEL_PER_FRAME * total, MEL_BANDS)),
            read_sound(clip.signals),
        )
    except SampleError as error:
        raise UserError(str(error)) from error
