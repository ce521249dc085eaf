"""Videos and pictures of a study without a trace of where they come from."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from PIL import Image, ImageDraw, ImageFont

from lit_emotalk.errors import UserError
from lit_emotalk.io.files import atomic_path
from lit_emotalk.io.video import probe, read_frames, read_image, write_video

CRF = 12
"""Quality of videos that browsers do not play and that are encoded anew (our choice: no visible loss)."""
CARD_SIDE = 512
CARD_SECONDS = 3
CARD_FPS = 5.0
DROP_NOTES = "filter_units=remove_types=6"
"""H.264's unit 6 carries free text, such as the encoder's name and settings."""


def copy_blind(source: Path, target: Path) -> None:
    """Write a video as an mp4 that browsers play, with the pictures and sound of `source` and nothing else.

    The first video and sound track are kept: H.264 in yuv420p and AAC as they are, other codecs encoded anew.
    Titles, comments, chapters, track names, other tracks and the encoder's notes are left out. Raises
    UserError where the video cannot be read or written.
    """
    probe(source)
    with tempfile.TemporaryDirectory() as folder:
        pictures = source
        if not _playable(source):
            pictures = Path(folder) / "pictures.mp4"
            fps = probe(source).fps
            write_video(pictures, read_frames(source, fps), fps, crf=CRF)
        try:
            with atomic_path(target) as temporary:
                _remux(pictures, source, temporary)
        except av.FFmpegError as error:
            raise UserError(f"cannot copy {source}: {error.strerror or error}") from error


def _playable(source: Path) -> bool:
    with av.open(str(source)) as container:
        stream = container.streams.video[0]
        upright = next(container.decode(stream)).rotation == 0
        return upright and stream.codec_context.name == "h264" and stream.codec_context.pix_fmt == "yuv420p"


def _remux(pictures: Path, sound: Path, target: Path) -> None:
    """Pictures of one file and sound of another into a bare mp4."""
    options = {"movflags": "+faststart", "fflags": "+bitexact", "empty_hdlr_name": "1"}
    with (
        av.open(str(pictures)) as seen,
        av.open(str(sound)) as heard,
        av.open(str(target), "w", options=options) as out,
    ):
        stream = seen.streams.video[0]
        video = out.add_stream_from_template(stream)
        video.metadata.clear()
        tracks = heard.streams.audio[:1]
        audio = None
        if tracks and tracks[0].codec_context.name == "aac":
            audio = out.add_stream_from_template(tracks[0])
            audio.metadata.clear()
        elif tracks:
            audio = out.add_stream("aac", rate=tracks[0].codec_context.sample_rate)
            audio.bit_rate = 192_000
        notes = BitStreamFilterContext(DROP_NOTES, stream)
        for packet in seen.demux(stream):
            for kept in notes.filter(packet if packet.dts is not None else None):
                kept.stream = video
                out.mux(kept)
        if tracks and audio is not None:
            for packet in _sound_packets(heard, tracks[0], audio):
                out.mux(packet)


def _sound_packets(
    heard: av.container.InputContainer, track: av.AudioStream, audio: av.AudioStream
) -> Iterator[av.Packet]:
    if track.codec_context.name == "aac":
        for packet in heard.demux(track):
            if packet.dts is not None:
                packet.stream = audio
                yield packet
        return
    for frame in heard.decode(track):
        yield from audio.encode(frame)
    yield from audio.encode(None)


def copy_picture(source: Path, target: Path) -> None:
    """Write a picture as a JPEG of its pixels alone. Raises UserError where it cannot be read or written."""
    with atomic_path(target) as temporary:
        Image.fromarray(read_image(source)).save(temporary, quality=95)


def draw_card(text: str, target: Path) -> None:
    """Write a silent video of three seconds that shows `text`: white on dark, 512 x 512."""
    picture = Image.new("RGB", (CARD_SIDE, CARD_SIDE), (32, 36, 44))
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=34)
    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and draw.textlength(longer, font=font) > CARD_SIDE - 64:
            lines.append(line)
            longer = word
        line = longer
    shown = "\n".join([*lines, line])
    draw.multiline_text(
        (CARD_SIDE / 2, CARD_SIDE / 2), shown, "white", font, anchor="mm", align="center", spacing=14
    )
    frame = np.asarray(picture)
    with tempfile.TemporaryDirectory() as folder:
        card = Path(folder) / "card.mp4"
        write_video(card, (frame for _ in range(round(CARD_SECONDS * CARD_FPS))), CARD_FPS)
        copy_blind(card, target)
