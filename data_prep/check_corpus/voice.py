"""How a voice sounds over a clip: pitch, loudness, rhythm, spectrum and roughness, from the sound alone."""

from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from lit_emotalk.io.compiled import librosa
from lit_emotalk.io.pitch import pitch_track
from lit_emotalk.schema import SAMPLE_RATE

HOP = 160
VOICED = 0.6
OCTAVES_AWAY = 1.2
"""A pitch this far from the median is an error of the tracker."""
FEWEST_FRAMES = 5
SPECTRUM_WINDOW = 512
BAND_EDGES_HZ = (100, 400, 700, 1000, 1500, 2000, 2600, 3500, 5000, 7500)
SPEECH_BELOW_PEAK_DB = 25.0
"""Frames at most this much quieter than the clip's loud parts (95th percentile) are speech (our choice)."""

TREMOR_HZ, ROUGH_HZ = (4.5, 9.0), (28.0, 70.0)
ENVELOPE_HZ = 400

VOICE_FEATURES: tuple[str, ...] = (
    "pitch", "pitch_spread", "pitch_range", "pitch_slope", "pitch_end", "pitch_steps", "voiced",
    "harmonicity", "loudness", "loudness_spread", "loudness_range", "loudness_slope",
    "seconds", "syllables_a_second", "pauses", "longest_run",
    "centroid", "tilt", "flatness", "zero_crossings",
    "tremor", "unrest", "roughness",
    *(f"band_{low}" for low in BAND_EDGES_HZ[:-1]),
    *(f"cepstrum_{i}" for i in range(1, 13)),
)  # fmt: skip
"""Names of the numbers that `voice_features` gives."""


def voice_features(samples: np.ndarray) -> np.ndarray:
    """Numbers (44,) float64 that describe a clip's voice, in the order of `VOICE_FEATURES`.

    samples: (N,) float in [-1, 1] at 16 kHz, at least a second. Pitches are log2 Hz, loudness dB of full
    scale, bands dB of the speech's whole power. The choice of features is ours, after the usual sets of
    vocal emotion (Eyben et al., "GeMAPS", 2016).
    """
    samples = samples.astype(np.float64)
    power = _power(samples)
    decibel = 10 * np.log10(power + 1e-10)
    speech = decibel > np.quantile(decibel, 0.95) - SPEECH_BELOW_PEAK_DB
    spectrum = np.abs(librosa().stft(samples, n_fft=SPECTRUM_WINDOW, hop_length=HOP)) ** 2
    spectrum = spectrum[:, : len(power)]
    values = [
        *_pitch(samples, speech),
        *_loudness(decibel, speech),
        *_rhythm(decibel, speech),
        *_spectrum(samples, spectrum[:, speech]),
        *_modulation(samples, speech),
        *_bands(spectrum[:, speech]),
        *_cepstrum(samples, speech),
    ]
    return np.nan_to_num(np.array(values))


def _power(samples: np.ndarray) -> np.ndarray:
    frames = librosa().util.frame(np.pad(samples, 200), frame_length=400, hop_length=HOP)
    return (frames**2).mean(0)


def _pitch(samples: np.ndarray, speech: np.ndarray) -> list[float]:
    """Median, spread, 10-90 % range, slope, end against the whole, mean step, share voiced, harmonicity.

    Pitch and periodicity by `pitch_track`; a frame is voiced where its periodicity is at least `VOICED`;
    harmonicity is the mean of these.
    """
    hertz, periodic = (track[: len(speech)] for track in pitch_track(samples))
    there = np.flatnonzero(speech[: len(hertz)] & (periodic >= VOICED))
    if len(there):
        octaves = np.log2(hertz[there])
        there = there[np.abs(octaves - np.median(octaves)) < OCTAVES_AWAY]
    if len(there) < FEWEST_FRAMES:
        return [0.0] * 8
    track = np.log2(hertz[there])
    low, high = np.quantile(track, (0.1, 0.9))
    end = track[there > there[0] + 0.8 * (there[-1] - there[0])]
    steps = np.abs(np.diff(track))[np.diff(there) == 1]
    return [
        float(np.median(track)),
        float(track.std()),
        float(high - low),
        _slope(there * HOP / SAMPLE_RATE, track),
        float(np.median(end) - np.median(track)),
        float(steps.mean()) if len(steps) else 0.0,
        len(there) / max(speech.sum(), 1),
        float(periodic[there].mean()),
    ]


def _slope(time: np.ndarray, values: np.ndarray) -> float:
    return float(np.polyfit(time, values, 1)[0]) if len(values) > 2 else 0.0


def _loudness(decibel: np.ndarray, speech: np.ndarray) -> list[float]:
    loud = decibel[speech]
    low, high = np.quantile(loud, (0.1, 0.95))
    return [float(high), float(loud.std()), float(high - low), _slope(np.flatnonzero(speech) / 100, loud)]


def _rhythm(decibel: np.ndarray, speech: np.ndarray) -> list[float]:
    """Seconds from first to last speech, loudness peaks a second, share of pauses, longest run."""
    first, last = np.flatnonzero(speech)[[0, -1]]
    seconds = (last - first + 1) * HOP / SAMPLE_RATE
    smooth = gaussian_filter1d(decibel[first : last + 1], 3)
    peaks = len(find_peaks(smooth, prominence=2.0)[0])
    inside = speech[first : last + 1]
    runs = np.diff(np.flatnonzero(np.concatenate([[True], ~inside, [True]]))) - 1
    return [seconds, peaks / seconds, 1 - float(inside.mean()), runs.max() * HOP / SAMPLE_RATE]


def _spectrum(samples: np.ndarray, power: np.ndarray) -> list[float]:
    """Centroid (log2 Hz), tilt (dB an octave), flatness of 2-6 kHz, zero crossings."""
    hertz = librosa().fft_frequencies(sr=SAMPLE_RATE, n_fft=SPECTRUM_WINDOW)
    mean = power.mean(1) + 1e-12
    voice = (hertz > 200) & (hertz < 6000)
    tilt = np.polyfit(np.log2(hertz[voice]), 10 * np.log10(mean[voice]), 1)[0]
    high = power[(hertz > 2000) & (hertz < 6000)] + 1e-12
    flat = np.log(np.exp(np.log(high).mean(0)) / high.mean(0)).mean()
    crossings = np.log(np.abs(np.diff(np.signbit(samples))).mean() + 1e-4)
    centroid = np.log2((hertz @ mean) / mean.sum())
    return [float(value) for value in (centroid, tilt, flat, crossings)]


def _modulation(samples: np.ndarray, speech: np.ndarray) -> list[float]:
    """Share of the envelope's movement at a tremor's rate, its depth, share at a creak's; logarithms."""
    step = SAMPLE_RATE // ENVELOPE_HZ
    envelope = np.sqrt((samples[: len(samples) // step * step].reshape(-1, step) ** 2).mean(1))
    voiced = np.repeat(speech, ENVELOPE_HZ * HOP // SAMPLE_RATE)[: len(envelope)]
    envelope = envelope[: len(voiced)][voiced]
    level = gaussian_filter1d(envelope, 0.15 * ENVELOPE_HZ) + 1e-6
    relative = envelope / level - 1
    power = np.abs(np.fft.rfft(relative * np.hanning(len(relative)))) ** 2
    hertz = np.fft.rfftfreq(len(relative), 1 / ENVELOPE_HZ)
    whole = power[(hertz > 2)].sum() + 1e-9

    def share(low: float, high: float) -> float:
        return float(np.log(power[(hertz >= low) & (hertz < high)].sum() / whole + 1e-4))

    depth = float(np.log(np.std(gaussian_filter1d(relative, 4)) + 1e-4))
    return [share(*TREMOR_HZ), depth, share(*ROUGH_HZ)]


def _bands(power: np.ndarray) -> list[float]:
    hertz = librosa().fft_frequencies(sr=SAMPLE_RATE, n_fft=SPECTRUM_WINDOW)
    mean = power.mean(1) + 1e-12
    edges = pairwise(BAND_EDGES_HZ)
    shares = [mean[(hertz >= low) & (hertz < high)].sum() / mean.sum() for low, high in edges]
    return [float(10 * np.log10(share + 1e-6)) for share in shares]


def _cepstrum(samples: np.ndarray, speech: np.ndarray) -> list[float]:
    cepstra = librosa().feature.mfcc(
        y=samples, sr=SAMPLE_RATE, n_mfcc=13, n_fft=SPECTRUM_WINDOW, hop_length=HOP
    )
    return [float(value) for value in cepstra[1:, : len(speech)][:, speech].mean(1)]
