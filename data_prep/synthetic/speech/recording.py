"""How a voice was recorded: room, distance, noise, microphone, level, codec. Sizes are our choice."""

from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np

from data_prep.synthetic.speech.codec import CODECS, through_codec
from data_prep.synthetic.speech.effects import NEUTRAL_RMS, resample, speech_rms
from data_prep.synthetic.speech.espeak import synthesise
from data_prep.synthetic.speech.sentences import load_sentences
from data_prep.synthetic.speech.voice import MEN, WOMEN
from lit_emotalk.schema import SAMPLE_RATE

NOISES: dict[str, float] = {"white": 0.0, "pink": -1.0, "brown": -2.0, "babble": 0.0}
"""Kinds of noise by the slope of their power, in powers of the frequency; babble is several voices."""

LIMIT_FROM, LIMIT = 0.7, 0.98
TYPICAL_RMS = 0.06
EARLY_SECONDS = 0.05
REFLECTIONS = 6
LATE_BANDS_HZ = (0.0, 500.0, 1500.0, 3500.0, 8000.0)
LATE_DECAY = (1.15, 1.0, 0.8, 0.6)
"""High frequencies die away sooner (walls and air absorb them)."""
BABBLERS, BABBLE_VOICES = 12, 5


@dataclass(frozen=True)
class Recording:
    """A recording.

    `decay`: the room's reverberation time in seconds; `direct`: dB of the direct sound over the
    reverberation, less with distance; `noise`: a kind, `snr`: dB of neutral speech over it; `low`, `high`:
    the band in Hz; `level`: dB of gain; `automatic`: share of the loudness' differences that an automatic
    gain takes away, 0 to 1; `codec`: a name of `codec.CODECS` or None, `bitrate` in bit/s; `before`, `after`:
    seconds of silence around the speech.
    """

    decay: float
    direct: float
    noise: str
    snr: float
    low: float
    high: float
    level: float
    automatic: float
    codec: str | None
    bitrate: int
    before: float
    after: float

    def to_json(self) -> dict[str, Any]:
        """As a plain dict."""
        return asdict(self)

    @property
    def name(self) -> str:
        """In a few words, for a clip's record."""
        coded = f", {self.codec} {self.bitrate / 1000:.0f} kbit/s" if self.codec else ""
        return (
            f"room {self.decay:.2f} s at {self.direct:.0f} dB, {self.noise} noise at {self.snr:.0f} dB{coded}"
        )


def mild_recording(rng: np.random.Generator) -> Recording:
    """A good recording as corpora of faces have: a small room, near, quiet, not coded."""
    return Recording(
        decay=float(rng.uniform(0.1, 0.4)),
        direct=float(rng.uniform(10, 18)),
        noise=str(rng.choice(["white", "pink"])),
        snr=float(rng.uniform(28, 42)),
        low=float(rng.uniform(40, 90)),
        high=8000.0,
        level=float(np.clip(1.5 * rng.standard_normal(), -3, 3)),
        automatic=0.0,
        codec=None,
        bitrate=0,
        before=float(rng.uniform(0.06, 0.12)),
        after=float(rng.uniform(0.08, 0.14)),
    )


def draw_recording(rng: np.random.Generator) -> Recording:
    """Any recording: four in ten are good ones but for level and gain; the others far, in noise, coded or of
    a narrow band."""
    good = mild_recording(rng)
    worse = rng.random(4) < np.array([0.4, 0.45, 0.25, 0.45]) if rng.random() < 0.6 else np.zeros(4, bool)
    far, noisy, narrow, coded = worse
    codec = str(rng.choice(list(CODECS))) if coded else None
    return Recording(
        decay=float(rng.uniform(0.3, 0.9)) if far else good.decay,
        direct=float(rng.uniform(0, 10)) if far else good.direct,
        noise=str(rng.choice(list(NOISES))) if noisy else good.noise,
        snr=float(rng.uniform(5, 25)) if noisy else good.snr,
        low=float(rng.uniform(80, 300)) if narrow else good.low,
        high=float(np.exp(rng.uniform(*np.log((3400, 7500))))) if narrow else good.high,
        level=float(np.clip(5 * rng.standard_normal(), -10, 10)),
        automatic=float(rng.uniform(0.3, 1.0)) if rng.random() < 0.3 else 0.0,
        codec=codec,
        bitrate=int(rng.choice(CODECS[codec])) if codec else 0,
        before=good.before + float(min(rng.exponential(0.2), 0.8)),
        after=good.after + float(min(rng.exponential(0.2), 0.8)),
    )


def record(samples: np.ndarray, recording: Recording, rng: np.random.Generator) -> np.ndarray:
    """The dry voice (N,) at 16 kHz, neutral speech at `NEUTRAL_RMS`, as recorded: float32 (N,) in (-1, 1),
    not delayed."""
    mixed = samples + _reverberation(samples, recording, rng)
    mixed = mixed + 10 ** (-recording.snr / 20) * NEUTRAL_RMS * _noise(recording.noise, len(samples), rng)
    mixed = _band(mixed, recording.low, recording.high)
    loud = speech_rms(mixed)
    automatic = (TYPICAL_RMS / max(loud, 1e-6)) ** recording.automatic
    mixed = mixed * automatic * 10 ** (recording.level / 20)
    over = np.maximum(np.abs(mixed) - LIMIT_FROM, 0)
    room = LIMIT - LIMIT_FROM
    limited = np.where(over > 0, np.sign(mixed) * (LIMIT_FROM + room * np.tanh(over / room)), mixed)
    limited = limited.astype(np.float32)
    if recording.codec is None:
        return limited
    return np.clip(through_codec(limited, recording.codec, recording.bitrate), -LIMIT, LIMIT)


def impulse_response(recording: Recording, rng: np.random.Generator) -> np.ndarray:
    """What the room adds to the direct sound, (M,) at 16 kHz: single early reflections, then a tail of noise
    whose bands die away by 60 dB in about `decay` seconds; its energy is -`direct` dB."""
    length = round(recording.decay * SAMPLE_RATE) + 1
    time = np.arange(length) / SAMPLE_RATE
    spectrum = np.fft.rfft(rng.standard_normal(length))
    hertz = np.fft.rfftfreq(length, 1 / SAMPLE_RATE)
    tail = np.zeros(length)
    for low, high, share in zip(LATE_BANDS_HZ[:-1], LATE_BANDS_HZ[1:], LATE_DECAY, strict=True):
        band = np.fft.irfft(spectrum * ((hertz >= low) & (hertz < high)), length)
        tail += band * 10 ** (-3 * time / (recording.decay * share))
    begin = round(0.01 * SAMPLE_RATE)
    tail[:begin] = 0.0
    places = rng.integers(
        round(0.002 * SAMPLE_RATE), min(round(EARLY_SECONDS * SAMPLE_RATE), length), REFLECTIONS
    )
    early = np.zeros(length)
    np.add.at(early, places, rng.choice([-1.0, 1.0], REFLECTIONS) / (1 + places / (0.01 * SAMPLE_RATE)))
    response = tail / np.linalg.norm(tail) + 0.7 * early / np.linalg.norm(early)
    return response * 10 ** (-recording.direct / 20) / np.linalg.norm(response)


def _reverberation(samples: np.ndarray, recording: Recording, rng: np.random.Generator) -> np.ndarray:
    response = impulse_response(recording, rng)
    size = 1 << int(np.ceil(np.log2(len(samples) + len(response))))
    return np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size), size)[: len(samples)]


def _noise(kind: str, count: int, rng: np.random.Generator) -> np.ndarray:
    """Noise (count,) of unit power."""
    if kind == "babble":
        noise = np.zeros(count)
        for voice in rng.choice(BABBLERS, BABBLE_VOICES, replace=False):
            speech = _babbler(int(voice))
            noise += np.resize(np.roll(speech, int(rng.integers(len(speech)))), count)
    else:
        hertz = np.maximum(np.fft.rfftfreq(count, 1 / SAMPLE_RATE), 50.0)
        noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(count)) * hertz ** (NOISES[kind] / 2), count)
    return noise / max(float(np.sqrt((noise**2).mean())), 1e-9)


@cache
def _babbler(number: int) -> np.ndarray:
    """One of the voices of the background, (M,): espeak-ng's variants say sentences of the corpus."""
    variant = (*MEN, *WOMEN)[(2 * number) % (len(MEN) + len(WOMEN))]
    text = " ".join(load_sentences()[5 * number : 5 * number + 4])
    spoken = synthesise(text, variant, 190.0, 50.0, 38.0)
    return resample(spoken.samples, spoken.rate).astype(np.float64)


def _band(samples: np.ndarray, low: float, high: float) -> np.ndarray:
    """Between `low` and `high` Hz, 24 dB an octave outside (no phase)."""
    hertz = np.maximum(np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE), 1.0)
    gain = 1 / np.sqrt(1 + (low / hertz) ** 8)
    if high < SAMPLE_RATE / 2:
        gain /= np.sqrt(1 + (hertz / high) ** 16)
    return np.fft.irfft(np.fft.rfft(samples) * gain, len(samples))
