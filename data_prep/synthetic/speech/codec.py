"""Speech through lossy codecs and back, in memory, by PyAV."""

import io

import av
import numpy as np
import soxr
from scipy.signal import correlate

from lit_emotalk.schema import SAMPLE_RATE

CODECS: dict[str, tuple[int, ...]] = {
    "aac": (24_000, 32_000, 48_000),
    "opus": (8_000, 12_000, 16_000, 24_000),
    "mp3": (24_000, 32_000, 48_000),
    "mu-law": (64_000,),
}
"""Codecs and the bitrates in bit/s that recordings use."""

_ENCODERS: dict[str, tuple[str, str, int]] = {
    "aac": ("aac", "adts", SAMPLE_RATE),
    "opus": ("libopus", "ogg", SAMPLE_RATE),
    "mp3": ("libmp3lame", "mp3", SAMPLE_RATE),
}
_TELEPHONE_RATE = 8_000
_MU = 255.0
_LONGEST_DELAY_SECONDS = 0.2


def through_codec(samples: np.ndarray, codec: str, bitrate: int) -> np.ndarray:
    """Samples (N,) float32 at 16 kHz after coding at `bitrate` bit/s and decoding, (N,) float32, in step with
    the original. `mu-law` is the telephone's: 8 kHz, 8 bits a sample (ITU-T G.711)."""
    if codec == "mu-law":
        return _mu_law(samples)
    encoder, container, rate = _ENCODERS[codec]
    decoded = _decode(_encode(samples, encoder, container, rate, bitrate))
    return _in_step(samples, decoded)


def _encode(samples: np.ndarray, encoder: str, container: str, rate: int, bitrate: int) -> bytes:
    pcm = np.clip(np.round(samples * 32767.0), -32768, 32767).astype(np.int16)[None]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as output:
        stream = output.add_stream(encoder, rate=rate)
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = bitrate
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.sample_rate = rate
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return buffer.getvalue()


def _decode(coded: bytes) -> np.ndarray:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    with av.open(io.BytesIO(coded), "r") as source:
        parts = [
            part.to_ndarray()[0]
            for frame in (*source.decode(audio=0), None)
            for part in resampler.resample(frame)
        ]
    return np.concatenate(parts)


def _in_step(samples: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    """The decoded samples, moved back by the codec's delay (the shift at which both correlate best)."""
    longest = round(_LONGEST_DELAY_SECONDS * SAMPLE_RATE)
    padded = np.pad(decoded, (longest, max(0, len(samples) - len(decoded)) + longest))
    lags = correlate(padded, samples, mode="valid", method="fft")[: 2 * longest + 1]
    begin = int(np.argmax(lags))
    return padded[begin : begin + len(samples)].astype(np.float32)


def _mu_law(samples: np.ndarray) -> np.ndarray:
    narrow = np.clip(soxr.resample(samples, SAMPLE_RATE, _TELEPHONE_RATE), -1, 1)
    squeezed = np.sign(narrow) * np.log1p(_MU * np.abs(narrow)) / np.log1p(_MU)
    heard = np.round(squeezed * 127) / 127
    restored = np.sign(heard) * np.expm1(np.abs(heard) * np.log1p(_MU)) / _MU
    wide = soxr.resample(restored, _TELEPHONE_RATE, SAMPLE_RATE)
    return np.pad(wide, (0, max(0, len(samples) - len(wide))))[: len(samples)].astype(np.float32)
