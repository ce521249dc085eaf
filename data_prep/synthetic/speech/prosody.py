"""Prosody and voice quality as changes to a speaker's neutral voice, which can be scaled and added."""

from dataclasses import dataclass, fields

import numpy as np

AMOUNTS: frozenset[str] = frozenset({"breath", "tremor", "rough", "tension", "nasal", "gap"})
"""Fields that are never below 0."""


@dataclass(frozen=True)
class Prosody:
    """Changes to the neutral voice; all 0 is neutral, so that scaling and adding blend emotions.

    `pitch`, `span` (pitch range), `rate`, `formants`: log2 factors; `loudness`: dB, by vocal effort, so that
    the spectrum changes with it; `tilt`: dB an octave above 500 Hz beyond that (positive is brighter);
    `breath`, `tremor`, `rough`, `tension`, `nasal`: amounts 0..1 of the effects in `effects.py`; `gap`: pause
    between words in 10 ms; `emphasis`: log2 pitch of one emphasised word; `ending`, `drawl`: log2 pitch and
    log2 duration of the last word; `dynamics`: added power of the loudness' ups and downs.
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
    formants: float = 0.0
    dynamics: float = 0.0

    def scaled(self, factor: float) -> "Prosody":
        """Every change times `factor`."""
        return Prosody(*(factor * value for value in self.values()))

    def plus(self, other: "Prosody") -> "Prosody":
        """Both changes together; amounts are at least 0."""
        sums = (a + b for a, b in zip(self.values(), other.values(), strict=True))
        return Prosody(
            *(max(v, 0.0) if f.name in AMOUNTS else v for f, v in zip(fields(self), sums, strict=True))
        )

    def values(self) -> tuple[float, ...]:
        """The fields in order."""
        return tuple(getattr(self, field.name) for field in fields(self))


def blend(first: Prosody, second: Prosody, share: float) -> Prosody:
    """`first` at share 0, `second` at share 1, between them in between."""
    return first.scaled(1 - share).plus(second.scaled(share))


def vary_prosody(prosody: Prosody, sizes: Prosody, rng: np.random.Generator, share: float) -> Prosody:
    """Another reading of the same: each change is a normal factor around 1 of deviation `share` more or less,
    never the other way round, and moved by normal numbers of deviation `sizes`."""
    factors = np.clip(1 + share * rng.standard_normal(len(prosody.values())), 0.2, 2.0)
    scaled = Prosody(*(float(f * v) for f, v in zip(factors, prosody.values(), strict=True)))
    moved = np.clip(rng.standard_normal(len(prosody.values())), -2.0, 2.0) * np.array(sizes.values())
    return scaled.plus(Prosody(*(float(m) for m in moved)))
