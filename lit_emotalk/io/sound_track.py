"""A file's sound track as it is: decoded in time with the pictures, its channels mixed to one."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from lit_emotalk.errors import UserError
from lit_emotalk.io.complete import check_complete
from lit_emotalk.io.timestamps import check_forwards

GAP_SECONDS = 0.02
"""A longer hole in the timestamps is filled with silence, and sound that lies so far before what was read is
left out, so that later sound stays in its place. Shorter ones are rounding."""

CANCELLED = 0.25
"""Frames whose channels' sum has less of the loudest channel's power than this cancel each other."""
CANCELLED_SHARE = 0.1
"""Where frames with so much of the power cancel, one channel is taken in place of the sum (our choice)."""


def decode_track(path: Path, most_seconds: float, most_samples: int) -> tuple[np.ndarray, int]:
    """All samples of the first audio track, float32 (N,) mono at the track's own rate, which is returned too.

    They lie in time as `in_time` says, and a voice in any of the channels keeps its level (see `mixing`).
    Raises UserError where there is no track, no rate, its time runs backwards, it breaks off, or is longer
    than `most_seconds` or `most_samples`; FFmpegError where it cannot be decoded.
    """
    with av.open(str(path)) as container:
        stream = sound_stream(container, path)
        rate = stream.codec_context.sample_rate
        most = min(round(most_seconds * rate), most_samples)
        weights = mixing_of(path, most)
        chunks = [weights @ piece for piece in in_time(path, container, stream, most)]
        samples = np.concatenate(chunks) if chunks else np.zeros(0, np.float32)
        promised = None
        if stream.duration is not None and stream.time_base is not None:
            promised = float(stream.duration * stream.time_base)
        check_complete(path, container.format.name, len(samples) / rate, promised)
    return samples, rate


def in_time(
    path: Path, container: av.container.InputContainer, stream: av.AudioStream, most: int
) -> Iterator[np.ndarray]:
    """All samples of a track in pieces (C, N) float32, without gaps.

    In a file with video, sample 0 is at the first video frame: earlier sound is cut, a later start is padded.
    The timestamps hold throughout, also where parts were joined whose sound overlaps. UserError where time
    runs backwards and for more than `most` samples.
    """
    rate = stream.codec_context.sample_rate
    start = _video_start(container)
    filled = 0
    before: float | None = None
    for seconds, piece in _decoded(container, stream):
        check_forwards(path, before, seconds)
        before = seconds
        if start is None and seconds is not None:
            start = seconds
        if seconds is not None and start is not None:
            hole = round((seconds - start) * rate) - filled
            _check_length(path, filled + hole, most, rate)
            if hole > GAP_SECONDS * rate:
                filled += hole
                yield np.zeros((len(piece), hole), np.float32)
            elif hole < -GAP_SECONDS * rate or (hole < 0 and filled == 0):
                piece = piece[:, -hole:]
        filled += piece.shape[1]
        _check_length(path, filled, most, rate)
        if piece.shape[1]:
            yield piece


def mixing_of(path: Path, most: int) -> np.ndarray:
    """The weights (C,) of `mixing` for the first `most` samples of a file's first track."""
    with av.open(str(path)) as container:
        if sound_stream(container, path).codec_context.channels == 1:
            return np.ones(1, np.float32)
    return mixing(_first_samples(path, most))


def mixing(frames: Iterator[np.ndarray]) -> np.ndarray:
    """Weights (C,) that mix frames (C, n) to one channel in which a voice is as loud as in the loudest of its
    channels: their sum, scaled, or the loudest channel alone where they cancel in it.

    Silent channels take nothing from the others, and channels that are alike give what each of them is.
    """
    power = np.zeros(0)
    loudest = mixed = cancelled = 0.0
    for channels in frames:
        each = np.square(channels, dtype=np.float64).sum(1)
        power = each + (power if len(power) else 0)
        together = float(np.square(channels.sum(0, dtype=np.float64)).sum())
        cancelled += float(each.max()) if together < CANCELLED * each.max() else 0.0
        loudest += float(each.max())
        mixed += together
    if not loudest or not np.isfinite(mixed):
        return np.full(len(power), 1 / max(len(power), 1), np.float32)
    if cancelled > CANCELLED_SHARE * loudest:
        return (np.arange(len(power)) == power.argmax()).astype(np.float32)
    return np.full(len(power), np.sqrt(loudest / mixed), np.float32)


def sound_stream(container: av.container.InputContainer, path: Path) -> av.AudioStream:
    """The first audio track; UserError where there is none, or it has no rate."""
    if not container.streams.audio:
        raise UserError(f"{path} has no audio track; give a file with sound")
    stream = container.streams.audio[0]
    if not stream.codec_context.sample_rate:
        raise UserError(f"cannot read sound from {path} (no sample rate); export it again")
    return stream


def _first_samples(path: Path, most: int) -> Iterator[np.ndarray]:
    """Frames (C, n) of the track until there are `most` samples."""
    with av.open(str(path)) as container:
        read = 0
        for _, channels in _decoded(container, sound_stream(container, path)):
            yield channels
            read += channels.shape[1]
            if read >= most:
                return


def _decoded(
    container: av.container.InputContainer, stream: av.AudioStream
) -> Iterator[tuple[float | None, np.ndarray]]:
    """The time in seconds (None where the file does not say) and channels (C, n) float32 of each frame."""
    packed = av.AudioResampler(format="flt", layout=stream.layout, rate=stream.codec_context.sample_rate)
    for frame in container.decode(stream):
        seconds = frame.time
        for converted in packed.resample(frame):
            yield seconds, channels_of(converted).astype(np.float32)


def channels_of(frame: av.AudioFrame) -> np.ndarray:
    """The samples (channels, N) of a packed frame; PyAV breaks down on planar ones of more than seven."""
    return frame.to_ndarray().reshape(-1, frame.layout.nb_channels).T


def _check_length(path: Path, samples: int, most: int, rate: int) -> None:
    if samples > most:
        raise UserError(f"{path} is longer than {most / rate:g} s; cut it")


def _video_start(container: av.container.InputContainer) -> float | None:
    """Time in seconds of the first video frame; None without moving pictures (cover art is none)."""
    for video in container.streams.video:
        if video.disposition & av.stream.Disposition.attached_pic:
            continue
        if video.start_time is not None and video.time_base is not None:
            return float(video.start_time * video.time_base)
    return None
