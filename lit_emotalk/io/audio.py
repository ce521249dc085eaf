"""Sound: reading any file's track as 16 kHz mono, and the log-mel spectrogram."""

from pathlib import Path

import av
import numpy as np
import soxr

from lit_emotalk import schema
from lit_emotalk.errors import UserError
from lit_emotalk.io.files import existing_file
from lit_emotalk.io.mel import mel_filters
from lit_emotalk.io.sound_track import decode_track

SILENCE_PEAK = 1e-4
"""A track whose largest sample is below this (-80 dB) counts as silent (our choice)."""

MOST_SECONDS = 3600.0
"""Longest sound that is read unless a caller bounds it further; timestamps can claim days (our choice)."""

MOST_SAMPLES = round(MOST_SECONDS) * 48_000
"""Most samples of it at the file's own rate, which can be claimed to be any."""

MAX_PEAK = 8.0
"""Float files may overshoot 1, and are then scaled; beyond this the scale is wrong."""

MEL_REACH = (schema.MEL_WINDOW - schema.MEL_HOP) // 2
"""Samples beyond a column's own hop that its window takes in, on either side: 15 ms."""


def load_audio(
    path: Path | str, allow_silence: bool = False, most_seconds: float = MOST_SECONDS
) -> np.ndarray:
    """The first audio track of a sound or video file: float32 (N,) in [-1, 1], 16 kHz, mono: a voice in
    any channel keeps its level (see `sound_track`), and what exceeds [-1, 1] is scaled, not clipped.

    In a file with video, sample 0 is at the first video frame: earlier sound is cut, a later start is padded.
    Raises UserError for a file that is missing, unreadable, damaged, without an audio track, shorter than one
    video frame, longer than `most_seconds` or `MOST_SAMPLES` (nothing beyond is decoded), silent (unless
    allowed), whose time runs backwards, or that holds NaN.
    """
    path = existing_file(path, "audio file")
    if path.stat().st_size == 0:
        raise UserError(f"{path} is empty (0 bytes); give a file with sound")
    try:
        samples, rate = decode_track(path, most_seconds, MOST_SAMPLES)
    except (av.FFmpegError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"cannot read sound from {path} ({reason}); give a wav, flac, mp3, m4a or mp4"
        ) from error
    if not np.isfinite(samples).all():
        raise UserError(f"{path} holds samples that are not numbers (NaN or infinite); export it again")
    peak = float(np.abs(samples).max(initial=0.0))
    if peak > MAX_PEAK:
        raise UserError(f"{path} has samples up to {peak:.0f}, expected [-1, 1]; export it again, scaled")
    if rate != schema.SAMPLE_RATE:
        wanted = int(np.ceil(len(samples) * (schema.SAMPLE_RATE / rate)))
        samples = soxr.resample(samples, rate, schema.SAMPLE_RATE, quality="soxr_hq")[:wanted]
        samples = np.pad(samples, (0, wanted - len(samples)))
    if len(samples) < schema.SAMPLES_PER_FRAME:
        seconds = len(samples) / schema.SAMPLE_RATE
        raise UserError(f"{path} holds {seconds:.3f} s of sound, too short; at least 0.04 s are needed")
    if not allow_silence and is_silent(samples):
        raise UserError(f"{path} is silent; give a recording with speech")
    return (samples / max(float(np.abs(samples).max()), 1.0)).astype(np.float32)


def is_silent(samples: np.ndarray) -> bool:
    """Whether no sample (N,) reaches `SILENCE_PEAK`."""
    return bool(np.abs(samples).max(initial=0.0) < SILENCE_PEAK)


def log_mel(samples: np.ndarray) -> np.ndarray:
    """Natural log of the mel magnitude spectrogram: samples (N,) in [-1, 1] at 16 kHz -> float32 (4T, 80).

    T = N // 640 video frames; the samples beyond them are not used. Column k is a Hann window of 640 samples
    centred on sample 160 k + 80 (zeros beyond the ends), so that frame t owns the columns 4t .. 4t + 3.
    Values are floored at log(1e-5). Raises UserError if there is not one whole frame.
    """
    frames = len(samples) // schema.SAMPLES_PER_FRAME
    if frames == 0:
        raise UserError(
            f"{len(samples)} samples are too short; at least {schema.SAMPLES_PER_FRAME} are needed"
        )
    return _columns(np.pad(np.asarray(samples[: frames * schema.SAMPLES_PER_FRAME], np.float32), MEL_REACH))


def _columns(padded: np.ndarray) -> np.ndarray:
    """Log-mel (K, 80) of samples that begin `MEL_REACH` before column 0's hop and end so after the last."""
    windows = np.lib.stride_tricks.sliding_window_view(padded, schema.MEL_WINDOW)[:: schema.MEL_HOP]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(schema.MEL_WINDOW, dtype=np.float32) / schema.MEL_WINDOW)
    magnitude = np.abs(np.fft.rfft(windows * hann, axis=1)).astype(np.float32)
    filters = mel_filters(
        schema.SAMPLE_RATE, schema.MEL_WINDOW, schema.MEL_BANDS, schema.MEL_LOW_HZ, schema.MEL_HIGH_HZ
    )
    mel = magnitude @ filters.T
    return np.log(np.maximum(mel, schema.MEL_FLOOR)).astype(np.float32)


class MelStream:
    """Log-mel of sound in pieces: the columns of `log_mel`, each frame's 15 ms after the frame's end."""

    def __init__(self) -> None:
        self._pending = np.zeros(MEL_REACH, np.float32)

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Take samples (N,) at 16 kHz in [-1, 1]; returns the columns (4n, 80) of the n frames now complete.

        Raises UserError for samples that are not finite.
        """
        if not np.isfinite(samples).all():
            raise UserError("the stream holds samples that are not numbers (NaN or infinite)")
        self._pending = np.concatenate([self._pending, np.asarray(samples, np.float32)])
        whole = (len(self._pending) - 2 * MEL_REACH) // schema.SAMPLES_PER_FRAME * schema.SAMPLES_PER_FRAME
        if whole <= 0:
            return np.zeros((0, schema.MEL_BANDS), np.float32)
        columns = _columns(self._pending[: whole + 2 * MEL_REACH])
        self._pending = self._pending[whole:]
        return columns

    def finish(self) -> np.ndarray:
        """The columns of the whole frames that are left, with silence after the end; the stream is over."""
        return self.push(np.zeros(MEL_REACH, np.float32))
