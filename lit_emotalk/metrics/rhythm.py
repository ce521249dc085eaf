"""Does the face move with the sound? BAS on beats and SLCC on loudness."""

from typing import Any

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from scipy.signal import argrelmin
from torch import Tensor

from lit_emotalk.face.regions import OUTER_EYE_CORNERS
from lit_emotalk.io.compiled import librosa
from lit_emotalk.metrics.base import ClipMean, Protocol
from lit_emotalk.metrics.expression import correlation
from lit_emotalk.metrics.speech import rms_loudness
from lit_emotalk.metrics.theval import BACKBONE, lip_opening
from lit_emotalk.schema import FPS, SAMPLE_RATE

SMOOTH_FRAMES = 5.0
TOLERANCE_SECONDS = 0.1
ONSET_HOP = 160
SPECTRUM = 2048
"""Samples of librosa's spectrum: shorter sounds are padded."""
FEWEST = 3


def beat_alignment(landmarks: Tensor, samples: np.ndarray | Tensor, fps: float = FPS) -> Tensor:
    """Beat alignment score (BAS): landmarks (T, 478, 2 or 3) in pixels, sound (N,) at 16 kHz -> a scalar in
    [0, 1].

    The mean over the sound's onsets of exp(-d^2 / (2 x 0.1^2)), d the seconds to the nearest motion beat; 0
    where the face has none. NaN without an onset within the video, or with fewer than three frames with a
    face. Source: KDTalker. On speech the sound's beats are onsets of syllables, not of music.
    """
    heard = sound_beats(samples)
    heard = heard[heard < len(landmarks) / fps]
    moved = motion_beats(landmarks, fps)
    if moved is None or not len(heard):
        return torch.tensor(torch.nan, dtype=torch.float64)
    if not len(moved):
        return torch.tensor(0.0, dtype=torch.float64)
    away = np.abs(heard[:, None] - moved[None]).min(1)
    return torch.from_numpy(np.exp(-(away**2) / (2 * TOLERANCE_SECONDS**2))).mean()


def motion_beats(landmarks: Tensor, fps: float = FPS) -> np.ndarray | None:
    """When the face comes to rest: landmarks (T, 478, 2 or 3) in pixels -> (B,) seconds.

    Minima of the landmarks' mean speed, smoothed by a Gaussian whose standard deviation is 5 frames. The
    speed over frames without a face (NaN) is taken from the nearest ones, linearly. None with fewer than
    three frames with a face.
    """
    points = torch.as_tensor(landmarks)[..., :2].double()
    speed = points.diff(dim=0).norm(dim=-1).mean(-1).numpy()
    known = np.isfinite(speed)
    if known.sum() < FEWEST - 1:
        return None
    places = np.arange(len(speed))
    smooth = gaussian_filter1d(np.interp(places, places[known], speed[known]), SMOOTH_FRAMES)
    return (argrelmin(smooth)[0] + 1) / fps


def sound_beats(samples: np.ndarray | Tensor) -> np.ndarray:
    """Onsets of a sound (N,) at 16 kHz, by librosa -> (B,) seconds."""
    sound = np.asarray(samples, np.float32)
    sound = np.pad(sound, (0, max(SPECTRUM - len(sound), 0)))
    return np.asarray(
        librosa().onset.onset_detect(y=sound, sr=SAMPLE_RATE, hop_length=ONSET_HOP, units="time")
    )


def loudness_correlation(landmarks: Tensor, samples: np.ndarray | Tensor, fps: float = FPS) -> Tensor:
    """Speech-lip intensity correlation (SLCC): landmarks (T, 478, 2 or 3) in pixels, sound (N,) at 16 kHz ->
    a scalar in [-1, 1].

    Pearson's correlation of loudness (`rms_loudness`) and the lips' opening over the distance of the outer
    eye corners, over the frames with a face; 0 where one does not vary. NaN with fewer than three such
    frames, or in silence. Source: "Perceptually Accurate 3D Talking Head Generation", on landmarks in place
    of meshes.
    """
    points = torch.as_tensor(landmarks)[..., :2].double()
    right, left = (points[:, corner] for corner in OUTER_EYE_CORNERS)
    opening = lip_opening(points)[0] / (left - right).norm(dim=-1)
    seen = opening.isfinite()
    loudness = rms_loudness(samples, len(points), fps)
    if seen.sum() < FEWEST or not loudness.any():
        return opening.new_tensor(torch.nan)
    return correlation(opening[seen], loudness[seen])


class BAS(ClipMean):
    """`beat_alignment`, averaged over clips. update(landmarks, samples)."""

    PROTOCOL = Protocol(
        "BAS", "higher", "", BACKBONE,
        "mean over the sound's onsets (speech has no beats of music) of exp(-d²/(2 x 0.1²)), d the seconds "
        "to the next minimum of the landmarks' mean speed, smoothed over 5 frames",
    )  # fmt: skip

    def score(self, *inputs: Any) -> Tensor:
        """The clip's value (1,)."""
        return beat_alignment(*inputs)[None]


class SLCC(ClipMean):
    """`loudness_correlation`, averaged over clips. update(landmarks, samples)."""

    PROTOCOL = Protocol(
        "SLCC", "higher", "", BACKBONE, "Pearson's correlation of loudness and the opening of the lips",
    )  # fmt: skip

    def score(self, *inputs: Any) -> Tensor:
        """The clip's value (1,)."""
        return loudness_correlation(*inputs)[None]
