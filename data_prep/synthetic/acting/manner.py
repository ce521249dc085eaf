"""A speaker's manner: how strongly and unevenly they show an emotion, how they move their head, blink and
look."""

from dataclasses import dataclass

import numpy as np

from data_prep.synthetic.acting.vocal_emotion import VocalActing, draw_vocal_acting
from lit_emotalk.coefficients import ARKIT_NAMES

_MANNER_STREAM = 0x3A22E


@dataclass(frozen=True)
class Manner:
    """A speaker's manner. Factors are about 1.

    `strength`: of all emotional faces; `unit_strength`: (51,) factor per unit; `asymmetry`: (51,) factor per
    unit, opposite on the two sides; `scorn_left`: contempt shows on the left; `head`, `head_speed`, `nod`:
    size and speed of head motion and of nods on stressed syllables; `blinks`: a minute; `blink_seconds`;
    `gaze`: size of gaze shifts; `articulation`: how far the mouth moves in speech; `vocal`: how they act with
    the voice.
    """

    strength: float
    unit_strength: tuple[float, ...]
    asymmetry: tuple[float, ...]
    scorn_left: bool
    head: float
    head_speed: float
    nod: float
    blinks: float
    blink_seconds: float
    gaze: float
    articulation: float
    vocal: VocalActing


def draw_manner(seed: int, index: int) -> Manner:
    """The manner of speaker `index` of the corpus of `seed`."""
    rng = np.random.default_rng([_MANNER_STREAM, seed, index])
    strength: dict[str, float] = {}
    tilt: dict[str, float] = {}
    for name in ARKIT_NAMES:
        stem = _stem(name)
        if stem not in strength:
            strength[stem] = float(np.exp(0.14 * np.clip(rng.standard_normal(), -2, 2)))
            tilt[stem] = float(0.09 * np.clip(rng.standard_normal(), -2, 2))
    sides = {
        name: 1 + tilt[_stem(name)] * (name.endswith("Left") - name.endswith("Right")) for name in ARKIT_NAMES
    }
    return Manner(
        strength=float(rng.uniform(0.88, 1.1)),
        unit_strength=tuple(strength[_stem(name)] for name in ARKIT_NAMES),
        asymmetry=tuple(sides[name] for name in ARKIT_NAMES),
        scorn_left=bool(rng.random() < 0.5),
        head=float(rng.uniform(0.6, 1.4)),
        head_speed=float(rng.uniform(0.8, 1.3)),
        nod=float(rng.uniform(0.3, 1.5)),
        blinks=float(rng.uniform(12, 28)),
        blink_seconds=float(rng.uniform(0.2, 0.32)),
        gaze=float(rng.uniform(0.5, 1.4)),
        articulation=float(rng.uniform(0.85, 1.15)),
        vocal=draw_vocal_acting(seed, index),
    )


def _stem(name: str) -> str:
    return name.removesuffix("Left").removesuffix("Right")
