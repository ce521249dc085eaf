"""The mel-frequency cepstral coefficients that SyncNet hears, equal to python_speech_features' defaults."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from lit_emotalk.schema import SAMPLE_RATE

WINDOW = 400
HOP = 160
FFT_SIZE = 512
CEPSTRA = 13
FILTERS = 26
PREEMPHASIS = 0.97
LIFTER = 22
INT16_SCALE = 32768.0
EPSILON = float(np.finfo(float).eps)


class MFCC(nn.Module):
    """13 cepstra every 10 ms from 16 kHz sound, as the reference SyncNet computes them.

    Samples are scaled and rounded to int16's range first; pre-emphasis 0.97, rectangular window of 25 ms,
    power spectrum of 512 points, 26 mel filters from 0 to 8000 Hz, orthonormal DCT-II, lifter 22, first
    coefficient replaced by the log of the window's energy. Computed in double precision. Source:
    python_speech_features 0.6, `mfcc` with its default arguments, which syncnet_python calls.
    """

    filters: Tensor
    transform: Tensor

    def __init__(self) -> None:
        super().__init__()
        lift = 1 + LIFTER / 2 * np.sin(np.pi * np.arange(CEPSTRA) / LIFTER)
        transform = _cosine_basis() * lift[:, None]
        self.register_buffer("filters", torch.from_numpy(_mel_filters()), persistent=False)
        self.register_buffer("transform", torch.from_numpy(transform), persistent=False)

    def _apply(self, fn, recurse=True):  # type: ignore[no-untyped-def]
        """Move with the parent module but stay in double precision."""
        super()._apply(fn, recurse)
        self.filters = self.filters.double()
        self.transform = self.transform.double()
        return self

    @torch.no_grad()
    def forward(self, samples: Tensor) -> Tensor:
        """(B, N) samples in [-1, 1] -> (B, columns(N), 13) float32; column k covers samples 160k .. 160k +
        399."""
        with torch.autocast(samples.device.type, enabled=False):
            integers = (samples.double() * INT16_SCALE).round().clamp(-INT16_SCALE, INT16_SCALE - 1)
            emphasised = torch.cat([integers[:, :1], integers[:, 1:] - PREEMPHASIS * integers[:, :-1]], 1)
            missing = (columns(samples.shape[1]) - 1) * HOP + WINDOW - samples.shape[1]
            windows = nn.functional.pad(emphasised, (0, missing)).unfold(1, WINDOW, HOP)
            power = torch.fft.rfft(windows, FFT_SIZE).abs().square() / FFT_SIZE
            energy = _positive(power.sum(-1, keepdim=True))
            cepstra = _positive(power @ self.filters.T).log() @ self.transform.T
            return torch.cat([energy.log(), cepstra[..., 1:]], -1).float()


def columns(samples: int) -> int:
    """Number of MFCC columns of `samples` samples: the last window is padded with zeros."""
    return 1 if samples <= WINDOW else 1 + math.ceil((samples - WINDOW) / HOP)


def _positive(values: Tensor) -> Tensor:
    return torch.where(values == 0, EPSILON, values)


def _mel_filters() -> np.ndarray:
    """(26, 257) triangular filters whose corners are rounded down to spectrum bins."""
    top = 2595 * math.log10(1 + SAMPLE_RATE / 2 / 700)
    hertz = 700 * (10 ** (np.linspace(0, top, FILTERS + 2) / 2595) - 1)
    corners = np.floor((FFT_SIZE + 1) * hertz / SAMPLE_RATE)
    bins = np.arange(FFT_SIZE // 2 + 1)
    left, centre, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        rising = np.where((bins >= left) & (bins < centre), (bins - left) / (centre - left), 0.0)
        falling = np.where((bins >= centre) & (bins < right), (right - bins) / (right - centre), 0.0)
    return rising + falling


def _cosine_basis() -> np.ndarray:
    """(13, 26) first rows of the orthonormal DCT-II."""
    angle = np.pi * np.arange(CEPSTRA)[:, None] * (2 * np.arange(FILTERS) + 1) / (2 * FILTERS)
    basis = np.cos(angle) * math.sqrt(2 / FILTERS)
    basis[0] /= math.sqrt(2)
    return basis
