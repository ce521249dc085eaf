"""Whether a sound file holds as much as it says."""

import struct
from pathlib import Path

from lit_emotalk.errors import UserError

COMPLETE_SHARE = 0.9
"""A file that ends before this share of the duration its header gives was cut off."""
TELLING = ("flac", "mov", "aiff", "caf", "matroska")
"""Formats whose duration is written down, not guessed from the bit rate as ffmpeg does elsewhere."""
RIFF_HEAD, CHUNK_HEAD = 12, 8
UNKNOWN = (0, 0xFFFFFFFF)
"""Sizes that writers leave which cannot go back to say it."""


def check_complete(path: Path, formats: str, seconds: float, promised: float | None) -> None:
    """Raises UserError where a file of ffmpeg's `formats` ("mov,mp4,m4a") that holds so many seconds of sound
    promised more: by the container, `promised` (None: it does not say), or in a wav's own header."""
    if "wav" in formats.split(","):
        share = wav_share(path)
        promised = seconds / share if share else None
    elif not set(formats.split(",")) & set(TELLING):
        return
    if promised is not None and seconds < COMPLETE_SHARE * promised:
        raise UserError(f"{path} breaks off after {seconds:.1f} of {promised:.1f} s; get a complete copy")


def wav_share(path: Path) -> float | None:
    """Which part of the sound that a wav's header promises is there; None where it does not say."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        kind = file.read(RIFF_HEAD)[:4]
        while len(head := file.read(CHUNK_HEAD)) == CHUNK_HEAD:
            name, length = struct.unpack("<4sI", head)
            if name == b"ds64" and kind == b"RF64":
                sizes = file.read(length)
                promised = struct.unpack_from("<Q", sizes, 8)[0] if len(sizes) >= 16 else 0
                return _share_of_rest(file.tell(), promised, size) if promised else None
            if name == b"data":
                return None if length in UNKNOWN else _share_of_rest(file.tell(), length, size)
            file.seek(length + length % 2, 1)
    return None


def _share_of_rest(start: int, promised: int, size: int) -> float:
    return min(max(size - start, 1) / promised, 1.0)
