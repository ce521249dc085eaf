"""What visitors send: checked, decoded within bounds and kept in a form of ours."""

import threading
import warnings
from pathlib import Path

import av
import numpy as np
from PIL import Image

from lit_emotalk.errors import UserError
from lit_emotalk.face.crop import fitted
from lit_emotalk.io.audio import is_silent, load_audio
from lit_emotalk.io.output_sound import Soundtrack, write_wav
from lit_emotalk.io.video import probe, read_image
from lit_emotalk.schema import SAMPLE_RATE
from lit_emotalk.web.limits import Limits

PICTURE_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")
SOUND_FORMATS = "wav,w64,aiff,au,caf,flac,ogg,mp3,aac,mov,matroska,webm,avi,amr"
"""Demuxers that read one file alone: playlists, which name others, are not among them."""
PICTURE, SOUND, VIDEO = "the picture", "the sound", "the video"
NAMES = {
    "emotion-picture": "the picture of the emotion",
    "emotion-sound": "the sound of the emotion",
    "emotion-video": "the video of the emotion",
    "driving": "the driving video",
}
"""What a visitor's files are called to them, by kind."""
MOST_VIDEO_PIXELS = 4096 * 2304
"""Of a video's frame."""

_DECODING = threading.Lock()
"""A large picture takes hundreds of MB while it is decoded: one at a time."""


def read_picture(path: Path, limits: Limits) -> np.ndarray:
    """An uploaded picture, uint8 (H, W, 3) RGB, scaled down to the longest side that is kept.

    UserError, without the path in it, where it is none that a browser sends, too large, or damaged.
    """
    try:
        with warnings.catch_warnings(), Image.open(path) as opened:
            warnings.simplefilter("ignore")
            (width, height), known = opened.size, opened.format in PICTURE_FORMATS
    except Image.DecompressionBombError:
        raise _too_many_pixels(limits) from None
    except (OSError, ValueError, SyntaxError):
        known = False
    if not known:
        raise UserError("this file is not a picture; choose a jpg, png or webp")
    if width * height > limits.picture_pixels:
        raise _too_many_pixels(limits)
    try:
        with _DECODING:
            return fitted(read_image(path), limits.picture_side)[0]
    except UserError as error:
        raise without_path(error, path, PICTURE) from None


def keep_picture(picture: np.ndarray, path: Path) -> None:
    """Write a picture (H, W, 3) uint8, without any metadata."""
    Image.fromarray(picture).save(path, "PNG", compress_level=1)


def keep_sound(source: Path, path: Path, limits: Limits) -> float:
    """Write an uploaded sound, or a video's sound, as wav with its channels at its own rate; returns its
    length in seconds.

    UserError, without the path in it, where it holds no sound, is silent, damaged, too short or too long.
    """
    try:
        with av.open(str(source), options={"format_whitelist": SOUND_FORMATS, "protocol_whitelist": "file"}):
            pass
        samples = load_audio(source, most_seconds=limits.sound_seconds)
    except (av.FFmpegError, UnicodeDecodeError):
        raise UserError("this file holds no sound that can be read; choose a wav, mp3, m4a or mp4") from None
    except UserError as error:
        raise without_path(error, source, SOUND) from None
    if is_silent(samples):
        raise UserError("the sound is silent; choose a recording with speech")
    seconds = len(samples) / SAMPLE_RATE
    write_wav(path, Soundtrack.of(source), seconds)
    return seconds


def check_video(path: Path, limits: Limits) -> None:
    """UserError, without the path in it, where an uploaded file is no video, too large or too long."""
    try:
        with av.open(str(path), options={"format_whitelist": SOUND_FORMATS, "protocol_whitelist": "file"}):
            pass
        facts = probe(path)
    except (av.FFmpegError, UnicodeDecodeError):
        raise UserError("this file is not a video; choose an mp4, mov, webm or mkv") from None
    except UserError as error:
        raise without_path(error, path, VIDEO) from None
    if facts.width * facts.height > MOST_VIDEO_PIXELS:
        raise UserError(f"the video is too large: at most {MOST_VIDEO_PIXELS // 1_000_000} million pixels")
    if facts.duration > limits.sound_seconds:
        raise UserError(f"the video is longer than {limits.sound_seconds:g} s; cut it")


def without_path(error: UserError, path: Path, name: str) -> UserError:
    """The same message with `name` for the path of the file on the server."""
    return UserError(str(error).replace(str(path), name))


def _too_many_pixels(limits: Limits) -> UserError:
    return UserError(f"the picture is too large: at most {limits.picture_pixels // 1_000_000} million pixels")
