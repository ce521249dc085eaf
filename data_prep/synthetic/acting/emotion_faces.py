"""Emotional faces: ARKit units for each emotion, and how they come, stay and go.

Which units move follows FACS (Ekman and Friesen; EMFACS prototypes: AU6+12 happy, AU1+4+15+17 sad, AU4+5+7+23
angry, AU1+2+4+5+20 fear, AU9+10 disgusted, AU1+2+5+26 surprised, one-sided AU12+14 contempt); how far is our
choice.
"""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from data_prep.synthetic.acting.manner import Manner
from data_prep.synthetic.acting.vocal_emotion import COMPOUND_SHARE
from lit_emotalk.coefficients import ARKIT_NAMES
from lit_emotalk.emotions import COMPOUNDS
from lit_emotalk.schema import FPS

STRENGTH: dict[int, float] = {1: 0.45, 2: 0.72, 3: 1.0}
"""How much of an emotion's full face and bearing is shown at a level (our choice)."""

FACES: dict[str, dict[str, float]] = {
    "neutral": {},
    "calm": {"mouthSmile": 0.15, "cheekSquint": 0.06, "eyeBlink": 0.08},
    "happy": {
        "mouthSmile": 0.82, "cheekSquint": 0.65, "eyeSquint": 0.3, "mouthUpperUp": 0.2, "mouthDimple": 0.2,
        "browOuterUp": 0.1,
    },
    "sad": {
        "browInnerUp": 0.9, "mouthFrown": 0.8, "mouthShrugLower": 0.4, "eyeBlink": 0.22, "eyeSquint": 0.15,
        "browDown": 0.1, "mouthRollLower": 0.12, "mouthPucker": 0.05,
    },
    "angry": {
        "browDown": 0.95, "eyeSquint": 0.35, "eyeWide": 0.25, "noseSneer": 0.1, "mouthPress": 0.4,
        "mouthFrown": 0.08, "mouthLowerDown": 0.2, "mouthStretch": 0.15, "jawForward": 0.3,
    },
    "fear": {
        "browInnerUp": 0.75, "browOuterUp": 0.4, "browDown": 0.3, "eyeWide": 0.85, "mouthStretch": 0.7,
        "mouthLowerDown": 0.2, "jawOpen": 0.1,
    },
    "disgusted": {
        "noseSneer": 0.92, "mouthUpperUp": 0.6, "browDown": 0.25, "cheekSquint": 0.45, "eyeSquint": 0.4,
        "mouthFrown": 0.12, "mouthLowerDown": 0.2, "mouthShrugLower": 0.25,
    },
    "surprised": {
        "browInnerUp": 0.8, "browOuterUp": 0.9, "eyeWide": 0.8, "jawOpen": 0.42, "mouthFunnel": 0.12,
    },
    "contempt": {
        "mouthSmileSide": 0.55, "mouthDimpleSide": 0.65, "mouthUpperUpSide": 0.25, "cheekSquintSide": 0.3,
        "browOuterUpSide": 0.35, "browDownOther": 0.25, "mouthPress": 0.25, "eyeSquint": 0.3,
        "eyeBlink": 0.12, "mouthLeft": 0.12,
    },
}  # fmt: skip
"""Each emotion's face at level 3: units without a side stand for both sides; `Side` and `Other` are the
speaker's scornful side and the other one."""

ONSET_SECONDS: dict[str, float] = {
    "surprised": 0.22,
    "fear": 0.25,
    "angry": 0.35,
    "sad": 0.8,
    "contempt": 0.6,
}
DEFAULT_ONSET_SECONDS = 0.45
ONSET_FROM, RELEASE_TO, RELEASE_SECONDS = 0.45, 0.7, 0.35

_GROUPS: tuple[tuple[str, ...], ...] = (("brow",), ("eye", "cheek"), ("nose",), ("mouth", "jaw"))


def emotional_face(emotion: str, level: int, manner: Manner) -> np.ndarray:
    """(51,) weights in [0, 1] of an emotion or compound at its apex, as this speaker shows it. A compound
    joins its parts' faces at 65 % as 1 - (1 - a)(1 - b)."""
    if emotion in COMPOUNDS:
        first, second = (
            COMPOUND_SHARE * face_of(FACES[part], manner.scorn_left) for part in COMPOUNDS[emotion]
        )
        face = 1 - (1 - first) * (1 - second)
    else:
        face = face_of(FACES[emotion], manner.scorn_left)
    scale = 1.0 if emotion in ("neutral", "calm") else STRENGTH[level]
    shown = face * scale * manner.strength * np.array(manner.unit_strength) * np.array(manner.asymmetry)
    return np.clip(shown, 0.0, 1.0)


def face_of(units: dict[str, float], scorn_left: bool) -> np.ndarray:
    """(51,) weights of units, named as in `FACES`; where two move the same one, the larger counts."""
    face = np.zeros(len(ARKIT_NAMES))
    for unit, weight in units.items():
        for name in unit_names(unit, scorn_left):
            column = ARKIT_NAMES.index(name)
            face[column] = max(face[column], weight)
    return face


def unit_names(unit: str, scorn_left: bool) -> list[str]:
    """The ARKit names that a unit of `FACES` stands for: both sides, or the speaker's scornful or other
    one."""
    side, other = ("Left", "Right") if scorn_left else ("Right", "Left")
    if unit == "mouthLeft":
        return [f"mouth{side}"]
    if unit.endswith("Side"):
        return [unit.removesuffix("Side") + side]
    if unit.endswith("Other"):
        return [unit.removesuffix("Other") + other]
    return [unit] if unit in ARKIT_NAMES else [unit + "Left", unit + "Right"]


def emotion_envelope(emotion: str, frames: int, rng: np.random.Generator) -> np.ndarray:
    """(frames, 51) factor over a clip: onset from 45 %, apex, release to 70 %, with small independent
    movements of brows, eyes, nose and mouth. Surprise passes: after its apex it sinks to about three
    quarters."""
    time = (np.arange(frames) + 0.5) / FPS
    onset = ONSET_SECONDS.get(COMPOUNDS.get(emotion, (emotion,))[-1], DEFAULT_ONSET_SECONDS) * rng.uniform(
        0.8, 1.25
    )
    rise = ONSET_FROM + (1 - ONSET_FROM) * _ease(time / onset)
    fall = 1 - (1 - RELEASE_TO) * _ease((time - (time[-1] - RELEASE_SECONDS)) / RELEASE_SECONDS)
    envelope = rise * fall
    if emotion == "surprised":
        envelope *= 1 - 0.22 * _ease((time - onset - 0.3) / 0.8)
    factor = np.repeat(envelope[:, None], len(ARKIT_NAMES), axis=1)
    for group in _GROUPS:
        columns = [i for i, name in enumerate(ARKIT_NAMES) if name.startswith(group)]
        factor[:, columns] *= (1 + 0.08 * smooth_noise(frames, 0.25, rng))[:, None]
    return np.maximum(factor, 0.0)


def smooth_noise(frames: int, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """(frames,) noise of about unit variance whose movements take about `seconds`."""
    sigma = seconds * FPS
    margin = int(4 * sigma) + 1
    noise = gaussian_filter1d(rng.standard_normal(frames + 2 * margin), sigma)[margin : margin + frames]
    return np.clip(noise * np.sqrt(2 * np.sqrt(np.pi) * sigma), -2.5, 2.5)


def _ease(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3 - 2 * x)
