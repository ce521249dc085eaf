"""How an emotion holds and moves the head, and head motion and blinks that follow speech and emotion.

No network: a few numbers for each emotion, fitted on a corpus by `python -m data_prep.tracker.bearing_fit`
(those that ship: on the embedded corpus), and noise from a seed (our choice; the paper has no such part).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from lit_emotalk.coefficients import ARKIT, POSE_SIZE
from lit_emotalk.errors import UserError
from lit_emotalk.inference.motion.natural import BLINK_SHAPE
from lit_emotalk.io.files import write_text
from lit_emotalk.metrics.closure import loudness
from lit_emotalk.schema import FPS

BEARINGS_FILE = Path(__file__).with_name("bearings.json")
LOUDNESS_FRAMES = 2.0
"""Standard deviation of the filter on the loudness that the head nods with."""

SETTLE_SECONDS = 1.0
"""The head leaves the portrait's pose over this time."""

SHORTEST_GAP = 0.5
"""Seconds between the ends of one blink and the start of the next, at the least."""

PAUSE_BLINKS, SPEECH_BLINKS = 1.6, 0.8
"""Blinks come so many times more often in pauses and in speech (our choice)."""


@dataclass(frozen=True)
class Bearing:
    """`hold`: radians by which the chin is lower than in neutral. `pitch`, `yaw`, `roll`: radians, standard
    deviation of the head's wander. `pace`: seconds, how slow it is. `nod`: radians by which the chin goes
    down for one standard deviation of loudness. `blinks`: a minute."""

    hold: float
    pitch: float
    yaw: float
    roll: float
    pace: float
    nod: float
    blinks: float


NUMBERS = tuple(field.name for field in fields(Bearing))


def save_bearings(bearings: Mapping[str, Bearing], path: Path) -> None:
    """Write bearings by emotion as JSON."""
    plain = {name: {k: round(v, 5) for k, v in asdict(one).items()} for name, one in bearings.items()}
    write_text(path, json.dumps(plain, indent=1) + "\n")


@lru_cache(maxsize=4)
def load_bearings(path: Path = BEARINGS_FILE) -> dict[str, Bearing]:
    """Bearings by emotion, `neutral` among them; UserError where the file is damaged."""
    try:
        found = {name: Bearing(**numbers) for name, numbers in json.loads(path.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} holds no bearings ({error}); fit them with data_prep.tracker.bearing_fit"
        ) from error
    if "neutral" not in found:
        raise UserError(f"{path} has no bearing for neutral; fit it on a corpus with neutral clips")
    return found


def standard_loudness(mel: np.ndarray) -> np.ndarray:
    """Smoothed log loudness of mel (4T, 80), less its mean, by its standard deviation, (T,); 0 in silence."""
    smooth = gaussian_filter1d(np.log(loudness(mel)), LOUDNESS_FRAMES, mode="nearest")
    return (smooth - smooth.mean()) / max(float(smooth.std()), 0.5)


def add_speaking_motion(
    coefficients: np.ndarray, mel: np.ndarray, emotions: Mapping[str, np.ndarray | float], seed: int
) -> np.ndarray:
    """Coefficients (T, 57) with head motion and blinks for speech (4T, 80) and emotions.

    `emotions`: weight of each, a number or one a frame (T,), summing to one; names without a bearing count as
    neutral. Equal arguments give equal motion. The first frame keeps its pose.
    """
    frames, rng = len(coefficients), np.random.default_rng(seed)
    bearing = _blended(emotions, frames)
    loud = standard_loudness(mel)
    pace = FPS * float(bearing["pace"].mean())
    padding = int(4 * pace) + 1
    wander = gaussian_filter1d(rng.standard_normal((frames + 2 * padding, 3)), pace, axis=0)
    wander = wander[padding : padding + frames] * np.sqrt(2 * np.sqrt(np.pi) * pace)
    rotation = wander * np.stack([bearing[axis] for axis in ("pitch", "yaw", "roll")], 1)
    rotation[:, 0] += bearing["hold"] + bearing["nod"] * loud
    settle = np.minimum(np.arange(frames) / (SETTLE_SECONDS * FPS), 1.0)[:, None]
    offsets = np.zeros((frames, POSE_SIZE), np.float32)
    offsets[:, :3] = settle * (rotation - rotation[:1] * (1 - settle))
    moved = coefficients.copy()
    moved[:, ARKIT.pose] += offsets
    columns = ARKIT.columns("eyeBlink")
    lids = _lids(bearing["blinks"], loud < 0, rng)
    moved[:, columns] = np.maximum(moved[:, columns], lids[:, None])
    return moved


def _blended(emotions: Mapping[str, np.ndarray | float], frames: int) -> dict[str, np.ndarray]:
    """Each number of the bearing at each frame (T,)."""
    known = load_bearings()
    return {
        name: sum(
            np.broadcast_to(weight, frames) * getattr(known.get(emotion, known["neutral"]), name)
            for emotion, weight in emotions.items()
        )
        * np.ones(frames)
        for name in NUMBERS
    }


def _lids(rate: np.ndarray, pause: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lid closure (T,) in [0, 1] by blinks at `rate` (T,) a minute, more often where `pause` (T,)."""
    chance = rate / (60 * FPS) * np.where(pause, PAUSE_BLINKS, SPEECH_BLINKS)
    drawn = rng.random(len(rate)) < chance
    closure = np.zeros(len(rate) + len(BLINK_SHAPE))
    free = 0
    for start in np.flatnonzero(drawn).tolist():
        if start >= free:
            closure[start : start + len(BLINK_SHAPE)] = BLINK_SHAPE
            free = int(start) + len(BLINK_SHAPE) + int(SHORTEST_GAP * FPS)
    return closure[: len(rate)]
