"""The samples of a shard, and what is wrong with one: signals and frames entries against the schema."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image

from data_prep.shards.pack import KEY_PATTERN
from lit_emotalk import schema
from lit_emotalk.coefficients import LAYOUTS, Layout
from lit_emotalk.emotions import COMPOUNDS, EMOTIONS, LEVELS
from lit_emotalk.errors import UserError
from lit_emotalk.io.audio import log_mel
from lit_emotalk.io.pitch import pitch_columns
from lit_emotalk.models.hearing import WEIGHTS, Whisper
from lit_emotalk.weights import fetch as weights

MEL_TOLERANCE = 0.02
"""Natural-log units: half precision and other versions of the FFT stay below."""
STATES_ALIKE = 0.99
"""Correlation of Whisper's states: other processors round otherwise, another sound stays far below."""
PITCH_TOLERANCE, PITCHES_ELSEWHERE = 0.02, 0.02
"""Octaves, and periodicity; share of columns in which another processor may find another period."""
POSE_LIMIT = np.array([2.0, 2.0, 2.0, 1.5, 1.5, 3.0])
"""Rotation in radians, translation in half widths, log scale: beyond this it is no face in its crop."""
LANDMARK_RANGE = (-1.0, 2.0)

Sample = dict[str, bytes]


def read_samples(path: Path) -> Iterator[tuple[str, Sample]]:
    """The samples of a shard in order, as (key, entry name -> bytes).

    Raises UserError naming the shard where it is missing, cut off or not a tar.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            key, sample = "", Sample()
            for member in tar:
                handle = tar.extractfile(member)
                member_key, _, name = member.name.partition(".")
                if handle is None or not name:
                    raise UserError(f"shard {path} holds {member.name}, which is no entry of a sample")
                if member_key != key and sample:
                    yield key, sample
                    sample = {}
                key = member_key
                sample[name] = handle.read()
            if sample:
                yield key, sample
    except (tarfile.TarError, OSError, EOFError) as error:
        raise UserError(f"shard {path} is damaged ({error}); make the shards again") from error


def signals_faults(key: str, sample: Sample, hears: schema.Hears = "mel") -> Iterator[str]:
    """One line per fault of a signals sample (entry name -> bytes); `hears` as the manifest says."""
    record = read_record(sample)
    if record is None:
        yield "json is missing or is not a record"
        return
    yield from _record_faults(key, record)
    layout = LAYOUTS.get(record.get("layout") or "")
    pictures = layout is not None and record.get("frame_size") is not None
    expected = set(schema.SIGNALS_ENTRIES)
    expected -= set() if pictures else set(schema.PICTURE_ENTRIES)
    expected -= set() if layout else set(schema.COEFFICIENT_ENTRIES)
    expected -= {f"{entry}.npy" for entry in ("whisper", "pitch") if entry not in schema.HEARD[hears]}
    yield from _entry_faults(sample, expected)
    frames = record.get("frames")
    if not isinstance(frames, int) or frames < 1:
        return
    yield from _sound_faults(sample, frames)
    if layout:
        yield from _coefficient_faults(sample, "coeffs.npy", frames, layout.size, layout)
        yield from _coefficient_faults(sample, "single.npy", frames, layout.expression_size, layout)
    if pictures:
        yield from _landmark_faults(sample, frames)
        if "jpg" in sample:
            yield from _picture_faults("jpg", sample["jpg"], record.get("frame_size"))


def frames_faults(key: str, sample: Sample) -> Iterator[str]:
    """One line per fault of a frames sample (entry name -> bytes)."""
    record = read_record(sample)
    if record is None:
        yield "json is missing or is not a record"
        return
    yield from _record_faults(key, record)
    layout, frames = LAYOUTS.get(record.get("layout") or ""), record.get("frames")
    if layout is None or not isinstance(frames, int):
        yield "a frames sample needs a layout and a number of frames"
        return
    names = [f"{index:04d}.jpg" for index in range(frames)]
    yield from _entry_faults(sample, {"json", "coeffs.npy", "landmarks.npy", *names})
    yield from _coefficient_faults(sample, "coeffs.npy", frames, layout.size, layout)
    yield from _landmark_faults(sample, frames)
    for name in names:
        if name in sample:
            yield from _picture_faults(name, sample[name], record.get("frame_size"))


def read_record(sample: Sample) -> dict[str, Any] | None:
    """The sample's record, None where there is none."""
    try:
        record = json.loads(sample["json"])
    except (KeyError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def _record_faults(key: str, record: dict[str, Any]) -> Iterator[str]:
    missing, unknown = set(schema.RECORD) - set(record), set(record) - set(schema.RECORD)
    if missing or unknown:
        yield f"the record lacks {sorted(missing)}, has unknown {sorted(unknown)}"
        return
    if record["key"] != key or not KEY_PATTERN.fullmatch(key):
        yield f"the record's key is {record['key']!r}"
    if record["emotion"] is not None and record["emotion"] not in (*EMOTIONS, *COMPOUNDS):
        yield f"unknown emotion {record['emotion']!r}"
    if record["level"] is not None and record["level"] not in LEVELS:
        yield f"unknown level {record['level']!r}"
    frames = record["frames"]
    if not isinstance(frames, int) or frames < 1:
        yield f"frames is {frames!r}"
        return
    if record["layout"] is not None:
        if record["layout"] not in LAYOUTS:
            yield f"unknown layout {record['layout']!r}"
        if not isinstance(record["key_frame"], int) or not 0 <= record["key_frame"] < frames:
            yield f"key_frame {record['key_frame']!r} is outside 0..{frames - 1}"
        if not isinstance(record["lost_frames"], int) or not 0 <= record["lost_frames"] < frames:
            yield f"lost_frames {record['lost_frames']!r} is outside 0..{frames - 1}"
    last = 0.0
    for phoneme in record["phonemes"] or ():
        name, start, end = phoneme
        if not (last - 1e-6 <= start <= end):
            yield f"phoneme {name!r} at {start} s is out of order"
            break
        last = start


def _entry_faults(sample: Sample, expected: set[str]) -> Iterator[str]:
    for name in sorted(expected - set(sample)):
        yield f"{name} is missing"
    for name in sorted(set(sample) - expected):
        yield f"{name} is not in the schema"


def _array(sample: Sample, name: str) -> np.ndarray | None:
    try:
        return np.load(io.BytesIO(sample[name]), allow_pickle=False)
    except (KeyError, ValueError, OSError, EOFError):
        return None


def _array_faults(sample: Sample, name: str, shape: tuple[int, ...], kind: str) -> Iterator[str]:
    if name not in sample:
        return
    array = _array(sample, name)
    if array is None:
        yield f"{name} is not an array"
    elif array.shape != shape or array.dtype != kind:
        yield f"{name} is {array.dtype} {array.shape}, expected {kind} {shape}"
    elif not np.isfinite(array).all():
        yield f"{name} holds NaN or infinity"


def _sound_faults(sample: Sample, frames: int) -> Iterator[str]:
    shape = (frames * schema.MEL_PER_FRAME, schema.MEL_BANDS)
    mel_faults = list(_array_faults(sample, "mel.npy", shape, "float16"))
    yield from mel_faults
    if "flac" not in sample:
        return
    try:
        samples, rate = soundfile.read(io.BytesIO(sample["flac"]), dtype="float32")
    except (soundfile.LibsndfileError, RuntimeError):
        yield "flac cannot be decoded"
        return
    expected = frames * schema.SAMPLES_PER_FRAME
    if rate != schema.SAMPLE_RATE or samples.shape != (expected,):
        yield f"flac is {samples.shape} at {rate} Hz, expected ({expected},) at {schema.SAMPLE_RATE}"
        return
    if not samples.any():
        yield "flac is silent"
    mel = _array(sample, "mel.npy")
    if mel is not None and not mel_faults:
        difference = float(np.abs(log_mel(samples) - mel).max())
        if difference > MEL_TOLERANCE:
            yield f"mel.npy is not the mel of the sound (differs by {difference:.2f})"
    yield from _whisper_faults(sample, samples, frames)
    yield from _pitch_faults(sample, samples, frames)


def _whisper_faults(sample: Sample, samples: np.ndarray, frames: int) -> Iterator[str]:
    """Faults of Whisper's states; whether they are the sound's is looked at where its weights are here."""
    faults = list(_array_faults(sample, "whisper.npy", (frames, schema.WHISPER_SIZE), "float16"))
    yield from faults
    states = _array(sample, "whisper.npy")
    if states is None or faults or not weights.available(WEIGHTS):
        return
    heard = Whisper.load().hear(samples)
    alike = float(np.corrcoef(heard.ravel().astype(np.float32), states.ravel().astype(np.float32))[0, 1])
    if not alike > STATES_ALIKE:
        yield f"whisper.npy is not what Whisper hears in the sound (correlates by {alike:.2f})"


def _pitch_faults(sample: Sample, samples: np.ndarray, frames: int) -> Iterator[str]:
    shape = (frames * schema.MEL_PER_FRAME, schema.PITCH_SIZE)
    faults = list(_array_faults(sample, "pitch.npy", shape, "float16"))
    yield from faults
    columns = _array(sample, "pitch.npy")
    if columns is not None and not faults:
        differs = np.abs(pitch_columns(samples) - columns).max(1) > PITCH_TOLERANCE
        if differs.mean() > PITCHES_ELSEWHERE:
            yield f"pitch.npy is not the pitch of the sound (differs in {differs.mean():.0%} of its columns)"


def _coefficient_faults(sample: Sample, name: str, frames: int, size: int, layout: Layout) -> Iterator[str]:
    faults = list(_array_faults(sample, name, (frames, size), "float32"))
    yield from faults
    array = _array(sample, name)
    if array is None or faults:
        return
    expression = array[:, layout.expression]
    if expression.min() < layout.low or expression.max() > layout.high:
        low, high = float(expression.min()), float(expression.max())
        yield f"{name} lies in {low:.3f}..{high:.3f}, expected {layout.low}..{layout.high}"
    if size == layout.size and (np.abs(array[:, layout.pose]) > POSE_LIMIT).any():
        yield f"{name} has a pose that is no face in its crop"


def _landmark_faults(sample: Sample, frames: int) -> Iterator[str]:
    faults = list(_array_faults(sample, "landmarks.npy", (frames, schema.LANDMARKS, 3), "float16"))
    yield from faults
    landmarks = _array(sample, "landmarks.npy")
    if landmarks is not None and not faults:
        low, high = float(landmarks[..., :2].min()), float(landmarks[..., :2].max())
        if low < LANDMARK_RANGE[0] or high > LANDMARK_RANGE[1]:
            yield f"landmarks.npy lies in {low:.2f}..{high:.2f}, not in the crop"


def _picture_faults(name: str, data: bytes, size: Any) -> Iterator[str]:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            if picture.size != (size, size) or picture.mode != "RGB":
                yield f"{name} is {picture.mode} {picture.size}, expected RGB ({size}, {size})"
    except (OSError, SyntaxError, ValueError):
        yield f"{name} cannot be decoded"
