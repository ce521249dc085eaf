"""Faces at random: units drawn one by one, and emotions around sounds (all our choice)."""

import numpy as np

from data_prep.synthetic.acting.emotion_faces import emotional_face
from data_prep.synthetic.acting.manner import Manner
from data_prep.synthetic.acting.mouth import WHILE_SPEAKING
from data_prep.synthetic.speech.visemes import VISEMES
from lit_emotalk.coefficients import ARKIT, ARKIT_NAMES
from lit_emotalk.emotions import MEAD_EMOTIONS

MAX_ANGLES = np.radians([15.0, 25.0, 15.0])
"""Largest pitch, yaw and roll."""
OPPOSITES = (
    ("jawLeft", "jawRight"), ("mouthLeft", "mouthRight"), ("eyeBlinkLeft", "eyeWideLeft"),
    ("eyeBlinkRight", "eyeWideRight"), ("mouthFunnel", "mouthStretchLeft"),
    ("mouthFunnel", "mouthStretchRight"),
    ("mouthPucker", "mouthStretchLeft"), ("mouthPucker", "mouthStretchRight"),
)  # fmt: skip
"""Pairs of which a frame keeps only the stronger: no face does both."""
REGIONS: dict[str, tuple[tuple[str, ...], tuple[float, ...]]] = {
    "brows": (("browDown", "browInnerUp", "browOuterUp"), (0.45, 0.4, 0.15)),
    "cheeks": (("cheekPuff", "cheekSquint"), (0.75, 0.25)),
    "lids": (("eyeBlink", "eyeSquint", "eyeWide"), (0.4, 0.5, 0.1)),
    "nose": (("noseSneer",), (0.75, 0.25)),
    "jaw": (("jawForward", "jawLeft", "jawRight"), (0.8, 0.2)),
    "mouth": (
        (
            "mouthDimple", "mouthFrown", "mouthFunnel", "mouthLeft", "mouthLowerDown", "mouthPress",
            "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower",
            "mouthShrugUpper", "mouthSmile", "mouthStretch", "mouthUpperUp",
        ),
        (0.2, 0.4, 0.25, 0.15),
    ),
}  # fmt: skip
"""Region -> names of its units without the side, and the chances that 0, 1, 2 ... of them move."""


def draw_acted(manner: Manner, rng: np.random.Generator) -> np.ndarray:
    """Random weights (51,) float32 in [0, 1] of somebody who speaks with an emotion's face at any
    strength."""
    face = emotional_face(str(rng.choice(MEAD_EMOTIONS)), 3, manner) * rng.uniform(0.0, 1.0)
    return speak_over(face, rng)


def speak_over(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Weights (51,) float32 of a face (51,) that speaks: it gives way to the mouth between two sounds, now
    and then lips closed over the jaw, a gaze, a blink."""
    busy = rng.random()
    face = face.copy()
    for stem, share in WHILE_SPEAKING.items():
        face[ARKIT.columns(stem)] *= 1 - busy * (1 - share)
    speech = dict.fromkeys(ARKIT_NAMES, 0.0)
    mix = rng.random()
    for share in (mix, 1 - mix):
        for stem, weight in VISEMES[str(rng.choice(list(VISEMES)))].target.items():
            for i in ARKIT.columns(stem):
                speech[ARKIT_NAMES[i]] += busy * share * weight
    _draw_gaze(speech, rng)
    if rng.random() < 0.15:
        _draw_sides(speech, "eyeBlink", rng)
    spoken = np.array([speech[name] for name in ARKIT_NAMES])
    weights = np.clip(face + (1 - face) * spoken, 0, 1)
    if rng.random() < 0.15:
        weights[ARKIT_NAMES.index("mouthClose")] = weights[ARKIT_NAMES.index("jawOpen")]
    return weights.astype(np.float32)


def draw_units(rng: np.random.Generator) -> np.ndarray:
    """Random weights (51,) float32 in [0, 1]: few units of each region, independent of one another.

    Our choice. Two sides of a unit mostly move together, the eyes mostly look the same way, and mouthClose
    (lips kept shut while the jaw drops, as in m, b, p) never exceeds jawOpen.
    """
    weights = dict.fromkeys(ARKIT_NAMES, 0.0)
    for names, chances in REGIONS.values():
        for name in rng.choice(names, size=rng.choice(len(chances), p=chances), replace=False):
            _draw_sides(weights, str(name), rng)
    _draw_gaze(weights, rng)
    if rng.random() < 0.5:
        weights["jawOpen"] = _strength(rng)
        if rng.random() < 0.4:
            weights["mouthClose"] = weights["jawOpen"] * rng.uniform(0.2, 1.0)
    for one, other in OPPOSITES:
        weaker = one if weights[one] < weights[other] else other
        weights[weaker] = 0.0
    return np.array([weights[name] for name in ARKIT_NAMES], np.float32)


def _strength(rng: np.random.Generator) -> float:
    return float(rng.beta(1.5, 1.2))


def _draw_sides(weights: dict[str, float], name: str, rng: np.random.Generator) -> None:
    if name in weights:
        weights[name] = _strength(rng)
        return
    both = _strength(rng)
    chance = rng.random()
    for side in ("Left", "Right"):
        if chance < 0.7:
            weights[name + side] = float(np.clip(both * rng.uniform(0.75, 1.1), 0, 1))
        elif chance < 0.85 or (side == "Left") == (chance < 0.925):
            weights[name + side] = _strength(rng)


def _draw_gaze(weights: dict[str, float], rng: np.random.Generator) -> None:
    if rng.random() < 0.4:
        return
    across, up = rng.uniform(-1, 1, 2) * rng.uniform(0.2, 1)
    for side, sign in (("Left", 1), ("Right", -1)):
        outward = across * sign + rng.normal(0, 0.05)
        weights[f"eyeLookOut{side}"] = float(np.clip(outward, 0, 1))
        weights[f"eyeLookIn{side}"] = float(np.clip(-outward, 0, 1))
        weights[f"eyeLookUp{side}"] = float(np.clip(up, 0, 1))
        weights[f"eyeLookDown{side}"] = float(np.clip(-up, 0, 1))
