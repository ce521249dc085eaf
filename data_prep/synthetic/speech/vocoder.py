"""Sound from envelopes and pitch: pulses through a minimum-phase filter, and shaped noise.

The pulse train and the transforms are hibari's; the filter is what changes when a voice becomes another
speaker's, and a phase that was learned for one voice would no longer fit.
"""

import numpy as np
from hibari import dsp
from scipy import fft

from data_prep.synthetic.speech.natural import BINS, SPECTRUM_WINDOW

_LOUDEST = 7.0


def vocode(voice: np.ndarray, noise: np.ndarray, pitch: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Samples (300 F,) float32 at 24 kHz of F frames.

    voice, noise: (F, 601) log magnitudes as in `SpokenSpectra`; pitch (F,) Hz, 0 where there is no voice.
    """
    frames = len(pitch)
    pulses = dsp.stft(dsp.pulses(pitch.astype(np.float32)), frames)
    phase = rng.uniform(0, 2 * np.pi, (BINS, frames)).astype(np.float32)
    shaped = np.exp(np.minimum(noise, _LOUDEST)).T * np.exp(1j * phase)
    return dsp.ola((minimum_phase(np.minimum(voice, _LOUDEST)).T * pulses + shaped).astype(np.complex64))


def minimum_phase(envelopes: np.ndarray) -> np.ndarray:
    """Complex spectra (F, 601) of minimum phase with these log magnitudes (F, 601): the cepstrum is folded
    onto positive times (Oppenheim and Schafer, "Discrete-Time Signal Processing", section on the complex
    cepstrum)."""
    cepstra = fft.irfft(envelopes.astype(np.float32), axis=1)
    fold = np.zeros(SPECTRUM_WINDOW, np.float32)
    fold[0] = fold[SPECTRUM_WINDOW // 2] = 1.0
    fold[1 : SPECTRUM_WINDOW // 2] = 2.0
    return np.exp(fft.rfft(cepstra * fold, axis=1))
