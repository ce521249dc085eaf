"""A speaker's voice: which synthesiser, how high, how wide, how fast, how large a vocal tract, which
timbre."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from data_prep.synthetic.speech.espeak import espeak_data_path

MEN: tuple[str, ...] = ("m1", "m2", "m3", "m4", "m7", "m8", "adam", "david", "edward", "max", "m5", "m6")
WOMEN: tuple[str, ...] = (
    "f1",
    "f2",
    "f3",
    "f4",
    "f5",
    "linda",
    "steph",
    "belinda",
    "anika",
    "Andrea",
    "aunty",
    "steph2",
)
NATURAL = "hibari"
"""The variant of speakers whose voice is made of hibari's; the others are espeak-ng's."""

TIMBRE_HZ: tuple[float, ...] = (120.0, 500.0, 1200.0, 2500.0, 4500.0, 7500.0)
TIMBRE_DB = 2.5
DEFAULT_PITCH_HZ = (82.0, 118.0)

_VOICE_STREAM = 0x701CE


@dataclass(frozen=True)
class Voice:
    """A speaker's voice.

    `variant`: espeak-ng voice variant, or `NATURAL`; `pitch`: mean fundamental frequency in Hz of neutral
    speech; `liveliness`: factor on the pitch range; `rate`: words a minute; `tract`: factor on all resonances
    (1.05: a 5 % shorter vocal tract than the synthesiser's); `throat`: factor on the first one alone (natural
    voices); `breath`: steady breath noise relative to the voice, 0..1; `timbre`: dB at `TIMBRE_HZ`.
    """

    variant: str
    pitch: float
    liveliness: float
    rate: float
    tract: float
    breath: float
    throat: float = 1.0
    timbre: tuple[float, ...] = (0.0,) * len(TIMBRE_HZ)

    @property
    def natural(self) -> bool:
        """Whether hibari speaks, not espeak-ng."""
        return self.variant == NATURAL


def draw_voice(seed: int, index: int, man: bool) -> Voice:
    """The voice of speaker `index` of the corpus of `seed`.

    Of each sex every second speaker has a natural voice, men at 85-155 Hz, women at 165-255 Hz; the others'
    consecutive variants of espeak-ng differ, and stay near their variant's own pitch, an octave above which
    espeak-ng's range ends and outbursts lie. hibari's own voice is a woman's: men's vocal tracts are 17 %
    longer on average (Fant 1960; Goldstein 1980: 17 and 14.5 cm).
    """
    variants = MEN if man else WOMEN
    order = np.random.default_rng([_VOICE_STREAM, seed, int(man)]).permutation(len(variants))
    rng = np.random.default_rng([_VOICE_STREAM, seed, index, 2])
    natural = (index // 2) % 2 == 0
    variant = NATURAL if natural else variants[order[(index // 4) % len(variants)]]
    short, long = ((0.8, 0.91) if man else (0.93, 1.07)) if natural else (0.95, 1.06)
    low, high = (85.0, 155.0) if man else (165.0, 255.0)
    if not natural:
        low, high = max(0.88 * variant_pitch(variant), 0.95 * low), 1.15 * variant_pitch(variant)
    return Voice(
        variant=variant,
        pitch=float(np.exp(rng.uniform(np.log(low), np.log(high)))),
        liveliness=float(rng.uniform(0.85, 1.5)),
        rate=float(rng.uniform(180, 225)),
        tract=float(rng.uniform(short, long)),
        breath=float(rng.uniform(0.0, 0.3) ** 1.5),
        throat=float(rng.uniform(0.95, 1.05)),
        timbre=tuple(float(v) for v in TIMBRE_DB * np.clip(rng.standard_normal(len(TIMBRE_HZ)), -2, 2)),
    )


@cache
def variant_pitch(variant: str) -> float:
    """Mean fundamental frequency in Hz that espeak-ng gives a variant at its middle pitch setting."""
    low, high = DEFAULT_PITCH_HZ
    for line in (
        (Path(espeak_data_path()) / "voices" / "!v" / variant).read_text(encoding="utf-8").splitlines()
    ):
        words = line.split()
        if words[:1] == ["pitch"]:
            low, high = float(words[1]), float(words[2])
    return (low + high) / 2
