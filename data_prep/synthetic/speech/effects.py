"""Signal processing of the voice: tension, breath, tremor, roughness, nasality, tilt, loudness, room. All our
choice."""

import numpy as np
import soxr
from scipy.ndimage import gaussian_filter1d

from data_prep.synthetic.speech.prosody import Prosody
from data_prep.synthetic.speech.voice import Voice
from lit_emotalk.schema import SAMPLE_RATE

NEUTRAL_RMS = 0.063
TREMOR_HZ = 6.5
CREAK_HZ = 42.0
TILT_FROM_HZ = 500.0
LIMIT_FROM, LIMIT = 0.7, 0.98


def resample(samples: np.ndarray, rate: float) -> np.ndarray:
    """Samples at `rate` Hz to 16 kHz, float32."""
    return soxr.resample(samples, rate, SAMPLE_RATE).astype(np.float32)


def colour(samples: np.ndarray, prosody: Prosody, voice: Voice, rng: np.random.Generator) -> np.ndarray:
    """The emotional colour of a voice: float (N,) 16 kHz -> float64 (N,), as loud as the emotion is."""
    voiced = samples.astype(np.float64) / max(_speech_rms(samples), 1e-6)
    if prosody.tension > 0:
        drive = 0.3 + 1.2 * prosody.tension
        voiced = np.tanh(drive * voiced) / np.tanh(drive)
    if prosody.tremor > 0:
        voiced = _tremble(voiced, prosody.tremor, rng)
    if prosody.rough > 0:
        voiced = _creak(voiced, prosody.rough, rng)
    voiced = _filter(voiced, prosody)
    breath = voice.breath + prosody.breath
    if breath > 0:
        voiced = _breathe(voiced, breath, rng)
    return voiced / max(_speech_rms(voiced), 1e-6) * NEUTRAL_RMS * 10 ** (prosody.loudness / 20)


def place(samples: np.ndarray, voice: Voice, rng: np.random.Generator) -> np.ndarray:
    """The voice in the speaker's room as recorded: light reverberation, recording level (+-1.5 dB), noise
    floor; float32."""
    decay = voice.reverb * rng.uniform(0.85, 1.15)
    time = np.arange(round(decay * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(time)) * 10 ** (-3 * time / decay)
    tail[: round(0.004 * SAMPLE_RATE)] = 0.0
    tail *= 10 ** (rng.uniform(-16, -10) / 20) / np.linalg.norm(tail)
    size = 1 << int(np.ceil(np.log2(len(samples) + len(tail))))
    echo = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(tail, size), size)[: len(samples)]
    level = 10 ** (1.5 * np.clip(rng.standard_normal(), -2, 2) / 20)
    noise = 10 ** (rng.uniform(-66, -56) / 20) * rng.standard_normal(len(samples))
    mixed = level * (samples + echo) + noise
    over = np.maximum(np.abs(mixed) - LIMIT_FROM, 0)
    room = LIMIT - LIMIT_FROM
    return np.where(over > 0, np.sign(mixed) * (LIMIT_FROM + room * np.tanh(over / room)), mixed).astype(
        np.float32
    )


def _speech_rms(samples: np.ndarray) -> float:
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
    return warped * (1 + 0.55 * amount * np.sin(phase + 1.0))


def _creak(samples: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Irregular amplitude pulses at about 42 Hz, as in a creaky or growling voice."""
    rate = CREAK_HZ * (1 + 0.2 * _slow_noise(len(samples), 0.03, rng))
    phase = 2 * np.pi * np.cumsum(rate) / SAMPLE_RATE
    return samples * (1 - 0.8 * amount * (0.5 + 0.5 * np.cos(phase)) ** 2)


def _breathe(samples: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Noise of 1.2-6 kHz that follows the voice's envelope."""
    envelope = gaussian_filter1d(np.abs(samples), 0.012 * SAMPLE_RATE)
    spectrum = np.fft.rfft(rng.standard_normal(len(samples)))
    frequency = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    spectrum *= (frequency > 1200) * np.minimum(1, 3500 / np.maximum(frequency, 1))
    return samples + 0.55 * amount * envelope * np.fft.irfft(spectrum, len(samples))


def _filter(samples: np.ndarray, prosody: Prosody) -> np.ndarray:
    """Spectral tilt above 500 Hz, and nasality: more at 270 Hz, less at 850 Hz, more at 2.2 kHz."""
    frequency = np.maximum(np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE), 1.0)
    gain = prosody.tilt * np.log2(np.maximum(frequency / TILT_FROM_HZ, 1.0))
    for centre, width, decibel in ((270.0, 90.0, 7.0), (850.0, 230.0, -13.0), (2200.0, 300.0, 5.0)):
        gain = gain + prosody.nasal * decibel * np.exp(-0.5 * ((frequency - centre) / width) ** 2)
    return np.fft.irfft(np.fft.rfft(samples) * 10 ** (gain / 20), len(samples))


def _slow_noise(count: int, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth noise of unit variance that changes over about `seconds`."""
    step = max(1, round(seconds * SAMPLE_RATE))
    knots = rng.standard_normal(count // step + 3)
    return np.interp(np.arange(count), np.arange(len(knots)) * step, knots)
