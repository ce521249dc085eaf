"""Emotional faces as different people show them: which units move differs, and how far.

FACS gives every emotion several prototypes and variants (Ekman and Friesen's EMFACS: anger without one of AU
4, 5, 7, 10, its lips pressed or parted; fear with or without 20, 2, 26; sadness by 1+4 or 15, with 17, 6;
disgust by 9 or 10, with 16, 17, 25, 26; contempt by a one-sided 12, 14 or 10, as in a sneer); Du, Tao and
Martinez (2014) tell units that nearly everybody shows from those that some do. Which units there are follows
them; how often each moves, and how far, is our choice.
"""

import numpy as np

from data_prep.synthetic.acting.emotion_faces import STRENGTH, face_of
from data_prep.synthetic.acting.manner import Manner

VARIANTS: dict[str, dict[str, tuple[float, float, float]]] = {
    "neutral": {},
    "happy": {
        "mouthSmile": (1.0, 0.5, 1.0), "cheekSquint": (0.6, 0.3, 0.9), "eyeSquint": (0.6, 0.1, 0.7),
        "mouthUpperUp": (0.5, 0.1, 0.5), "mouthDimple": (0.4, 0.1, 0.4), "mouthLowerDown": (0.3, 0.1, 0.5),
        "jawOpen": (0.3, 0.1, 0.7), "browOuterUp": (0.2, 0.1, 0.3), "browInnerUp": (0.15, 0.1, 0.3),
    },
    "sad": {
        "browInnerUp": (0.8, 0.4, 1.0), "browDown": (0.7, 0.1, 0.7), "mouthFrown": (0.85, 0.3, 1.0),
        "mouthShrugLower": (0.65, 0.2, 0.8), "eyeSquint": (0.5, 0.1, 0.9), "eyeBlink": (0.5, 0.1, 0.4),
        "cheekSquint": (0.3, 0.1, 0.5), "mouthStretch": (0.3, 0.1, 0.5), "mouthRollLower": (0.3, 0.1, 0.3),
        "mouthPucker": (0.15, 0.05, 0.2),
    },
    "angry": {
        "browDown": (0.92, 0.5, 1.0), "eyeSquint": (0.85, 0.2, 1.0), "eyeWide": (0.35, 0.2, 0.6),
        "noseSneer": (0.4, 0.1, 0.6), "mouthUpperUp": (0.35, 0.1, 0.5), "mouthPress": (0.4, 0.2, 0.7),
        "mouthLowerDown": (0.4, 0.1, 0.6), "mouthShrugLower": (0.25, 0.1, 0.5), "jawOpen": (0.35, 0.2, 0.9),
        "jawForward": (0.4, 0.1, 0.5), "mouthStretch": (0.3, 0.1, 0.4), "mouthFunnel": (0.2, 0.1, 0.4),
        "mouthFrown": (0.25, 0.1, 0.3),
    },
    "fear": {
        "browInnerUp": (0.95, 0.5, 1.0), "browOuterUp": (0.6, 0.2, 0.8), "browDown": (0.7, 0.1, 0.5),
        "eyeWide": (0.85, 0.4, 1.0), "mouthStretch": (0.8, 0.3, 0.9), "mouthLowerDown": (0.4, 0.1, 0.5),
        "jawOpen": (0.4, 0.05, 0.4), "eyeSquint": (0.15, 0.1, 0.4), "mouthFrown": (0.2, 0.1, 0.4),
    },
    "disgusted": {
        "noseSneer": (0.8, 0.4, 1.0), "mouthUpperUp": (0.75, 0.3, 1.0), "eyeSquint": (0.75, 0.2, 0.9),
        "browDown": (0.5, 0.1, 0.6), "cheekSquint": (0.5, 0.2, 0.6), "mouthShrugLower": (0.5, 0.1, 0.6),
        "mouthFrown": (0.35, 0.1, 0.5), "mouthLowerDown": (0.4, 0.1, 0.6), "jawOpen": (0.25, 0.1, 0.5),
        "mouthStretch": (0.2, 0.1, 0.4),
    },
    "surprised": {
        "browInnerUp": (0.97, 0.5, 1.0), "browOuterUp": (0.92, 0.4, 1.0), "eyeWide": (0.8, 0.3, 1.0),
        "jawOpen": (0.75, 0.2, 0.8), "mouthFunnel": (0.35, 0.1, 0.35), "mouthPucker": (0.15, 0.1, 0.3),
    },
    "contempt": {
        "mouthSmileSide": (0.65, 0.2, 0.7), "mouthDimpleSide": (0.75, 0.3, 0.9),
        "mouthUpperUpSide": (0.5, 0.2, 0.9), "mouthUpperUpOther": (0.15, 0.1, 0.4),
        "noseSneerSide": (0.25, 0.1, 0.4), "cheekSquintSide": (0.4, 0.1, 0.4),
        "browOuterUpSide": (0.4, 0.2, 0.6), "browInnerUp": (0.3, 0.2, 0.9), "browDownOther": (0.3, 0.1, 0.4),
        "mouthPress": (0.4, 0.1, 0.4), "eyeSquint": (0.6, 0.1, 0.6), "eyeBlink": (0.5, 0.1, 0.35),
        "mouthLeft": (0.6, 0.1, 0.7), "mouthShrugLower": (0.25, 0.1, 0.4),
    },
}  # fmt: skip
"""Emotion -> unit (named as in `FACES`) -> how often it moves, and how far at least and at most at level
3."""

ESSENTIAL: dict[str, tuple[str, ...]] = {
    "sad": ("browInnerUp", "mouthFrown"),
    "angry": ("browDown", "eyeSquint"),
    "fear": ("eyeWide", "mouthStretch"),
    "disgusted": ("noseSneer", "mouthUpperUp"),
    "contempt": ("mouthSmileSide", "mouthDimpleSide", "mouthUpperUpSide"),
}
"""Units of which every variant of the emotion has at least one."""


def draw_variant(emotion: str, level: int, manner: Manner, rng: np.random.Generator) -> np.ndarray:
    """(51,) weights in [0, 1] of one of an emotion's variants at its apex, by a speaker of this manner.

    `emotion`: one of `VARIANTS`.
    """
    units: dict[str, float] = {}
    while not units and VARIANTS[emotion]:
        units = {
            unit: float(rng.uniform(least, most))
            for unit, (chance, least, most) in VARIANTS[emotion].items()
            if rng.random() < chance
        }
        if not any(unit in units for unit in ESSENTIAL.get(emotion, tuple(units))):
            units = {}
    face = face_of(units, manner.scorn_left)
    return np.clip(face * STRENGTH[level] * manner.strength * np.array(manner.asymmetry), 0.0, 1.0)
