"""Where a clip comes from: its files, what is known of it, and its sound."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lit_emotalk import schema
from lit_emotalk.errors import UserError
from lit_emotalk.io.audio import load_audio
from lit_emotalk.io.files import sha256_text
from lit_emotalk.io.video import probe

MIN_FRAMES = 15
MAX_SECONDS = 300.0
"""Longer videos are recordings to be cut into clips: one would fill a worker's memory (our choice)."""
MIN_LOUDNESS_DB = -65.0
"""The loudest frames' root mean square relative to full scale; quieter clips are no speech (our choice:
RAVDESS's quietest calm clip has -57.6 dB)."""
LOUD_SHARE = 0.05
"""The loudest frames are this share of a clip: a long pause before the speech does not count."""


@dataclass(frozen=True)
class Source:
    """A clip's files and what is known of it.

    `video` is None for sound only; `audio` is used where the video has no track of its own; `truth` is a
    sidecar with `text` and `phonemes`; `coefficients` are files of imported coefficients (see
    data_prep/clips/deep3d.py); `relative` is the path of the video (or sound) below the corpus root; `scene`
    names the recording, where a corpus has several of a speaker: clips of one share a resting shape.
    """

    key: str
    corpus: str
    speaker: str
    emotion: str | None
    level: int | None
    relative: str
    video: Path | None
    audio: Path | None = None
    truth: Path | None = None
    text: str | None = None
    scene: str | None = None
    coefficients: tuple[Path, ...] = ()

    @property
    def files(self) -> list[Path]:
        """The files that the clip is made of."""
        named = [path for path in (self.video, self.audio, self.truth) if path is not None]
        return [*named, *self.coefficients]

    @property
    def main(self) -> Path:
        """The video, or the sound of a clip without one."""
        return self.files[0]


@dataclass(frozen=True)
class Truth:
    """A sidecar's text, phonemes [[name, start s, end s], ...] and scene (a name made of its content)."""

    text: str | None = None
    phonemes: list | None = None
    scene: str | None = None

    def part(self, start: float, seconds: float) -> "Truth":
        """What is true of a part of the clip: its phonemes, in its own time; the text would say more."""
        if self.phonemes is None:
            return Truth(scene=self.scene)
        inside = [
            [name, max(first - start, 0.0), min(last - start, seconds)]
            for name, first, last in self.phonemes
            if last > start and first < start + seconds
        ]
        return Truth(phonemes=inside, scene=self.scene)


def read_truth(path: Path | None) -> Truth:
    """What a sidecar says of a clip; nothing where there is none. Raises UserError for one that is none."""
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


def read_sound(source: Source) -> tuple[np.ndarray, float]:
    """The clip's sound, float32 (N,) at 16 kHz, and the loudness in dB of its loudest frames.

    Raises UserError where there is none, it cannot be read, is longer than `MAX_SECONDS`, or too quiet for
    speech.
    """
    sound = source.audio
    if source.video is not None and probe(source.video).has_audio:
        sound = source.video
    if sound is None:
        raise UserError(f"{source.video} has no audio track and there is no sound file for it")
    samples = load_audio(sound)
    seconds = len(samples) / schema.SAMPLE_RATE
    if seconds > MAX_SECONDS:
        raise UserError(
            f"{source.main}: {seconds:.0f} s are too long for a clip; cut it into parts of "
            f"{MAX_SECONDS:.0f} s at most"
        )
    return samples, check_loudness(source, samples)


def check_loudness(source: Source, samples: np.ndarray) -> float:
    """`speech_loudness` of samples (N,), N >= 640; raises UserError where it is too low for speech."""
    loudness = speech_loudness(samples)
    if loudness < MIN_LOUDNESS_DB:
        raise UserError(f"{source.main}: too quiet, {loudness:.0f} dB, at least {MIN_LOUDNESS_DB:.0f} needed")
    return loudness


def speech_loudness(samples: np.ndarray) -> float:
    """Level of the loudest `LOUD_SHARE` of the frames: samples (N,) in [-1, 1], N >= 640 -> dB of full
    scale."""
    whole = len(samples) // schema.SAMPLES_PER_FRAME * schema.SAMPLES_PER_FRAME
    power = np.square(samples[:whole], dtype=np.float64).reshape(-1, schema.SAMPLES_PER_FRAME).mean(1)
    return float(10 * np.log10(max(np.quantile(power, 1 - LOUD_SHARE), 1e-12)))


def check_length(source: Source, frames: int) -> None:
    """Raises UserError where a clip is too short to be used."""
    if frames < MIN_FRAMES:
        raise UserError(f"{source.main}: {frames} frames are too short, at least {MIN_FRAMES} needed")


def sound_record(source: Source, truth: Truth, frames: int) -> dict[str, Any]:
    """The clip's record (schema.RECORD) as a sound-only one."""
    return {
        "key": source.key,
        "corpus": source.corpus,
        "speaker": source.speaker,
        "emotion": source.emotion,
        "level": source.level,
        "text": truth.text or source.text,
        "frames": frames,
        "frame_size": None,
        "layout": None,
        "key_frame": None,
        "crop": None,
        "source": source.relative,
        "phonemes": truth.phonemes,
        "scene": truth.scene or source.scene,
        "lost_frames": 0,
    }
