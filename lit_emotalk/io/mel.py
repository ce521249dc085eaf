"""Mel filters as Slaney's Auditory Toolbox makes them, bit by bit those of librosa, whose import takes
seconds."""

from functools import cache

import numpy as np

LINEAR_STEP = 200 / 3
"""Hz of one mel below `LINEAR_TO`."""
LINEAR_TO = 1000.0
LOG_STEP = np.log(6.4) / 27
"""A mel above multiplies the frequency by exp(`LOG_STEP`)."""


@cache
def mel_filters(rate: int, window: int, bands: int, low: float, high: float) -> np.ndarray:
    """Filters (bands, window // 2 + 1) float32 over the bins of a window of samples at `rate` Hz.

    Triangles evenly spaced in mels from `low` to `high` Hz, each of area one (Slaney 1998).
    """
    first, last = _mels(np.array([low, high]))
    edges = _hertz(np.linspace(first, last, bands + 2))
    bins = np.fft.rfftfreq(window, 1 / rate)
    ramps, widths = edges[:, None] - bins, np.diff(edges)[:, None]
    rising, falling = -ramps[:-2] / widths[:-1], ramps[2:] / widths[1:]
    heights = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    filters: np.ndarray = (heights * (2 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)
    return filters


def _mels(hertz: np.ndarray) -> np.ndarray:
    above = np.log(np.maximum(hertz, LINEAR_TO) / LINEAR_TO) / LOG_STEP
    return np.minimum(hertz, LINEAR_TO) / LINEAR_STEP + above


def _hertz(mels: np.ndarray) -> np.ndarray:
    bend = LINEAR_TO / LINEAR_STEP
    return np.where(mels >= bend, LINEAR_TO * np.exp(LOG_STEP * (mels - bend)), LINEAR_STEP * mels)
