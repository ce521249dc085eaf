"""A file's sound as it is, all its channels at its own rate: what an output carries beside its pictures."""

import wave
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np

from lit_emotalk import schema
from lit_emotalk.errors import UserError
from lit_emotalk.io.audio import MOST_SAMPLES
from lit_emotalk.io.sound_track import in_time, mixing_of, sound_stream

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
"""Numbers of channels that are kept, with FFmpeg's name; others are mixed to one (our choice)."""

BITS_PER_SAMPLE = 6
MOST_BITS = 96_000
"""Bits a second of each channel: so many a sample, at most so many in all (our choice)."""


@dataclass(frozen=True)
class Soundtrack:
    """The first sound track of a file: its rate in Hz, its channels (one of `LAYOUTS`), and the gain, at most
    1, that brings its largest sample to 1."""

    path: Path
    rate: int
    channels: int
    gain: float

    @classmethod
    def of(cls, path: Path | str) -> "Soundtrack":
        """The track of a sound or video file, which is read once for its largest sample; UserError where
        there is none or it cannot be read."""
        path = Path(path)
        try:
            with av.open(str(path)) as container:
                stream = sound_stream(container, path)
                rate, channels = stream.codec_context.sample_rate, stream.codec_context.layout.nb_channels
            kept = channels if channels in LAYOUTS else 1
            whole = cls(path, rate, kept, 1.0)
            peak = max((float(np.abs(piece).max(initial=0.0)) for piece in whole.pieces()), default=0.0)
        except (av.FFmpegError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"cannot read sound from {path} ({reason})") from error
        return cls(path, rate, kept, 1 / max(peak, 1.0))

    def pieces(self) -> Iterator[np.ndarray]:
        """All samples in pieces (channels, N) float32, without gaps and in time (see `in_time`)."""
        with av.open(str(self.path)) as container:
            stream = sound_stream(container, self.path)
            mixed = mixing_of(self.path, MOST_SAMPLES)[None] if self.channels == 1 else None
            for piece in in_time(self.path, container, stream, MOST_SAMPLES):
                yield self.gain * (piece if mixed is None else mixed @ piece)


class Cut:
    """Sound that is taken bit by bit: `sound` as a track, or as samples (N,) in [-1, 1] at 16 kHz."""

    def __init__(self, sound: Soundtrack | np.ndarray) -> None:
        if isinstance(sound, Soundtrack):
            self.rate, self.channels = sound.rate, sound.channels
            self._pieces = sound.pieces()
        else:
            self.rate, self.channels = schema.SAMPLE_RATE, 1
            starts = range(0, len(sound), self.rate)
            self._pieces = (np.asarray(sound[None, at : at + self.rate], np.float32) for at in starts)
        self._left = np.zeros((self.channels, 0), np.float32)
        self.taken = 0

    def until(self, seconds: float) -> np.ndarray:
        """What comes next up to a time, (channels, N); less where the sound has ended."""
        wanted = round(seconds * self.rate) - self.taken
        parts = [self._left]
        while sum(part.shape[1] for part in parts) < wanted:
            piece = next(self._pieces, None)
            if piece is None:
                break
            parts.append(piece)
        found = np.concatenate(parts, axis=1)
        self._left = found[:, max(wanted, 0) :]
        taken = found[:, : max(wanted, 0)]
        self.taken += taken.shape[1]
        return taken


class SoundWriter:
    """Encodes sound beside pictures, bit by bit, by `codec`; rates that it does not know become its next
    higher one, or its highest."""

    def __init__(
        self, container: av.container.OutputContainer, codec: str, sound: Soundtrack | np.ndarray
    ) -> None:
        self._container, self._cut = container, Cut(sound)
        known = av.Codec(codec, "w").audio_rates or [self._cut.rate]
        rate = min((each for each in known if each >= self._cut.rate), default=max(known))
        stream = container.add_stream(codec, rate=rate, layout=LAYOUTS[self._cut.channels])
        self._stream = cast(av.AudioStream, stream)
        self._stream.bit_rate = self._cut.channels * min(BITS_PER_SAMPLE * rate, MOST_BITS)

    def write_until(self, seconds: float) -> None:
        """Encode what comes next up to a time."""
        at = self._cut.taken
        samples = np.clip(self._cut.until(seconds), -1, 1)
        if samples.shape[1]:
            layout = LAYOUTS[self._cut.channels]
            frame = av.AudioFrame.from_ndarray(samples.T.reshape(1, -1), format="flt", layout=layout)
            frame.sample_rate = self._cut.rate
            frame.pts = at
            frame.time_base = Fraction(1, self._cut.rate)
            self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Encode what the encoder holds back."""
        self._container.mux(self._stream.encode(None))


def write_wav(path: Path, sound: Soundtrack | np.ndarray, seconds: float) -> None:
    """Write the first `seconds` of sound as 16-bit wav; OSError where the place cannot be written."""
    cut = Cut(sound)
    with wave.open(str(path), "wb") as file:
        file.setparams((cut.channels, 2, cut.rate, 0, "NONE", ""))
        for second in range(int(np.ceil(seconds))):
            samples = np.clip(cut.until(min(second + 1.0, seconds)), -1, 1)
            file.writeframes((32767 * samples.T).round().astype("<i2").tobytes())
