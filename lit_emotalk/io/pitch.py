"""The pitch of a voice, and how periodic it is, beside every column of the log-mel."""

import numpy as np

from lit_emotalk.errors import UserError
from lit_emotalk.io.compiled import librosa
from lit_emotalk.schema import MEL_HOP, MEL_PER_FRAME, SAMPLE_RATE, SAMPLES_PER_FRAME

LOWEST_HZ, HIGHEST_HZ = 60.0, 500.0
WINDOW = 1024
"""Samples that one pitch is found in (64 ms): nearly four periods of the lowest voice."""
SILENT = 1e-12
"""Added to energies, so that digital silence has no period."""


def pitch_track(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pitch in Hz, `LOWEST_HZ` to `HIGHEST_HZ`, and periodicity in [-1, 1], each (N // 160 + 1,) float64.

    samples: (N,) float at 16 kHz. Pitch by YIN (de Cheveigne and Kawahara 2002), for silence and noise too,
    where it means nothing; periodicity is the correlation of the window around sample 160 k with itself one
    period later, near 1 in a clear voice.
    """
    samples = samples.astype(np.float64)
    hertz = librosa().yin(
        samples, fmin=LOWEST_HZ, fmax=HIGHEST_HZ, sr=SAMPLE_RATE, frame_length=WINDOW, hop_length=MEL_HOP
    )
    frames = librosa().util.frame(np.pad(samples, WINDOW // 2), frame_length=WINDOW, hop_length=MEL_HOP)
    periodic = np.zeros(len(hertz))
    for i, period in enumerate(np.round(SAMPLE_RATE / hertz).astype(int)):
        early, late = frames[:-period, i], frames[period:, i]
        periodic[i] = (early @ late) / np.sqrt((early @ early) * (late @ late) + SILENT)
    return hertz, periodic


def pitch_columns(samples: np.ndarray) -> np.ndarray:
    """log2 of the pitch in Hz and the periodicity of `pitch_track`, beside each column of the log-mel.

    samples (N,) in [-1, 1] at 16 kHz -> float32 (4T, 2), T = N // 640 video frames. Raises UserError where
    there is not one whole frame.
    """
    columns = len(samples) // SAMPLES_PER_FRAME * MEL_PER_FRAME
    if columns == 0:
        raise UserError(f"{len(samples)} samples are too short; at least {SAMPLES_PER_FRAME} are needed")
    hertz, periodic = pitch_track(samples[: columns * MEL_HOP])
    return np.stack([np.log2(hertz), periodic], 1)[:columns].astype(np.float32)
