"""The emotional voice: how each emotion changes the neutral one, and speaking a sentence in it.

The figures follow the surveys of vocal emotion (Scherer 2003; Juslin and Laukka 2003) in direction; sizes are
our choice.
"""

from dataclasses import dataclass, fields

import numpy as np

from data_prep.synthetic.speech.espeak import Utterance, synthesise
from data_prep.synthetic.speech.voice import Voice, variant_pitch
from lit_emotalk.emotions import COMPOUNDS

STRENGTH: dict[int, float] = {1: 0.6, 2: 0.8, 3: 1.0}
"""How much of an emotion's full voice is heard at a level (our choice)."""

COMPOUND_SHARE = 0.65
NEUTRAL_RANGE = 38.0
CLIP_VARIATION = 0.06


@dataclass(frozen=True)
class Prosody:
    """Changes to the neutral voice; all 0 is neutral, so that scaling and adding blend emotions.

    `pitch`, `span` (pitch range), `rate`: log2 factors; `loudness` dB; `tilt` dB an octave above 500 Hz
    (positive is brighter); `breath`, `tremor`, `rough`, `tension`, `nasal`: amounts 0..1 of the effects in
    `effects.py`; `gap` pause between words in 10 ms; `emphasis` log2 pitch of one emphasised word; `ending`,
    `drawl`: log2 pitch and log2 duration of the last word.
    """

    pitch: float = 0.0
    span: float = 0.0
    rate: float = 0.0
    loudness: float = 0.0
    tilt: float = 0.0
    breath: float = 0.0
    tremor: float = 0.0
    rough: float = 0.0
    tension: float = 0.0
    nasal: float = 0.0
    gap: float = 0.0
    emphasis: float = 0.0
    ending: float = 0.0
    drawl: float = 0.0

    def scaled(self, factor: float) -> "Prosody":
        """Every change times `factor`."""
        return Prosody(*(factor * value for value in self.values()))

    def plus(self, other: "Prosody") -> "Prosody":
        """Both changes together."""
        return Prosody(*(a + b for a, b in zip(self.values(), other.values(), strict=True)))

    def values(self) -> tuple[float, ...]:
        """The fields in order."""
        return tuple(getattr(self, field.name) for field in fields(self))


FULL: dict[str, Prosody] = {
    "neutral": Prosody(),
    "calm": Prosody(pitch=-0.1, span=-0.5, rate=-0.2, loudness=-3.0, tilt=-1.5, breath=0.15, drawl=0.2),
    "happy": Prosody(
        pitch=0.38, span=0.85, rate=0.1, loudness=4.0, tilt=1.2, tension=0.15, emphasis=0.3,
        ending=0.12, drawl=-0.1,
    ),
    "sad": Prosody(
        pitch=-0.12, span=-1.3, rate=-0.28, loudness=-7.0, tilt=-4.0, breath=0.7, tremor=0.2, gap=1.5,
        ending=-0.15, drawl=0.3,
    ),
    "angry": Prosody(
        pitch=0.22, span=0.55, rate=0.15, loudness=9.0, tilt=3.2, rough=0.25, tension=1.0,
        emphasis=0.25, ending=-0.2,
    ),
    "fear": Prosody(
        pitch=0.55, span=-0.6, rate=0.38, loudness=-1.0, tilt=0.4, breath=0.4, tremor=1.0,
        emphasis=0.1, ending=0.1,
    ),
    "disgusted": Prosody(
        pitch=-0.25, span=0.1, rate=-0.16, loudness=1.0, tilt=-1.0, rough=1.0, tension=0.25,
        nasal=0.4, emphasis=-0.15, drawl=0.3,
    ),
    "surprised": Prosody(
        pitch=0.62, span=1.1, rate=-0.05, loudness=3.0, tilt=0.3, breath=0.2, emphasis=0.4,
        ending=0.5, drawl=0.25,
    ),
    "contempt": Prosody(
        pitch=-0.1, span=0.3, rate=-0.16, loudness=-3.0, tilt=-0.3, tension=0.1, nasal=1.0, gap=0.6,
        emphasis=0.2, ending=-0.4, drawl=0.4,
    ),
}  # fmt: skip
"""The voice of each canonical emotion at level 3."""


def emotional_prosody(emotion: str, level: int) -> Prosody:
    """The voice of a canonical emotion or compound at level 1..3; a compound is both parts at 65 %."""
    if emotion in COMPOUNDS:
        first, second = COMPOUNDS[emotion]
        return FULL[first].plus(FULL[second]).scaled(COMPOUND_SHARE * STRENGTH[level])
    if emotion in ("neutral", "calm"):
        return FULL[emotion]
    return FULL[emotion].scaled(STRENGTH[level])


def vary_prosody(prosody: Prosody, rng: np.random.Generator) -> Prosody:
    """The same voice as one reading of it: each change is some per cent more or less, never the other way
    round."""
    factors = np.clip(1 + 2 * CLIP_VARIATION * rng.standard_normal(len(prosody.values())), 0.6, 1.4)
    changed = Prosody(*(float(f * v) for f, v in zip(factors, prosody.values(), strict=True)))
    drift = CLIP_VARIATION * rng.standard_normal(3)
    return changed.plus(Prosody(pitch=float(drift[0]), span=float(drift[1]), rate=float(drift[2])))


def speak(text: str, prosody: Prosody, voice: Voice, rng: np.random.Generator) -> Utterance:
    """The sentence in this voice, as espeak-ng makes it: rate, pitch, range, pauses, emphasis and ending."""
    pitch = voice.pitch * 2**prosody.pitch
    setting = 50 + 50 * np.log2(pitch / (variant_pitch(voice.variant) * voice.tract))
    span = NEUTRAL_RANGE * voice.liveliness * 2 ** (prosody.span + prosody.pitch)
    rate = voice.rate * 2**prosody.rate
    return synthesise(
        _markup(text, prosody, rng), voice.variant, rate, setting, span, prosody.gap, voice.tract
    )


def _markup(text: str, prosody: Prosody, rng: np.random.Generator) -> str:
    words = text.split()
    lengths = np.array([len(word.strip(".,")) for word in words[:-1]])
    emphasised = int(rng.choice(np.flatnonzero(lengths >= np.sort(lengths)[-2])))
    if prosody.emphasis:
        words[emphasised] = _tag(words[emphasised], prosody.emphasis, 0.1)
    if prosody.ending or prosody.drawl:
        words[-1] = _tag(words[-1], prosody.ending, prosody.drawl)
    return f"<speak>{' '.join(words)}</speak>"


def _tag(word: str, pitch: float, slow: float) -> str:
    percent = round(100 * (2**pitch - 1))
    return f'<prosody pitch="{percent:+d}%" rate="{round(100 * 2**-slow)}%">{word}</prosody>'
