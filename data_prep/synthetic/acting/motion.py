"""Head motion, blinks and gaze. All sizes are our choice.

Head rotation is a rotation vector in radians: x nods (positive: chin down), y turns (positive: nose to the
left of the image), z rolls: the image axes of `head.py`.
"""

from dataclasses import dataclass

import numpy as np

from data_prep.synthetic.acting.emotion_faces import STRENGTH, smooth_noise
from data_prep.synthetic.acting.manner import Manner
from data_prep.synthetic.speech.espeak import Phoneme
from lit_emotalk.emotions import COMPOUNDS
from lit_emotalk.schema import FPS


@dataclass(frozen=True)
class Bearing:
    """How an emotion holds and moves the head at level 3: resting `nod`, `turn`, `tilt` in radians (turn and
    tilt to either side), `size` and `speed` factors of its wander, `beat` factor of nods on stress, `shake`
    radians of trembling, `blinks` factor, `look_down` 0..1, `look_away` 0..1."""

    nod: float = 0.0
    turn: float = 0.0
    tilt: float = 0.0
    size: float = 1.0
    speed: float = 1.0
    beat: float = 1.0
    shake: float = 0.0
    blinks: float = 1.0
    look_down: float = 0.0
    look_away: float = 0.0


BEARINGS: dict[str, Bearing] = {
    "neutral": Bearing(),
    "calm": Bearing(size=0.7, speed=0.6, beat=0.5, blinks=0.8),
    "happy": Bearing(nod=-0.03, tilt=0.05, size=1.5, speed=1.3, beat=1.4),
    "sad": Bearing(nod=0.13, tilt=0.05, size=0.8, speed=0.5, beat=0.4, blinks=1.2, look_down=0.35),
    "angry": Bearing(nod=0.07, size=1.2, speed=1.5, beat=2.2, blinks=0.6),
    "fear": Bearing(
        nod=-0.05, turn=0.05, size=0.9, speed=1.8, beat=0.4, shake=0.006, blinks=1.8, look_away=0.2
    ),
    "disgusted": Bearing(nod=-0.04, turn=0.11, tilt=0.04, size=1.1, beat=0.8, look_away=0.25),
    "surprised": Bearing(nod=-0.1, size=1.2, speed=1.3, beat=1.2, blinks=0.5),
    "contempt": Bearing(nod=-0.1, turn=0.06, tilt=0.09, size=0.8, speed=0.7, beat=0.7, look_away=0.1),
}


def bearing_of(emotion: str, level: int) -> Bearing:
    """The bearing of an emotion at a level; a compound is the mean of its parts."""
    parts = [BEARINGS[part] for part in COMPOUNDS.get(emotion, (emotion,))]
    strength = STRENGTH[level]
    neutral = BEARINGS["neutral"]
    fields = {
        name: getattr(neutral, name)
        + strength * (sum(getattr(part, name) for part in parts) / len(parts) - getattr(neutral, name))
        for name in Bearing.__dataclass_fields__
    }
    return Bearing(**fields)


def move_head(
    bearing: Bearing, manner: Manner, phonemes: tuple[Phoneme, ...], frames: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Rotation (frames, 3) in radians within +-0.35, and translation (frames, 2) in crop half widths: right,
    down."""
    time = (np.arange(frames) + 0.5) / FPS
    pace = 0.35 / (bearing.speed * manner.head_speed)
    size = bearing.size * manner.head
    side = rng.choice([-1.0, 1.0])
    wander = np.stack(
        [amount * size * smooth_noise(frames, pace, rng) for amount in (0.025, 0.035, 0.02)], axis=1
    )
    held = np.array([bearing.nod, side * bearing.turn, -side * bearing.tilt]) * rng.uniform(0.7, 1.3)
    start = np.array([0.03, 0.05, 0.025]) * np.clip(rng.standard_normal(3), -2, 2)
    onset = np.clip(time / 0.6, 0.3, 1.0)[:, None]
    rotation = start + wander + held * onset
    for phoneme in phonemes:
        if phoneme.stressed:
            middle = (phoneme.start + phoneme.end) / 2
            beat = 0.03 * bearing.beat * manner.nod * rng.uniform(0.3, 1.0)
            rotation[:, 0] += beat * np.exp(-(((time - middle) / 0.11) ** 2))
    if bearing.shake > 0:
        rotation += bearing.shake * np.stack([smooth_noise(frames, 0.045, rng) for _ in range(3)], axis=1)
    drift = 0.012 * size * np.stack([smooth_noise(frames, 1.3 * pace, rng) for _ in range(2)], axis=1)
    lean = np.stack([0.1 * rotation[:, 1], 0.12 * rotation[:, 0]], axis=1)
    return np.clip(rotation, -0.35, 0.35), drift + lean


def blink_track(bearing: Bearing, manner: Manner, frames: int, rng: np.random.Generator) -> np.ndarray:
    """(frames,) how closed the lids are by blinking, 0..1: quick down, slower up, at random intervals."""
    closed = np.zeros(frames)
    time = (np.arange(frames) + 0.5) / FPS
    interval = 60 / (manner.blinks * bearing.blinks)
    moment = rng.uniform(0, interval)
    while moment < time[-1]:
        duration = manner.blink_seconds * rng.uniform(0.85, 1.15)
        down = (time - moment) / (0.35 * duration)
        up = (moment + duration - time) / (0.65 * duration)
        closed = np.maximum(closed, np.sin(0.5 * np.pi * np.clip(np.minimum(down, up), 0, 1)) ** 2)
        moment += max(0.5, rng.gamma(4.0, interval / 4.0))
    return closed


def gaze_track(
    bearing: Bearing, manner: Manner, frames: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Gaze as eyeLook* units, name -> (frames,): fixations of 0.3-1.5 s joined by saccades of about 40 ms."""
    aim = np.zeros((frames, 2))
    away = bearing.look_away * rng.choice([-1.0, 1.0])
    begin = 0
    while begin < frames:
        length = int(rng.uniform(0.3, 1.5) * FPS)
        shift = 0.1 * manner.gaze * np.clip(rng.standard_normal(2), -2, 2)
        glance = away if rng.random() < 0.6 else 0.0
        aim[begin : begin + length] = shift
        aim[begin : begin + length] += np.array([glance, bearing.look_down * rng.uniform(0.6, 1.1)])
        begin += max(length, 1)
    aim[1:] = 0.75 * aim[1:] + 0.25 * aim[:-1]
    across, down = aim[:, 0], aim[:, 1]
    left, right = np.maximum(across, 0), np.maximum(-across, 0)
    units = {"eyeLookOutLeft": left, "eyeLookInRight": left, "eyeLookInLeft": right, "eyeLookOutRight": right}
    for eye in ("Left", "Right"):
        units[f"eyeLookDown{eye}"] = np.maximum(down, 0)
        units[f"eyeLookUp{eye}"] = np.maximum(-down, 0)
    return {name: np.clip(track, 0, 1) for name, track in units.items()}
