"""Short bursts of frames that faces are seen in: from one expression to another, as fast as speech.

A burst of an emotion begins and ends with its face around two sounds; a burst of units with faces whose
units are drawn one by one, which people never show together and which therefore teach each unit alone.
"""

from dataclasses import dataclass

import numpy as np

from data_prep.synthetic.acting.emotion_faces import emotional_face
from data_prep.synthetic.acting.manner import Manner
from data_prep.synthetic.acting.random_faces import MAX_ANGLES, draw_units, speak_over
from data_prep.synthetic.acting.variants import draw_variant
from lit_emotalk.coefficients import ARKIT, ARKIT_NAMES
from lit_emotalk.emotions import LEVELS, MEAD_EMOTIONS

RESTING_FRAMES = 2
"""The frames that a neutral burst begins with: at rest, eyes open."""
UNITS_EVERY = 3
"""Every so many bursts after the neutral one show drawn units, the others emotions."""
TEETH: dict[str, float] = {
    "happy": 0.85, "angry": 0.65, "disgusted": 0.7, "fear": 0.6, "surprised": 0.4, "sad": 0.25,
    "contempt": 0.2,
}  # fmt: skip
"""How often an emotion's face parts the lips beyond its prototype (our choice, after real level-3 faces)."""
BARED: dict[str, tuple[float, float]] = {
    "mouthUpperUp": (0.3, 1.0), "mouthLowerDown": (0.0, 0.9), "jawOpen": (0.0, 0.45),
}  # fmt: skip
"""How far these units then move, at level 3."""
VARIED = 0.7
"""How often a burst goes from one of its emotion's variants to another; the others keep to its prototype (our
choice)."""
LOUD, LOUDEST = 0.2, 0.9
"""How often a face is loud, as people are who act, and how far the jaw then drops at level 3 (our choice)."""
TURN, SHIFT = np.radians(3.0), 0.015
"""Standard deviations of how the head turns (radians) and moves (half widths) within a burst."""


@dataclass(frozen=True)
class Burst:
    """T consecutive frames at 25 fps: `weights` (T, 51), `rotation` (T, 3) in radians, `translation` (T, 2)
    in half widths, of an `emotion` at a `level`, None where units were drawn."""

    emotion: str | None
    level: int | None
    weights: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray

    @property
    def label(self) -> str:
        """What it shows, as keys say it: emotion and level, or units."""
        return "units_0" if self.emotion is None else f"{self.emotion}_{self.level}"


def draw_bursts(count: int, frames: int, manner: Manner, rng: np.random.Generator) -> list[Burst]:
    """`count` bursts of `frames` frames of one person: a neutral one, then emotions, none of them twice
    before all were shown, and every third time drawn units."""
    others = [emotion for emotion in MEAD_EMOTIONS if emotion != "neutral"]
    deck: list[str] = []
    bursts = [_burst("neutral", 1, frames, manner, rng)]
    for number in range(1, count):
        if number % UNITS_EVERY == 0:
            bursts.append(_burst(None, None, frames, manner, rng))
            continue
        deck = deck or [str(emotion) for emotion in rng.permutation(others)]
        bursts.append(_burst(deck.pop(), int(rng.choice(LEVELS)), frames, manner, rng))
    return bursts


def _burst(
    emotion: str | None, level: int | None, frames: int, manner: Manner, rng: np.random.Generator
) -> Burst:
    rest = np.zeros(ARKIT.expression_size, np.float32)
    still = min(RESTING_FRAMES, frames - 1) if emotion == "neutral" else 0
    if emotion is None:
        first, last = draw_units(rng), draw_units(rng)
    else:
        varied = rng.random() < VARIED
        first, last = (_emotional(emotion, level or 1, manner, rng, varied) for _ in range(2))
    if emotion == "neutral":
        first = rest
    share = np.concatenate([np.zeros(max(still - 1, 0)), _eased(frames - max(still - 1, 0))])
    weights = first + (last - first) * share[:, None]
    posture = rng.triangular(-1, 0, 1, 3) * MAX_ANGLES
    rotation = posture + rng.normal(0, TURN, 3) * share[:, None]
    translation = rng.normal(0, 0.04, 2) + rng.normal(0, SHIFT, 2) * share[:, None]
    return Burst(
        emotion,
        level,
        np.clip(weights, 0, 1).astype(np.float32),
        rotation.astype(np.float32),
        translation.astype(np.float32),
    )


def _eased(frames: int) -> np.ndarray:
    """From 0 to 1 in `frames` frames, slow at both ends."""
    time = np.linspace(0, 1, frames)
    return time * time * (3 - 2 * time)


def _emotional(
    emotion: str, level: int, manner: Manner, rng: np.random.Generator, varied: bool
) -> np.ndarray:
    """(51,) weights of an emotion's face around a sound, near its apex."""
    face = draw_variant(emotion, level, manner, rng) if varied else emotional_face(emotion, level, manner)
    face = face * rng.uniform(0.75, 1.1)
    if rng.random() < TEETH.get(emotion, 0.0):
        for stem, (low, high) in BARED.items():
            columns = ARKIT.columns(stem)
            face[columns] += (1 - face[columns]) * rng.uniform(low, high) * level / max(LEVELS)
        face[ARKIT_NAMES.index("mouthShrugLower")] *= 0.3
    spoken = speak_over(np.clip(face, 0, 1), rng)
    if rng.random() < LOUD:
        jaw = ARKIT_NAMES.index("jawOpen")
        spoken[jaw] += (1 - spoken[jaw]) * rng.uniform(0, LOUDEST) * level / max(LEVELS)
    return spoken
