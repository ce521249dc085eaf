"""Signal processing of the voice: effort, tension, breath, tremor, roughness, nasality, tilt, timbre. Sizes
are our choice where no source is named."""

import numpy as np
import soxr
from scipy.ndimage import gaussian_filter1d

from data_prep.synthetic.speech.prosody import Prosody
from data_prep.synthetic.speech.voice import TIMBRE_HZ, Voice
from lit_emotalk.io.compiled import librosa
from lit_emotalk.schema import SAMPLE_RATE

NEUTRAL_RMS = 0.02
"""Of neutral speech, -34 dB of full scale: shouts are 20 dB louder and not clipped."""
EFFORT_HZ: tuple[float, ...] = (100.0, 300.0, 700.0, 1500.0, 2500.0, 4500.0, 8000.0)
EFFORT_GAIN: tuple[float, ...] = (0.6, 0.8, 1.0, 1.15, 1.2, 1.0, 0.75)
"""dB in each band for a dB of effort: louder speech has the more energy at 1.5-4 kHz (Nordenberg and Sundberg
2004, long-term spectra of loud speech)."""
TREMOR_HZ = 6.5
CREAK_HZ = 42.0
TILT_FROM_HZ = 500.0
BREATH_WINDOW, BREATH_HOP = 512, 128
BREATH_SMOOTH_BINS = 8.0
BREATH_FROM_HZ = 900.0
ENVELOPE_SECONDS = 0.03


def resample(samples: np.ndarray, rate: float) -> np.ndarray:
    """Samples at `rate` Hz to 16 kHz, float32."""
    return soxr.resample(samples, rate, SAMPLE_RATE).astype(np.float32)


def colour(samples: np.ndarray, prosody: Prosody, voice: Voice, rng: np.random.Generator) -> np.ndarray:
    """The emotional colour of a voice: float (N,) 16 kHz -> float64 (N,), as loud as the emotion is."""
    voiced = samples.astype(np.float64) / max(speech_rms(samples), 1e-6)
    if prosody.tension > 0:
        drive = 0.2 + 0.3 * prosody.tension
        voiced = np.tanh(drive * voiced) / np.tanh(drive)
    if prosody.tremor > 0:
        voiced = _tremble(voiced, prosody.tremor, rng)
    if prosody.rough > 0:
        voiced = _creak(voiced, prosody.rough, rng)
    voiced = _filter(voiced, prosody, voice)
    breath = voice.breath + prosody.breath
    if breath > 0:
        voiced = _breathe(voiced, breath, rng)
    if prosody.dynamics:
        voiced = _expand(voiced, prosody.dynamics)
    return voiced / max(speech_rms(voiced), 1e-6) * NEUTRAL_RMS * 10 ** (prosody.loudness / 20)


def speech_rms(samples: np.ndarray) -> float:
    """Root mean square of the louder part of a signal, so that pauses do not count."""
    frames = samples[: len(samples) // 320 * 320].reshape(-1, 320)
    power = (frames.astype(np.float64) ** 2).mean(1)
    return float(np.sqrt(power[power >= 0.1 * power.max()].mean()))


def _tremble(samples: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Vibrato (3.5 % at full amount) and amplitude tremor at about 6.5 Hz, both a little irregular."""
    count = len(samples)
    rate = TREMOR_HZ * (1 + 0.15 * _slow_noise(count, 0.15, rng))
    phase = 2 * np.pi * np.cumsum(rate) / SAMPLE_RATE + rng.uniform(0, 2 * np.pi)
    delay = 0.035 * amount / (2 * np.pi * TREMOR_HZ) * SAMPLE_RATE * np.sin(phase)
    position = np.arange(count)
    warped = np.interp(position + delay, position, samples)
    return warped * (1 + 0.55 * min(amount, 1.5) * np.sin(phase + 1.0))


def _creak(samples: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Irregular amplitude pulses at about 42 Hz, as in a creaky or growling voice."""
    rate = CREAK_HZ * (1 + 0.2 * _slow_noise(len(samples), 0.03, rng))
    phase = 2 * np.pi * np.cumsum(rate) / SAMPLE_RATE
    return samples * (1 - 0.7 * min(amount, 1.3) * (0.5 + 0.5 * np.cos(phase)) ** 2)


def _breathe(samples: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Aspiration noise above 900 Hz that goes through the same vocal tract: noise times the voice's smoothed
    spectrum, less steep by 3 dB an octave; the voice itself gives way (a leaking glottis closes less)."""
    spectrum = librosa().stft(samples, n_fft=BREATH_WINDOW, hop_length=BREATH_HOP)
    envelope = gaussian_filter1d(np.abs(spectrum), BREATH_SMOOTH_BINS, axis=0)
    hertz = np.fft.rfftfreq(BREATH_WINDOW, 1 / SAMPLE_RATE)
    slope = np.sqrt(np.maximum(hertz, BREATH_FROM_HZ) / BREATH_FROM_HZ) * (hertz > BREATH_FROM_HZ)
    phase = np.exp(2j * np.pi * rng.random(envelope.shape))
    noise = librosa().istft(slope[:, None] * envelope * phase, hop_length=BREATH_HOP, length=len(samples))
    return (1 - 0.3 * min(amount, 1.0)) * samples + 1.6 * amount * noise


def _expand(samples: np.ndarray, exponent: float) -> np.ndarray:
    """Loud syllables louder and quiet ones quieter: the slow envelope to the power of 1 + `exponent`."""
    envelope = np.sqrt(gaussian_filter1d(samples**2, ENVELOPE_SECONDS * SAMPLE_RATE))
    relative = np.clip(envelope / max(speech_rms(samples), 1e-6), 0.05, 3.0)
    return samples * relative**exponent


def _filter(samples: np.ndarray, prosody: Prosody, voice: Voice) -> np.ndarray:
    """The speaker's timbre; what effort does to the spectrum; spectral tilt above 500 Hz; nasality: more at
    270 Hz, less at 850 Hz, more at 2.2 kHz."""
    frequency = np.maximum(np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE), 1.0)
    octave = np.log2(frequency)
    gain = np.interp(octave, np.log2(TIMBRE_HZ), voice.timbre)
    gain += prosody.loudness * (np.interp(octave, np.log2(EFFORT_HZ), EFFORT_GAIN) - 1)
    gain += prosody.tilt * np.log2(np.maximum(frequency / TILT_FROM_HZ, 1.0))
    for centre, width, decibel in ((270.0, 90.0, 7.0), (850.0, 230.0, -10.0), (2200.0, 300.0, 5.0)):
        gain += prosody.nasal * decibel * np.exp(-0.5 * ((frequency - centre) / width) ** 2)
    return np.fft.irfft(np.fft.rfft(samples) * 10 ** (gain / 20), len(samples))


def _slow_noise(count: int, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise of unit variance that changes over about `seconds`."""
    step = max(1, round(seconds * SAMPLE_RATE))
    knots = rng.standard_normal(count // step + 3)
    return np.interp(np.arange(count), np.arange(len(knots)) * step, knots)
