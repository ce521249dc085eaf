"""Pictures and video files: probing, reading in correct time, writing mp4 and webm with sound."""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from PIL import Image, ImageOps

from lit_emotalk import schema
from lit_emotalk.errors import UserError
from lit_emotalk.io.complete import COMPLETE_SHARE
from lit_emotalk.io.files import atomic_path, existing_file
from lit_emotalk.io.output_sound import Soundtrack, SoundWriter
from lit_emotalk.io.timestamps import check_forwards
from lit_emotalk.io.upright import pixel_aspect, upright_rgb, upright_size

ALPHA_BACKGROUND = (255, 255, 255)
"""What lies behind a transparent picture."""

MP4, WEBM = ".mp4", ".webm"
CODECS = {MP4: ("libx264", "aac"), WEBM: ("libvpx-vp9", "libopus")}
"""By the file's ending: the encoders of pictures and of sound."""
OPTIONS = {
    MP4: {"preset": "medium"},
    WEBM: {"deadline": "realtime", "cpu-used": "6", "row-mt": "1", "b": "0"},
}
CRF = {MP4: 18, WEBM: 28}
"""The encoders' constant quality, about alike to the eye."""

BT709 = 1
"""Code of the BT.709 colour space, primaries and transfer in H.264's tables."""


@dataclass(frozen=True)
class VideoInfo:
    """Facts of a video file: size in square pixels after rotation, frames per second, number of frames (an
    estimate where the container does not say), duration in seconds, whether there is an audio track."""

    width: int
    height: int
    fps: float
    frames: int
    duration: float
    has_audio: bool


def probe(path: Path | str) -> VideoInfo:
    """Read a video's facts, decoding its first frame only.

    Raises UserError for a file that is missing, empty, unreadable, a picture, or without a video track.
    """
    path = _existing(path)
    try:
        with av.open(str(path)) as container:
            stream = _video_stream(container, path)
            first = next(container.decode(stream), None)
            if first is None:
                raise UserError(f"{path} holds no video frame; give a complete video file")
            width, height = upright_size(first, pixel_aspect(stream, path))
            fps = float(stream.average_rate or stream.guessed_rate or 0)
            if stream.duration is not None and stream.time_base is not None:
                duration = float(stream.duration * stream.time_base)
            else:
                duration = (container.duration or 0) / 1e6
            frames = stream.frames or round(duration * fps)
            return VideoInfo(width, height, fps, frames, duration, bool(container.streams.audio))
    except (av.FFmpegError, UnicodeError) as error:
        raise _unreadable(path, error) from error


def read_frames(
    path: Path | str, fps: float | None = float(schema.FPS), threads: bool = True
) -> Iterator[np.ndarray]:
    """Decode a video as uint8 (H, W, 3) RGB frames at a constant rate, upright, of square pixels.

    Frame k is the source frame nearest in presentation time to k / fps seconds after the first one, so
    sources of any rate, constant or not, stay in time with their sound. `fps=None` gives every source frame.
    `threads`: decode on all cores; where every core reads a video of its own, one is enough.
    Raises UserError for a file that is missing, empty, unreadable, damaged, a picture, has no video track,
    or whose time runs backwards.
    """
    path = _existing(path)
    count = 0
    try:
        for frame in _in_time(path, fps, threads):
            count += 1
            yield frame
    except (av.FFmpegError, UnicodeError) as error:
        if count:
            raise UserError(f"{path} is damaged after {count} frames; get a complete copy") from error
        raise _unreadable(path, error) from error
    if count == 0:
        raise UserError(f"{path} holds no video frame; give a complete video file")


def _in_time(path: Path, fps: float | None, threads: bool) -> Iterator[np.ndarray]:
    """Source frames repeated or dropped so that output k is the nearest in time to k / fps."""
    with av.open(str(path)) as container:
        stream = _video_stream(container, path)
        aspect = pixel_aspect(stream, path)
        stream.thread_type = "AUTO" if threads else "NONE"
        interval = 1.0 / float(stream.average_rate or stream.guessed_rate or schema.FPS)
        written = 0
        start = shown_at = 0.0
        shown: av.VideoFrame | None = None
        at: float
        for index, frame in enumerate(container.decode(stream)):
            at = frame.time if frame.time is not None else start + index * interval
            if shown is None:
                start = at
            else:
                check_forwards(path, shown_at, at)
            if fps is None:
                yield upright_rgb(frame, aspect)
            elif shown is not None and at > shown_at:
                until = (shown_at + at) / 2 - start
                repeats = max(0, _count_until(until, fps) - written)
                yield from _repeated(shown, aspect, repeats)
                written += repeats
            shown, shown_at = frame, at
        if shown is not None:
            seconds = shown_at - start + interval
            if stream.duration is not None and stream.time_base is not None:
                promised = float(stream.duration * stream.time_base)
                if seconds < COMPLETE_SHARE * promised - interval:
                    raise UserError(
                        f"{path} breaks off after {seconds:.1f} of {promised:.1f} s; get a complete copy"
                    )
            if fps is not None:
                yield from _repeated(shown, aspect, max(round(seconds * fps), 1) - written)


def _count_until(seconds: float, fps: float) -> int:
    """How many output times k / fps lie up to `seconds`; of two equally near frames the earlier counts."""
    return int(np.floor(seconds * fps + 1e-6)) + 1


def _repeated(frame: av.VideoFrame, aspect: float, times: int) -> Iterator[np.ndarray]:
    if times > 0:
        picture = upright_rgb(frame, aspect)
        for _ in range(times):
            yield picture


def _existing(path: Path | str) -> Path:
    path = existing_file(path, "video file")
    if path.stat().st_size == 0:
        raise UserError(f"{path} is empty (0 bytes); give a complete video file")
    return path


def _video_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            if container.format.name.endswith("_pipe") or container.format.name == "image2":
                raise UserError(f"{path} is a picture, not a video; give a video file")
            return stream
    raise UserError(f"{path} has no video track; give a video file")


def _unreadable(path: Path, error: Exception) -> UserError:
    reason = getattr(error, "strerror", None) or error
    return UserError(f"cannot read {path} as a video ({reason}); give a complete mp4, mov, mkv, webm or avi")


def read_image(path: Path | str) -> np.ndarray:
    """Read a picture as uint8 (H, W, 3) RGB: turned by its EXIF orientation, transparency over white, grey
    and CMYK converted, 16 bits scaled to 8; of an animation the first picture.

    Raises UserError for a file that is missing, not a picture, damaged, or too large to be one.
    """
    path = existing_file(path, "picture")
    try:
        with warnings.catch_warnings(), Image.open(path) as opened:
            warnings.simplefilter("ignore")
            picture = ImageOps.exif_transpose(opened)
            if picture.mode.startswith(("I", "F")):
                picture = _eight_bits(picture)
            if picture.has_transparency_data:
                picture = picture.convert("RGBA")
                ground = Image.new("RGBA", picture.size, (*ALPHA_BACKGROUND, 255))
                picture = Image.alpha_composite(ground, picture)
            return np.array(picture.convert("RGB"))
    except Image.DecompressionBombError as error:
        raise UserError(f"{path} is too large a picture; scale it down first") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError(f"cannot read {path} as a picture; give a complete jpg, png or webp") from error


def _eight_bits(picture: Image.Image) -> Image.Image:
    """A grey picture of 16 bits, or of floats up to any largest value, scaled to 8 bits."""
    if picture.mode.startswith("I"):
        values = np.array(picture)
        np.clip(values, 0, 65535, out=values)
        values //= 257
    else:
        values = np.array(picture, np.float32)
        values *= 255 / max(values.max(), 1e-9)
        np.clip(values, 0, 255, out=values)
    return Image.fromarray(values.astype(np.uint8))


def write_video(
    path: Path | str,
    frames: Iterable[np.ndarray],
    fps: float = float(schema.FPS),
    audio: np.ndarray | Soundtrack | None = None,
    crf: int | None = None,
    tags: dict[str, str] | None = None,
) -> None:
    """Write uint8 (H, W, 3) RGB frames and sound as H.264 (yuv420p, BT.709) and AAC, or, where the name ends
    in .webm, as VP9 and Opus.

    `audio`: samples (N,) at 16 kHz in [-1, 1], or a file's track with its channels at its own rate.

    `crf`: the encoder's quality, smaller is better, by default `CRF`'s; `tags`: metadata. The file appears
    only when it is complete. Odd sizes are padded by repeating the last row or column; sound beyond
    the last frame is left out. Raises UserError where there is no frame, the frames differ in size, the sound
    is not a row of finite numbers, or the place cannot be written.
    """
    path = Path(path)
    if isinstance(audio, np.ndarray) and (audio.ndim != 1 or not np.isfinite(audio).all()):
        raise UserError(f"cannot write {path}: the sound must be one row of finite numbers")
    with atomic_path(path) as temporary:
        try:
            flags = {} if path.suffix.lower() == WEBM else {"movflags": "+faststart"}
            with av.open(str(temporary), "w", options=flags) as container:
                container.metadata.update(tags or {})
                _encode(container, path, frames, fps, audio, crf)
        except av.FFmpegError as error:
            hint = "" if path.suffix.lower() in CRF else "; use a name ending in .mp4 or .webm"
            raise UserError(f"cannot write {path}: {error.strerror or error}{hint}") from error


def _encode(
    container: av.container.OutputContainer,
    path: Path,
    frames: Iterable[np.ndarray],
    fps: float,
    audio: np.ndarray | Soundtrack | None,
    crf: int | None,
) -> None:
    suffix = path.suffix.lower()
    picture_codec, sound_codec = CODECS.get(suffix, CODECS[MP4])
    rate = Fraction(fps).limit_denominator(1001)
    video = cast(av.VideoStream, container.add_stream(picture_codec, rate=rate))
    options = OPTIONS.get(suffix, OPTIONS[MP4]) | {
        "crf": str(CRF.get(suffix, CRF[MP4]) if crf is None else crf)
    }
    sound = None if audio is None else SoundWriter(container, sound_codec, audio)
    shape: tuple[int, ...] | None = None
    for index, frame in enumerate(frames):
        if shape is None:
            shape = frame.shape
            _configure(video, frame, options)
        if frame.shape != shape or frame.ndim != 3 or frame.dtype != np.uint8:
            raise UserError(
                f"cannot write {path}: frame {index} is {frame.dtype} {frame.shape}, expected {shape}"
            )
        height, width = frame.shape[:2]
        if height % 2 or width % 2:
            frame = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        picture.pts = index
        picture.time_base = 1 / rate
        container.mux(video.encode(picture))
        if sound is not None:
            sound.write_until((index + 1) / fps)
    if shape is None:
        raise UserError(f"cannot write {path}: there is no frame")
    container.mux(video.encode(None))
    if sound is not None:
        sound.finish()


def _configure(video: av.VideoStream, frame: np.ndarray, options: dict[str, str]) -> None:
    video.height, video.width = frame.shape[0] + frame.shape[0] % 2, frame.shape[1] + frame.shape[1] % 2
    video.pix_fmt = "yuv420p"
    video.options = dict(options)
    context = video.codec_context
    context.colorspace = context.color_primaries = context.color_trc = BT709
    context.color_range = ColorRange.MPEG.value
