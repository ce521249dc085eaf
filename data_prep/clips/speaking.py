"""Which of the people in a picture is heard: whose lips move while the sound is loud."""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from lit_emotalk import schema
from lit_emotalk.face.landmarker import Face
from lit_emotalk.face.regions import MOUTH_OPENING, OUTER_EYE_CORNERS

QUIETEST_DB = -40.0
"""Relative to the loudest frame; quieter ones are alike (our choice)."""
SMOOTHING_FRAMES = 2.0
LAGS = range(3)
"""Frames by which the sound may come after the lips: real mouths lead it by one."""
LEAST_FRAMES = 50
"""Of fewer smoothed frames chance says too much: a still face whose landmarks tremble may well follow."""
MARGIN = 1.5
"""Where one face's score is so many times the next one's it is the speaker. Of 34 real clips side by side in
twos, each pair with the sound of one and 50 frames or more, all of them talking, so much decides 81 %, and
85 % of these rightly (2: 72 and 87); lips that stand still score nothing."""
LEAST_SCORE = 5e-4
"""A face that speaks scores more: 13 of 16 real ones 0.001 to 0.009, the other three nothing; lips that stand
still, their landmarks trembling by an eighth of a pixel, at most 0.0002 (our choice)."""


def speech_score(faces: dict[int, Face], samples: np.ndarray) -> float:
    """How far a face's lips follow the sound: frames and faces, samples (N,) at 16 kHz of the whole video.

    Covariance of the speed at which the lips open or close, in inter-ocular distances a frame, with the
    loudness in dB, over the latter's spread: the part of the movement that goes with the loudness. Both
    smoothed; the best of `LAGS`; 0 at least, and where too few frames are at hand (our choice).
    """
    frames = np.array(sorted(faces))
    points = np.stack([faces[index].landmarks for index in frames])
    opening = _distance(points, MOUTH_OPENING) / _distance(points, OUTER_EYE_CORNERS)
    every = np.arange(frames[0], frames[-1] + 1)
    levels = gaussian_filter1d(loudness(samples), SMOOTHING_FRAMES)
    if len(every) < LEAST_FRAMES:
        return 0.0
    speed = np.abs(np.gradient(np.interp(every, frames, opening)))
    speed = gaussian_filter1d(speed, SMOOTHING_FRAMES)
    best = 0.0
    for lag in LAGS:
        used = every + lag < len(levels)
        if used.sum() < LEAST_FRAMES:
            continue
        level = levels[(every + lag)[used]]
        if (spread := float(level.std())) > 0:
            together = (level - level.mean()) * (speed[used] - speed[used].mean())
            best = max(best, float(together.mean()) / spread)
    return best


def loudness(samples: np.ndarray) -> np.ndarray:
    """Level of each video frame in dB relative to the loudest: samples (N,) -> (N // 640,)."""
    whole = len(samples) // schema.SAMPLES_PER_FRAME * schema.SAMPLES_PER_FRAME
    power = np.square(samples[:whole], dtype=np.float64).reshape(-1, schema.SAMPLES_PER_FRAME).mean(1)
    if not power.any():
        return np.zeros(len(power))
    return np.maximum(10 * np.log10(np.maximum(power / power.max(), 1e-12)), QUIETEST_DB)


def _distance(points: np.ndarray, pair: tuple[int, int]) -> np.ndarray:
    one, other = (points[:, index, :2] for index in pair)
    return np.linalg.norm(one - other, axis=-1)
