"""A speaker's voice: which synthesiser variant, how high, how wide, how fast, how large a vocal tract, in
which room."""

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
DEFAULT_PITCH_HZ = (82.0, 118.0)

_VOICE_STREAM = 0x701CE


@dataclass(frozen=True)
class Voice:
    """A speaker's voice.

    `variant`: espeak-ng voice variant; `pitch`: mean fundamental frequency in Hz of neutral speech;
    `liveliness`: factor on the pitch range; `rate`: words a minute; `tract`: factor on all resonances (1.05:
    a 5 % shorter vocal tract); `breath`: steady breath noise relative to the voice, 0..1; `reverb`: decay
    time of the room in seconds.
    """

    variant: str
    pitch: float
    liveliness: float
    rate: float
    tract: float
    breath: float
    reverb: float


def draw_voice(seed: int, index: int, man: bool) -> Voice:
    """The voice of speaker `index` of the corpus of `seed`: men 85-135 Hz, women 165-235 Hz. Consecutive
    speakers of a sex have different variants."""
    variants = MEN if man else WOMEN
    order = np.random.default_rng([_VOICE_STREAM, seed, int(man)]).permutation(len(variants))
    rng = np.random.default_rng([_VOICE_STREAM, seed, index, 2])
    return Voice(
        variant=variants[order[(index // 2) % len(variants)]],
        pitch=float(rng.uniform(85, 135) if man else rng.uniform(165, 235)),
        liveliness=float(rng.uniform(0.8, 1.2)),
        rate=float(rng.uniform(188, 215)),
        tract=float(rng.uniform(0.95, 1.06)),
        breath=float(rng.uniform(0.0, 0.15)),
        reverb=float(rng.uniform(0.12, 0.4)),
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
