"""The mouth of a speaking, feeling face: what is left of the emotion while it speaks, how far it opens, and
its breath."""

from dataclasses import replace

import numpy as np

from data_prep.synthetic.acting.manner import Manner
from data_prep.synthetic.speech.espeak import SILENCE, Phoneme
from data_prep.synthetic.speech.visemes import OPENING_UNITS, LipTrack, is_vowel
from lit_emotalk.coefficients import ARKIT_NAMES
from lit_emotalk.schema import SAMPLE_RATE

WHILE_SPEAKING: dict[str, float] = {
    "jawOpen": 0.4, "mouthPress": 0.15, "mouthRollLower": 0.2, "mouthShrugLower": 0.35, "mouthUpperUp": 0.6,
    "mouthLowerDown": 0.5, "mouthFunnel": 0.5, "mouthPucker": 0.5, "mouthFrown": 0.8, "mouthSmile": 0.85,
    "mouthStretch": 0.75,
}  # fmt: skip
"""Share of an emotion's mouth that is left while the mouth is busy speaking; 1 where it is not named."""

WHEN_ROUND: dict[str, float] = {
    "mouthSmile": 0.45,
    "mouthStretch": 0.35,
    "mouthDimple": 0.5,
    "mouthFrown": 0.7,
}
"""Share of an emotion's mouth that is left in a fully rounded sound."""

WHEN_CLOSED: dict[str, float] = {
    "jawOpen": 0.25, "mouthLowerDown": 0.0, "mouthUpperUp": 0.0, "mouthFunnel": 0.0, "mouthRollLower": 0.5,
    "mouthShrugLower": 0.5,
    "mouthStretch": 0.5, "mouthSmile": 0.7, "mouthPucker": 0.6, "noseSneer": 0.6, "mouthFrown": 0.7,
    "jawForward": 0.25,
}  # fmt: skip
"""Share of a unit that is left while the lips are closed for m, b, p."""

CLOSING_PRESS, CLOSING_ROLL = 0.3, 0.12
CLOSE_PER_JAW = 1.0

OPENING_PER_DB = 0.02
"""How much wider the mouth opens for each dB of vocal effort (Schulman 1989; Geumann 2001: jaws open about
half as far again in loud and shouted speech; size our choice)."""
OPENING_PER_VOWEL_DB = 0.03
"""The same for each dB of a vowel over the clip's median one: stressed vowels are louder and wider."""
NARROWEST, WIDEST = 0.7, 1.6

INHALING_SHARE = 0.85
"""Share of the silences before speech in which the mouth is open to breathe in. On 34 real clips mouths are
as open or wider before the first sound as in speech (0.5 to 0.7 standard deviations above the clip's
mean)."""
INHALING_SECONDS = (0.24, 0.56)
INHALING_OPENING = (0.9, 2.0)
"""Of the clip's mean opening in speech."""
PARTING_SECONDS = 0.14
SHORTEST_PAUSE_SECONDS = 0.12


def how_open(dry: np.ndarray, phonemes: tuple[Phoneme, ...], effort: float) -> np.ndarray:
    """How far each phoneme opens the mouth, (P,), about 1: more with `effort` in dB, and vowels more the
    louder they are."""
    decibels = np.full(len(phonemes), np.nan)
    for i, phoneme in enumerate(phonemes):
        part = dry[round(phoneme.start * SAMPLE_RATE) : round(phoneme.end * SAMPLE_RATE)]
        if is_vowel(phoneme.name) and len(part):
            decibels[i] = 10 * np.log10((part**2).mean() + 1e-12)
    louder = np.nan_to_num(decibels - np.nanmedian(decibels)) if np.isfinite(decibels).any() else 0.0
    opening = 1 + OPENING_PER_DB * effort + OPENING_PER_VOWEL_DB * np.clip(louder, -10, 10)
    return np.clip(np.broadcast_to(opening, len(phonemes)), NARROWEST, WIDEST)


def breathe_in(
    lips: LipTrack, phonemes: tuple[Phoneme, ...], times: np.ndarray, rng: np.random.Generator
) -> LipTrack:
    """The lips parted to breathe in before the first sound and in pauses, at `times` (T,) seconds; the
    silence at the end is at rest."""
    parted = np.zeros(len(times))
    for phoneme in phonemes[:-1]:
        inhales = rng.random() < INHALING_SHARE
        seconds, width = rng.uniform(*INHALING_SECONDS), rng.uniform(*INHALING_OPENING)
        first = phoneme is phonemes[0]
        long = first or phoneme.end - phoneme.start >= SHORTEST_PAUSE_SECONDS
        if phoneme.name != SILENCE or not inhales or not long:
            continue
        begin = phoneme.end - seconds if first else max(phoneme.start, phoneme.end - seconds)
        rise = np.clip((times - begin) / PARTING_SECONDS, 0, 1)
        fall = np.clip((phoneme.end + PARTING_SECONDS / 2 - times) / PARTING_SECONDS, 0, 1)
        parted = np.maximum(parted, width * np.minimum(rise, fall))
    speaking = lips.activity > 0.5
    if not parted.any() or not speaking.any():
        return lips
    units = dict(lips.units)
    for name in OPENING_UNITS:
        mean = float(units[name][speaking].mean())
        units[name] = np.minimum(np.maximum(units[name], parted * mean), 1.0)
    return replace(lips, units=units)


def join_face_and_speech(face: np.ndarray, lips: LipTrack, manner: Manner) -> np.ndarray:
    """(frames, 51): the emotional face gives way where speech needs the mouth, speech is added, and closures
    are enforced last: little jaw, nothing that parts the lips, and `mouthClose` for the jaw opening that is
    left."""
    weights = face.copy()
    busy, rounding, closed = lips.activity, lips.rounding, lips.closure
    for i, name in enumerate(ARKIT_NAMES):
        stem = name.removesuffix("Left").removesuffix("Right")
        weights[:, i] *= 1 - (1 - WHILE_SPEAKING.get(stem, 1.0)) * busy
        weights[:, i] *= 1 - (1 - WHEN_ROUND.get(stem, 1.0)) * rounding
        if stem in lips.units:
            speech = np.clip(manner.articulation * lips.units[stem], 0, 1)
            weights[:, i] += (1 - weights[:, i]) * speech
        weights[:, i] *= 1 - (1 - WHEN_CLOSED.get(stem, 1.0)) * closed
        if stem == "mouthPress":
            weights[:, i] = np.maximum(weights[:, i], CLOSING_PRESS * closed)
        if stem in ("mouthRollLower", "mouthRollUpper"):
            weights[:, i] = np.maximum(weights[:, i], CLOSING_ROLL * closed)
    jaw = weights[:, ARKIT_NAMES.index("jawOpen")]
    weights[:, ARKIT_NAMES.index("mouthClose")] = CLOSE_PER_JAW * jaw * closed
    return weights
