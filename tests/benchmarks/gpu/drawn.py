"""Shards of drawn faces and hummed speech, made in seconds: every stage trains on them."""

from pathlib import Path

from joblib import Parallel, delayed

from data_prep.shards.pack import Corpus, pack_clips
from lit_emotalk.data.manifest import MANIFEST_NAME
from tests.drawn_clips import PITCH_OF_EMOTION, TINY_SPLITS, draw_clip

CLIPS, FRAMES = 24, 50


def draw_shards(directory: Path, size: int, toy: bool) -> Path:
    """Shards with frames of `size` pixels in `directory`, unless they are there."""
    if not (directory / MANIFEST_NAME).is_file():
        emotions = tuple(PITCH_OF_EMOTION)
        names = [f"{number:03d}" for number in range(6 if toy else CLIPS)]
        frames = 30 if toy else FRAMES
        jobs = [
            delayed(draw_clip)(speaker, emotions[number % len(emotions)], 2, frames, size, name)
            for speaker in ("M001", "W002")
            for number, name in enumerate(names if speaker == "M001" else names[:2])
        ]
        clips = Parallel(n_jobs=1 if toy else -1)(jobs)
        pack_clips(
            clips, directory, Corpus("synthetic", "arkit", size, TINY_SPLITS, "drawn"), clips_per_shard=8
        )
    return directory
