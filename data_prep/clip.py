"""One clip: from its files to what is kept of it, and from that to the clip that is packed."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.pack import Clip, to_pcm
from data_prep.track import shared_tracker, track_video
from lit_emotalk import schema
from lit_emotalk.audio import load_audio
from lit_emotalk.coefficients import ARKIT
from lit_emotalk.errors import UserError
from lit_emotalk.face.tracker import Rest
from lit_emotalk.files import atomic_path, sha256_text
from lit_emotalk.video import probe

MIN_FRAMES = 15
MIN_LOUDNESS_DB = -55.0
"""Root mean square of the sound relative to full scale; quieter clips are not speech (our choice)."""
MAX_LENGTH_DIFFERENCE = 0.5
"""Seconds by which sound and video may differ; both are cut to the shorter."""
APEX_SMOOTHING_FRAMES = 7
APEX_UNITS = (
    "brow", "cheek", "eyeSquint", "eyeWide", "mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch",
    "mouthPress", "mouthUpperUp", "noseSneer",
)  # fmt: skip
"""Units that show emotion more than speech, gaze or blinking."""
BLINKING = 0.5


@dataclass(frozen=True)
class Source:
    """Where a clip comes from and what is known of it.

    `video`, `audio` and `truth` are files; `audio` is used where the video has no own track; `truth` is
    a sidecar with `text` and `phonemes`; `relative` is the video's path below the corpus root.
    """

    key: str
    corpus: str
    speaker: str
    emotion: str | None
    level: int | None
    relative: str
    video: Path
    audio: Path | None = None
    truth: Path | None = None

    @property
    def files(self) -> list[Path]:
        """The files that the clip is made of."""
        return [path for path in (self.video, self.audio, self.truth) if path is not None]


@dataclass(frozen=True)
class Truth:
    """A sidecar's text, phonemes [[name, start s, end s], ...] and scene (a name made of its content)."""

    text: str | None = None
    phonemes: list | None = None
    scene: str | None = None


def prepare_clip(source: Source, frame_size: int, target: Path) -> dict[str, Any]:
    """Track, crop and resample one clip and keep it in `target` (npz); returns facts about it.

    Facts: frames, lost_frames, faces (people seen), face_pixels, loudness_db. Raises UserError with the
    reason where the clip is unfit.
    """
    truth = _read_truth(source.truth)
    sound = source.video if probe(source.video).has_audio else source.audio
    if sound is None:
        raise UserError(f"{source.video} has no audio track and there is no sound file for it")
    samples = load_audio(sound)
    loudness = 10 * np.log10(np.mean(np.square(samples, dtype=np.float64)))
    if loudness < MIN_LOUDNESS_DB:
        raise UserError(
            f"{source.video}: too quiet, {loudness:.0f} dB, at least {MIN_LOUDNESS_DB:.0f} needed"
        )
    tracked = track_video(source.video, frame_size)
    difference = len(samples) / schema.SAMPLE_RATE - len(tracked.frames) / schema.FPS
    if abs(difference) > MAX_LENGTH_DIFFERENCE:
        longer = "longer" if difference > 0 else "shorter"
        raise UserError(f"{source.video}: the sound is {abs(difference):.2f} s {longer} than the video")
    frames = min(len(tracked.frames), len(samples) // schema.SAMPLES_PER_FRAME)
    if frames < MIN_FRAMES:
        raise UserError(f"{source.video}: {frames} frames are too short, at least {MIN_FRAMES} needed")
    crop = tracked.crop
    record = {
        "key": source.key,
        "corpus": source.corpus,
        "speaker": source.speaker,
        "emotion": source.emotion,
        "level": source.level,
        "text": truth.text,
        "frames": frames,
        "frame_size": frame_size,
        "layout": ARKIT.name,
        "crop": [round(crop.x, 2), round(crop.y, 2), round(crop.half, 2)],
        "source": source.relative,
        "phonemes": truth.phonemes,
        "scene": truth.scene,
        "lost_frames": int(tracked.lost[:frames].sum()),
    }
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
        )
    return {
        "frames": frames,
        "lost_frames": record["lost_frames"],
        "faces": tracked.people,
        "face_pixels": round(tracked.face_pixels),
        "loudness_db": round(float(loudness), 1),
    }


def _read_truth(path: Path | None) -> Truth:
    """What a sidecar says of a clip; nothing where there is none."""
    if path is None:
        return Truth()
    try:
        truth = json.loads(path.read_text(encoding="utf-8"))
        phonemes = truth.get("phonemes")
        if phonemes is not None:
            phonemes = [[str(name), float(start), float(end)] for name, start, end in phonemes]
        scene = truth.get("scene")
        name = None if scene is None else sha256_text(json.dumps(scene, sort_keys=True))[:12]
        return Truth(truth.get("text"), phonemes, name)
    except (ValueError, TypeError, AttributeError, OSError) as error:
        raise UserError(f"{path} is not a sidecar with text and phonemes: {error}") from error


def read_rest(paths: list[Path]) -> Rest:
    """A speaker's rest from kept clips, without the frames that were filled in.

    No expression lasts where one of the clips is neutral.
    """
    landmarks: list[np.ndarray] = []
    faces: list[np.ndarray] = []
    emotions: set[str | None] = set()
    for path in paths:
        with np.load(path) as kept:
            emotions.add(json.loads(kept["record"].tobytes())["emotion"])
            landmarks.append(kept["landmarks"][~kept["lost"]])
            faces.append(kept["faces"][~kept["lost"]])
    lasting = "neutral" not in emotions
    return shared_tracker().rest(np.concatenate(landmarks), np.concatenate(faces), lasting)


def load_clip(path: Path, rest_path: Path) -> Clip:
    """A kept clip with its coefficients, read with the speaker's rest."""
    tracker = shared_tracker()
    with np.load(path) as kept:
        record = json.loads(kept["record"].tobytes())
        landmarks, faces, lost, pcm = kept["landmarks"], kept["faces"], kept["lost"], kept["pcm"]
        data, ends = kept["jpg"].tobytes(), np.cumsum(kept["jpg_sizes"])
    coeffs = tracker.coefficients(landmarks, Rest.load(rest_path), faces)
    record["key_frame"] = find_apex(coeffs[:, ARKIT.expression], lost, record["emotion"])
    frames = [data[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    single = tracker.expression(landmarks, None, faces)
    return Clip(record, pcm / 32768.0, coeffs, single, landmarks, frames)


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
