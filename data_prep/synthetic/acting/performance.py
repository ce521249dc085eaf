"""A clip as it is acted: the sound of an emotional sentence and the face and head that go with it, frame by
frame."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from data_prep.synthetic.acting.emotion_faces import emotion_envelope, emotional_face, smooth_noise
from data_prep.synthetic.acting.manner import Manner
from data_prep.synthetic.acting.motion import bearing_of, blink_track, gaze_track, move_head
from data_prep.synthetic.acting.mouth import breathe_in, how_open, join_face_and_speech
from data_prep.synthetic.acting.vocal_emotion import acted_prosody
from data_prep.synthetic.speech.effects import colour, resample
from data_prep.synthetic.speech.espeak import SILENCE, Phoneme
from data_prep.synthetic.speech.prosody import Prosody
from data_prep.synthetic.speech.recording import Recording, mild_recording, record
from data_prep.synthetic.speech.speaking import speak
from data_prep.synthetic.speech.visemes import lip_track
from data_prep.synthetic.speech.voice import Voice
from lit_emotalk.coefficients import ARKIT_NAMES
from lit_emotalk.schema import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME

MICRO_UNITS: tuple[str, ...] = (
    "browDown",
    "browInnerUp",
    "browOuterUp",
    "eyeSquint",
    "mouthSmile",
    "mouthPress",
)
MICRO_SIZE = 0.025


@dataclass(frozen=True)
class Performance:
    """One acted clip of T frames at 25 frames a second; frame t stands for the time (t + 0.5) / 25.

    `samples`: float32 (640 T,) in (-1, 1); `weights`: float32 (T, 51) in [0, 1], `ARKIT_NAMES`; `rotation`:
    float32 (T, 3) rotation vector in radians; `translation`: float32 (T, 2) in crop half widths, right and
    down; `phonemes`: (name, start, end) in seconds of the clip; `recording`: how the sound was recorded.
    """

    samples: np.ndarray
    sample_rate: int
    weights: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    phonemes: tuple[Phoneme, ...]
    emotion: str
    level: int
    text: str
    recording: Recording

    @property
    def phoneme_rows(self) -> list[list[str | float]]:
        """The phonemes as records hold them: [name, start s, end s], to a tenth of a millisecond."""
        return [[p.name, round(p.start, 4), round(p.end, 4)] for p in self.phonemes]

    def cut(self, first: int, last: int) -> "Performance":
        """The frames [first, last) alone, sound and phonemes with them."""
        shift, length = first / FPS, (last - first) / FPS
        phonemes = tuple(
            replace(p, start=max(p.start - shift, 0.0), end=min(p.end - shift, length))
            for p in self.phonemes
            if p.end > shift and p.start < shift + length
        )
        return replace(
            self,
            samples=self.samples[first * SAMPLES_PER_FRAME : last * SAMPLES_PER_FRAME],
            weights=self.weights[first:last],
            rotation=self.rotation[first:last],
            translation=self.translation[first:last],
            phonemes=phonemes,
        )


def perform(
    sentence: str,
    emotion: str,
    level: int,
    voice: Voice,
    manner: Manner,
    rng: np.random.Generator,
    draw_recording: Callable[[np.random.Generator], Recording] = mild_recording,
) -> Performance:
    """Act a sentence with a canonical emotion or compound at level 1..3. Equal arguments and generator states
    give equal performances; sound, face, motion and recording draw from four streams of `rng`."""
    sound_rng, face_rng, motion_rng, recording_rng = rng.spawn(4)
    recording = draw_recording(recording_rng)
    prosody = acted_prosody(emotion, level, manner.vocal, sound_rng)
    dry, phonemes = _sound(sentence, prosody, voice, recording, sound_rng)
    samples = record(dry, recording, recording_rng)
    frames = len(samples) // SAMPLES_PER_FRAME
    times = (np.arange(frames) + 0.5) / FPS
    lips = lip_track(phonemes, times, how_open(dry, phonemes, prosody.loudness))
    lips = breathe_in(lips, phonemes, times, face_rng)
    bearing = bearing_of(emotion, level)
    face = emotional_face(emotion, level, manner) * emotion_envelope(emotion, frames, face_rng)
    weights = join_face_and_speech(face + _micro_movements(frames, face_rng), lips, manner)
    blink = blink_track(bearing, manner, frames, motion_rng)
    for side in ("Left", "Right"):
        lid = weights[:, ARKIT_NAMES.index(f"eyeBlink{side}")]
        lid += (1 - lid) * blink
        weights[:, ARKIT_NAMES.index(f"eyeWide{side}")] *= 1 - blink
    for name, track in gaze_track(bearing, manner, frames, motion_rng).items():
        weights[:, ARKIT_NAMES.index(name)] = track
    rotation, translation = move_head(bearing, manner, phonemes, frames, motion_rng)
    return Performance(
        samples=samples,
        sample_rate=SAMPLE_RATE,
        weights=np.clip(weights, 0, 1).astype(np.float32),
        rotation=rotation.astype(np.float32),
        translation=translation.astype(np.float32),
        phonemes=phonemes,
        emotion=emotion,
        level=level,
        text=sentence,
        recording=recording,
    )


def _sound(
    sentence: str, prosody: Prosody, voice: Voice, recording: Recording, rng: np.random.Generator
) -> tuple[np.ndarray, tuple[Phoneme, ...]]:
    """The sentence with a little silence around it, a whole number of frames long, and its phonemes."""
    spoken = speak(sentence, prosody, voice, rng)
    dry = resample(spoken.samples, spoken.rate)
    lead = round(recording.before * SAMPLE_RATE)
    tail = round(recording.after * SAMPLE_RATE)
    total = -(-(lead + len(dry) + tail) // SAMPLES_PER_FRAME) * SAMPLES_PER_FRAME
    dry = np.pad(colour(dry, prosody, voice, rng), (lead, total - lead - len(dry)))
    offset = lead / SAMPLE_RATE
    moved = [Phoneme(p.name, p.start + offset, p.end + offset, p.stressed) for p in spoken.phonemes]
    while moved and moved[-1].name == SILENCE:
        moved.pop()
    before = Phoneme(SILENCE, 0.0, moved[0].start)
    after = Phoneme(SILENCE, moved[-1].end, total / SAMPLE_RATE)
    return dry, (before, *moved, after)


def _micro_movements(frames: int, rng: np.random.Generator) -> np.ndarray:
    """(frames, 51) small unrest of a living face."""
    unrest = np.zeros((frames, len(ARKIT_NAMES)))
    for stem in MICRO_UNITS:
        track = MICRO_SIZE * np.maximum(smooth_noise(frames, 0.4, rng), 0)
        unrest[:, [i for i, name in enumerate(ARKIT_NAMES) if name.startswith(stem)]] = track[:, None]
    return unrest
