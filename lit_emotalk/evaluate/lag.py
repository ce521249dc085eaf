"""How far a generated video lies from its reference in time, as their sounds tell."""

import numpy as np
from scipy.signal import correlate

from lit_emotalk.schema import SAMPLES_PER_FRAME

REACH_FRAMES = 25
SAME_SOUND = 0.5
"""Sounds whose normalised correlation is below this at every lag are different recordings (our choice)."""


def sound_lag(generated: np.ndarray, reference: np.ndarray) -> int:
    """By how many frames the generated sound (N,) comes later than the reference's (M,), both at 16 kHz.

    The highest correlation within 25 frames, rounded to whole frames; 0 where the two are not the same sound.
    """
    scale = float(np.linalg.norm(generated) * np.linalg.norm(reference))
    if scale == 0:
        return 0
    likeness = correlate(generated.astype(np.float64), reference.astype(np.float64), method="fft") / scale
    lags = np.arange(len(likeness)) - (len(reference) - 1)
    near = np.abs(lags) <= REACH_FRAMES * SAMPLES_PER_FRAME
    best = int(np.argmax(np.where(near, likeness, -np.inf)))
    return round(int(lags[best]) / SAMPLES_PER_FRAME) if likeness[best] >= SAME_SOUND else 0
