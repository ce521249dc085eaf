"""One clip: from its files to what is kept of it, and from that to the clip that is packed."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from data_prep.pack import Clip, to_pcm
from data_prep.source import Source, check_length, read_sound, read_truth, sound_record
from data_prep.track import track_video
from lit_emotalk import schema
from lit_emotalk.coefficients import ARKIT
from lit_emotalk.errors import UserError
from lit_emotalk.face.tracker import Tracker
from lit_emotalk.files import atomic_path

MAX_LENGTH_DIFFERENCE = 0.5
"""Seconds by which sound and video may differ; both are cut to the shorter."""
APEX_SMOOTHING_FRAMES = 7
APEX_UNITS = (
    "brow", "cheek", "eyeSquint", "eyeWide", "mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch",
    "mouthPress", "mouthUpperUp", "noseSneer",
)  # fmt: skip
"""Units that show emotion more than speech, gaze or blinking."""
BLINKING = 0.5


def prepare_clip(source: Source, frame_size: int, target: Path) -> dict[str, Any]:
    """Track, crop and resample one clip and keep it in `target` (npz); returns facts about it.

    Facts: frames, lost_frames, faces (people seen), face_pixels, loudness_db. Raises UserError with the
    reason where the clip is unfit.
    """
    assert source.video is not None
    truth = read_truth(source.truth)
    samples, loudness = read_sound(source)
    tracked = track_video(source.video, frame_size)
    difference = len(samples) / schema.SAMPLE_RATE - len(tracked.frames) / schema.FPS
    if abs(difference) > MAX_LENGTH_DIFFERENCE:
        longer = "longer" if difference > 0 else "shorter"
        raise UserError(f"{source.video}: the sound is {abs(difference):.2f} s {longer} than the video")
    frames = min(len(tracked.frames), len(samples) // schema.SAMPLES_PER_FRAME)
    check_length(source, frames)
    crop = tracked.crop
    record = sound_record(source, truth, frames) | {
        "frame_size": frame_size,
        "layout": ARKIT.name,
        "crop": [round(crop.x, 2), round(crop.y, 2), round(crop.half, 2)],
        "lost_frames": int(tracked.lost[:frames].sum()),
    }
    with atomic_path(target) as temporary:
        np.savez(
            temporary,
            record=np.frombuffer(json.dumps(record).encode(), np.uint8),
            pcm=to_pcm(samples[: frames * schema.SAMPLES_PER_FRAME]),
            landmarks=tracked.landmarks[:frames],
            lost=tracked.lost[:frames],
            jpg=np.frombuffer(b"".join(tracked.frames[:frames]), np.uint8),
            jpg_sizes=np.array([len(jpg) for jpg in tracked.frames[:frames]]),
        )
    return {
        "frames": frames,
        "lost_frames": record["lost_frames"],
        "faces": tracked.faces,
        "face_pixels": round(tracked.face_pixels),
        "loudness_db": round(loudness, 1),
    }


@lru_cache(maxsize=1)
def shared_tracker() -> Tracker:
    """The tracker, once per process; on one thread: any number of workers gives the same bits."""
    torch.set_num_threads(1)
    return Tracker.load()


def load_landmarks(path: Path) -> np.ndarray:
    """Landmarks (T, 478, 3) in crop units of a kept clip, without the frames that were filled in."""
    with np.load(path) as kept:
        return kept["landmarks"][~kept["lost"]]


def load_clip(path: Path, rest_path: Path) -> Clip:
    """A kept clip with its coefficients, read with the speaker's resting shape (npy (478, 3))."""
    tracker = shared_tracker()
    with np.load(path) as kept:
        record = json.loads(kept["record"].tobytes())
        landmarks, lost, pcm = kept["landmarks"], kept["lost"], kept["pcm"]
        data, ends = kept["jpg"].tobytes(), np.cumsum(kept["jpg_sizes"])
    coeffs = tracker.coefficients(landmarks, np.load(rest_path))
    record["key_frame"] = find_apex(coeffs[:, ARKIT.expression], lost, record["emotion"])
    frames = [data[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    return Clip(record, pcm / 32768.0, coeffs, tracker.expression(landmarks), landmarks, frames)


def find_apex(expression: np.ndarray, lost: np.ndarray, emotion: str | None) -> int:
    """The frame that shows the emotion best: expression (T, 51), lost (T,) bool -> index.

    The units that show emotion are smoothed over `APEX_SMOOTHING_FRAMES`; the frame farthest from rest is
    taken, for a neutral clip the nearest; frames that blink or were filled in only where there is no other
    (our choice).
    """
    units = expression[:, ARKIT.columns(*APEX_UNITS)]
    half = APEX_SMOOTHING_FRAMES // 2
    padded = np.pad(units, ((half, half), (0, 0)), mode="edge")
    smooth = np.lib.stride_tricks.sliding_window_view(padded, APEX_SMOOTHING_FRAMES, axis=0).mean(-1)
    strength = np.linalg.norm(smooth, axis=1)
    if emotion == "neutral":
        strength = -strength
    unfit = lost | (ARKIT.mean_of(expression, "eyeBlink") > BLINKING)
    if not unfit.all():
        strength = np.where(unfit, -np.inf, strength)
    return int(np.argmax(strength))
