"""One clip: from its files to what is kept of it, and from that to the clip that is packed."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.clips.apex import find_apex
from data_prep.clips.deep3d import at_25_fps, read_expression
from data_prep.clips.record import Clip, to_pcm
from data_prep.clips.source import Source, check_length, check_loudness, read_sound, read_truth, sound_record
from data_prep.clips.track import shared_tracker, track_video
from lit_emotalk import schema
from lit_emotalk.coefficients import ARKIT, BFM
from lit_emotalk.errors import UserError
from lit_emotalk.face.tracker import REST_LASTING, Rest
from lit_emotalk.io.files import atomic_path
from lit_emotalk.io.video import probe

MAX_LENGTH_DIFFERENCE = 0.5
"""Seconds by which sound and video may differ; both are cut to the shorter."""
REST_FRAMES = 240
"""A rest is read from at most this many frames, spread over the clips (our choice)."""
UNLABELLED_LASTING = 0.1
"""What a unit must read throughout a clip of unknown emotion to count as expression (see `lasting_of`)."""


def prepare_clip(source: Source, frame_size: int, target: Path) -> dict[str, Any]:
    """Track, crop and resample one clip and keep it in `target` (npz); returns facts about it.

    Facts: frames, lost_frames, faces (people seen), face_pixels, loudness_db, gaps (the lost frames as
    "12-15 40"), video_frames and first_frame (what the clip is of its video), trimmed (why it is not all of
    it), people (see `describe_people`). Raises UserError with the reason where the clip is unfit.
    """
    assert source.video is not None
    truth = read_truth(source.truth)
    samples, loudness = read_sound(source)
    tracked = track_video(source.video, frame_size, samples)
    difference = len(samples) / schema.SAMPLE_RATE - tracked.total / schema.FPS
    if abs(difference) > MAX_LENGTH_DIFFERENCE:
        longer = "longer" if difference > 0 else "shorter"
        raise UserError(f"{source.video}: the sound is {abs(difference):.2f} s {longer} than the video")
    frames = min(len(tracked.frames), len(samples) // schema.SAMPLES_PER_FRAME - tracked.first)
    check_length(source, frames)
    imported = _imported(source, tracked.total)[tracked.first :][:frames]
    if tracked.trimmed:
        samples = samples[tracked.first * schema.SAMPLES_PER_FRAME :]
        loudness = check_loudness(source, samples[: frames * schema.SAMPLES_PER_FRAME])
        truth = truth.part(tracked.first / schema.FPS, frames / schema.FPS)
    crop = tracked.crop
    record = sound_record(source, truth, frames) | {
        "frame_size": frame_size,
        "layout": BFM.name if source.coefficients else ARKIT.name,
        "crop": [round(crop.x, 2), round(crop.y, 2), round(crop.half, 2)],
        "lost_frames": int(tracked.lost[:frames].sum()),
    }
    if tracked.trimmed:
        record["text"] = None
    with atomic_path(target) as temporary:
        np.savez(
            temporary,
            record=np.frombuffer(json.dumps(record).encode(), np.uint8),
            pcm=to_pcm(samples[: frames * schema.SAMPLES_PER_FRAME]),
            landmarks=tracked.landmarks[:frames],
            faces=tracked.faces[:frames],
            lost=tracked.lost[:frames],
            jpg=np.frombuffer(b"".join(tracked.frames[:frames]), np.uint8),
            jpg_sizes=np.array([len(jpg) for jpg in tracked.frames[:frames]]),
            expression=imported,
        )
    return {
        "frames": frames,
        "lost_frames": record["lost_frames"],
        "faces": len(tracked.people),
        "face_pixels": round(tracked.face_pixels),
        "loudness_db": round(loudness, 1),
        "gaps": runs_of(tracked.lost[:frames]),
        "video_frames": tracked.total,
        "first_frame": tracked.first,
        "trimmed": tracked.trimmed,
        "people": tracked.people,
    }


def _imported(source: Source, frames: int) -> np.ndarray:
    """Deep3DFaceRecon's expression (frames, 64), (0, 64) where the source has none."""
    if not source.coefficients or source.video is None:
        return np.zeros((0, BFM.expression_size), np.float32)
    rows = read_expression(source.coefficients)
    return at_25_fps(rows, probe(source.video).fps, frames, source.coefficients[0])


def runs_of(marked: np.ndarray) -> str:
    """Where a (T,) bool is true, as "12-15 40": first and last index of each run."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marked, [False]]).astype(int)))
    runs = zip(edges[::2], edges[1::2] - 1, strict=True)
    return " ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def read_rest(paths: list[Path]) -> Rest:
    """A speaker's rest from kept clips, without the frames that were filled in."""
    landmarks: list[np.ndarray] = []
    faces: list[np.ndarray] = []
    emotions: list[str | None] = []
    for path in paths:
        with np.load(path) as kept:
            emotions.append(json.loads(kept["record"].tobytes())["emotion"])
            known = np.flatnonzero(~kept["lost"])
            chosen = known[:: -(-len(known) * len(paths) // REST_FRAMES)]
            landmarks.append(kept["landmarks"][chosen])
            faces.append(kept["faces"][chosen])
    return shared_tracker().rest(np.concatenate(landmarks), np.concatenate(faces), lasting_of(emotions))


def lasting_of(emotions: list[str | None]) -> float:
    """How much a unit must read throughout clips of these emotions to count as an expression that lasts, not
    as the speaker's own face (see `Tracker.rest`).

    Nothing lasts where a clip is neutral. In clips of one emotion everything may: their only faces show it,
    and taking it for the rest would read it as nothing. In between lie a clip of unknown emotion and several
    emotions, of which the faces differ (our choice, by the error on the embedded corpus).
    """
    if "neutral" in emotions:
        return np.inf
    if len(emotions) == 1 and emotions[0] is None:
        return UNLABELLED_LASTING
    return 0.0 if len(set(emotions)) == 1 and emotions[0] is not None else REST_LASTING


def load_clip(path: Path, rest_path: Path) -> Clip:
    """A kept clip with its coefficients, read with the speaker's rest.

    Imported expressions take the place of the tracker's, whose pose and key frame remain.
    """
    tracker = shared_tracker()
    with np.load(path) as kept:
        record = json.loads(kept["record"].tobytes())
        landmarks, faces, lost, pcm = kept["landmarks"], kept["faces"], kept["lost"], kept["pcm"]
        data, ends = kept["jpg"].tobytes(), np.cumsum(kept["jpg_sizes"])
        imported = kept["expression"]
    look = tracker.eye.codes(faces)
    expression = tracker.expression(landmarks, Rest.load(rest_path), look=look)
    coeffs = np.concatenate([expression, tracker.pose(landmarks)], 1)
    record["key_frame"] = find_apex(expression, lost, record["emotion"])
    frames = [data[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    single = tracker.expression(landmarks, look=look)
    if record["layout"] == BFM.name:
        coeffs, single = np.concatenate([imported, coeffs[:, ARKIT.pose]], 1), imported
    return Clip(record, pcm / 32768.0, coeffs, single, landmarks, frames)
