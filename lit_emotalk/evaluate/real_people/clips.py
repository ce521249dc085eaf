"""The people whom a report is about: all clips of some shards, of whatever split."""

from dataclasses import dataclass
from pathlib import PurePosixPath

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.data.decode_frames import read_sound
from lit_emotalk.data.index import Clip, SampleError, index_split
from lit_emotalk.data.manifest import Manifest
from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.coefficients.clips import FaceClip, read_face
from lit_emotalk.evaluate.shards import ShardClip, spread
from lit_emotalk.io.progress import track
from lit_emotalk.metrics.speech import speech_frames
from lit_emotalk.schema import SPLITS

NO_FOLDER = "(no folder)"


@dataclass(frozen=True, eq=False)
class RealClip:
    """A clip: its sound and tracked expression (`face`), its pictures (`shard`), its `corpus`, the first
    folder below the root, and whether somebody is heard in it (`spoken`)."""

    face: FaceClip
    shard: ShardClip
    corpus: str
    spoken: bool

    @property
    def key(self) -> str:
        """The clip's unique name."""
        return self.face.key

    @property
    def emotion(self) -> str:
        """Its label, empty where unknown."""
        return self.face.emotion

    @property
    def person(self) -> str:
        """The speaker in one scene: what an interval counts as one. A clip that no label put into a scene is
        a scene of its own."""
        return str(self.shard.facts["speaker"])


def read_clips(manifest: Manifest, limit: int | None) -> list[RealClip]:
    """The clips by key; `limit` of them, spread over speakers and emotions.

    Raises UserError for another layout than arkit, for shards without frames, and for a damaged clip.
    """
    if manifest.layout != ARKIT.name:
        raise UserError(
            f"{manifest.directory} has no faces in the layout {ARKIT.name}; prepare it without bfm"
        )
    frames, signals = (
        [clip for split in SPLITS for clip in index_split(manifest, kind, split)]
        for kind in ("frames", "signals")
    )
    if not frames:
        raise UserError(f"{manifest.directory} has no clip with pictures; prepare videos")
    sounds = {clip.key: clip for clip in signals}
    chosen = spread(frames, limit)
    try:
        return [_read(clip, sounds[clip.key]) for clip in track(chosen, "reading", len(chosen), "clips")]
    except SampleError as error:
        raise UserError(f"{error}; check the shards with python -m data_prep.verify") from error


def _read(frames: Clip, signals: Clip) -> RealClip:
    face = read_face(signals)
    source = PurePosixPath(str(frames.record["source"]))
    facts = {
        "speaker": f"{face.speaker} {frames.record.get('scene') or ''}".strip(),
        "emotion": face.emotion or None,
        "level": face.level,
    }
    spoken = bool(speech_frames(read_sound(signals), len(face.true)).any())
    corpus = source.parts[0] if len(source.parts) > 1 else NO_FOLDER
    return RealClip(face, ShardClip(face.key, frames, signals, None, facts), corpus, spoken)
