"""A clip of sound only: from its file to what is kept of it, and from that to the clip that is packed."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.clips.record import Clip, to_pcm
from data_prep.clips.source import Source, check_length, read_sound, read_truth, sound_record
from lit_emotalk import schema
from lit_emotalk.io.files import atomic_path


def prepare_sound(source: Source, target: Path) -> dict[str, Any]:
    """Read and resample a clip's sound and keep it in `target` (npz); returns facts: frames, loudness_db.

    Raises UserError with the reason where the clip is unfit.
    """
    truth = read_truth(source.truth)
    samples, loudness = read_sound(source)
    frames = len(samples) // schema.SAMPLES_PER_FRAME
    check_length(source, frames)
    with atomic_path(target) as temporary:
        np.savez(
            temporary,
            record=np.frombuffer(json.dumps(sound_record(source, truth, frames)).encode(), np.uint8),
            pcm=to_pcm(samples[: frames * schema.SAMPLES_PER_FRAME]),
        )
    return {"frames": frames, "loudness_db": round(loudness, 1)}


def load_sound(path: Path) -> Clip:
    """A kept clip of sound only."""
    with np.load(path) as kept:
        return Clip(json.loads(kept["record"].tobytes()), kept["pcm"] / 32768.0)
