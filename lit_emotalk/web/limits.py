"""How much one server, one visitor and one request may take."""

from dataclasses import dataclass

MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """The bounds of `lit-emotalk serve`.

    Uploads: `picture_bytes`, `picture_pixels` (as decoded) and `picture_side` (pixels, larger pictures are
    kept scaled down to it); `sound_bytes`, `sound_seconds`. A session keeps the last `uploads` pictures and
    sounds and the last `videos`; it ends, and all its files with it, `keep_minutes` after the last request.
    A request makes up to `emotions` videos, an emotion has up to `letters`; `waiting` requests queue up,
    `receiving` uploads come in at once, `sessions` are open at once, all of them keep up to `total_bytes`.
    Streams: `streams` at once, a first message of up to `start_bytes`, sound in messages of up to
    `chunk_bytes`, `stream_minutes` in all, of sound and by the clock; `patience` seconds without a message
    that says something, or without taking ours, end one.
    """

    picture_bytes: int = 20 * MEGABYTE
    picture_pixels: int = 50_000_000
    picture_side: int = 1920
    sound_bytes: int = 30 * MEGABYTE
    sound_seconds: float = 60.0
    uploads: int = 3
    videos: int = 16
    keep_minutes: float = 30.0
    total_bytes: int = 8192 * MEGABYTE
    emotions: int = 4
    letters: int = 200
    waiting: int = 8
    receiving: int = 8
    sessions: int = 200
    streams: int = 2
    start_bytes: int = 8 * MEGABYTE
    chunk_bytes: int = 64_000
    stream_minutes: float = 60.0
    patience: float = 30.0
