"""Reading videos in correct time, writing them, reading pictures."""

import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from lit_emotalk.errors import UserError
from lit_emotalk.io.audio import load_audio
from lit_emotalk.io.video import probe, read_frames, read_image, write_video

SIZE = 64
SWEEP_SECONDS = 2.56


def bar(seconds: float) -> np.ndarray:
    """A frame that shows its time: a white field whose right edge moves from left to right in 2.56 s."""
    frame = np.zeros((SIZE, 256, 3), np.uint8)
    frame[:, : round(seconds / SWEEP_SECONDS * 256)] = 255
    return frame


def time_of(frame: np.ndarray) -> float:
    """The time that a bar frame shows, in seconds."""
    return frame[:, :, 1].mean() / 255 * SWEEP_SECONDS


@pytest.mark.parametrize("rate", [24.0, 25.0, 30000 / 1001, 30.0, 50.0, 12.5])
def test_any_rate_is_read_in_time(tmp_path: Path, rate: float) -> None:
    path = tmp_path / "sweep.mp4"
    count = round(2.4 * rate)
    write_video(path, (bar(index / rate) for index in range(count)), fps=rate)
    times = np.array([time_of(frame) for frame in read_frames(path)])
    assert abs(len(times) - count / rate * 25) <= 1
    off = times - np.arange(len(times)) / 25
    assert np.abs(off[:-1]).max() <= 0.5 / rate + 0.011
    assert abs(off[:-1].mean()) < 0.006 or rate < 24
    if rate == 25:
        assert np.abs(off).max() < 0.011


def test_variable_rate_follows_the_timestamps(tmp_path: Path) -> None:
    path = tmp_path / "variable.mp4"
    moments = [0, 1, 2, 3, 10, 11, 12, 20, 21, 22, 23, 24]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 256, SIZE, "yuv420p"
        for moment in moments:
            frame = av.VideoFrame.from_ndarray(bar(moment / 25), format="rgb24")
            frame.pts, frame.time_base = moment, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    shown = [round(time_of(frame) * 25) for frame in read_frames(path)]
    expected = [min(moments, key=lambda m: (abs(m - k), m)) for k in range(25)]
    assert len(shown) in (25, 26)
    assert np.abs(np.array(shown[:25]) - expected).max() <= 1
    assert [round(time_of(frame) * 25) for frame in read_frames(path, fps=None)] == moments


def test_write_then_read_keeps_pictures_and_sound(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "clip.mp4"
    colours = [(200, 40, 30), (20, 240, 230), (128, 128, 128), (10, 20, 200)]
    frames = [np.full((48, 80, 3), colours[index // 10], np.uint8) for index in range(40)]
    sound = (0.3 * np.sin(np.arange(40 * 640) * 0.2)).astype(np.float32)
    write_video(path, frames, audio=sound)
    info = probe(path)
    assert (info.width, info.height, info.fps, info.frames, info.has_audio) == (80, 48, 25.0, 40, True)
    assert info.duration == pytest.approx(1.6, abs=0.01)
    for index, frame in enumerate(read_frames(path)):
        assert np.abs(frame.astype(float) - frames[index]).mean() < 3
    assert index == 39
    np.testing.assert_allclose(load_audio(path)[1000:24000], sound[1000:24000], atol=0.05)
    assert [p.name for p in path.parent.iterdir()] == ["clip.mp4"]


def test_odd_sizes_are_padded_by_their_edge(tmp_path: Path) -> None:
    path = tmp_path / "odd.mp4"
    write_video(path, [np.full((33, 65, 3), (180, 60, 60), np.uint8)] * 3)
    frame = next(iter(read_frames(path)))
    assert frame.shape == (34, 66, 3)
    assert np.abs(frame[-1, -1].astype(int) - (180, 60, 60)).max() < 6


def test_rotation_is_applied(tmp_path: Path) -> None:
    path = tmp_path / "portrait.mp4"
    frame = np.zeros((48, 96, 3), np.uint8)
    frame[:, :48] = (220, 30, 30)
    write_video(path, [frame] * 3)
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40
    quarter_turn = (0, 0x10000, 0, -0x10000, 0, 0, 48 << 16, 0, 0x40000000)
    data[matrix : matrix + 36] = struct.pack(">9i", *quarter_turn)
    path.write_bytes(data)
    assert (probe(path).width, probe(path).height) == (48, 96)
    turned = next(iter(read_frames(path)))
    assert turned.shape == (96, 48, 3)
    assert turned[10, 24, 0] > 180 and turned[80, 24, 0] < 40


def anamorphic(path: Path, aspect: Fraction, turned: bool = False) -> Path:
    """A disc of 60 pixels across on black, stored with pixels of that width per height."""
    width, height = (round(96 / aspect), 96) if aspect > 1 else (96, round(96 * aspect))
    y, x = (np.mgrid[:height, :width] + 0.5) * 96 / np.array([height, width])[:, None, None]
    disc = np.where((x - 48) ** 2 + (y - 48) ** 2 < 900, 230, 10).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "8"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.sample_aspect_ratio = stream.codec_context.sample_aspect_ratio = aspect
        for index in range(3):
            frame = av.VideoFrame.from_ndarray(np.stack([disc] * 3, -1), format="rgb24")
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("aspect", [Fraction(4, 3), Fraction(2), Fraction(1, 2), Fraction(3, 4)])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_pixels_that_are_not_square_are_made_so(tmp_path: Path, aspect: Fraction, suffix: str) -> None:
    path = anamorphic(tmp_path / f"wide{suffix}", aspect)
    assert (probe(path).width, probe(path).height) == (96, 96)
    picture = next(iter(read_frames(path)))
    assert picture.shape == (96, 96, 3)
    inside = picture[..., 1] > 120
    assert abs(np.ptp(np.flatnonzero(inside.any(0))) - 59) <= 2
    assert abs(np.ptp(np.flatnonzero(inside.any(1))) - 59) <= 2


def test_pixels_that_cannot_be_are_refused(tmp_path: Path) -> None:
    path = anamorphic(tmp_path / "flat.mp4", Fraction(24))
    for read in (probe, lambda name: list(read_frames(name))):
        with pytest.raises(UserError, match="24 times as wide as high") as caught:
            read(path)
        assert str(path) in str(caught.value)


def test_failed_writing_leaves_nothing(tmp_path: Path) -> None:
    def frames() -> Iterator[np.ndarray]:
        yield np.zeros((32, 32, 3), np.uint8)
        raise RuntimeError("generator stopped")

    with pytest.raises(RuntimeError):
        write_video(tmp_path / "half.mp4", frames())
    with pytest.raises(UserError, match="no frame"):
        write_video(tmp_path / "none.mp4", [])
    with pytest.raises(UserError, match="expected"):
        write_video(
            tmp_path / "mixed.mp4", [np.zeros((32, 32, 3), np.uint8), np.zeros((34, 32, 3), np.uint8)]
        )
    with pytest.raises(UserError, match="finite"):
        bad = np.full(640, np.nan, np.float32)
        write_video(tmp_path / "nan.mp4", [np.zeros((32, 32, 3), np.uint8)], audio=bad)
    assert list(tmp_path.iterdir()) == []


def test_truncated_video(tmp_path: Path) -> None:
    whole, half = tmp_path / "whole.mp4", tmp_path / "half.mp4"
    noise = np.random.default_rng(0).integers(0, 255, (60, 64, 64, 3), np.uint8)
    write_video(whole, noise)
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(UserError, match="complete copy") as caught:
        list(read_frames(half))
    assert str(half) in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "no such"),
        ("empty", "empty"),
        ("text", "cannot read"),
        ("png", "picture"),
        ("wav", "no video"),
    ],
)
def test_bad_video_is_one_clear_line(tmp_path: Path, kind: str, words: str) -> None:
    path = tmp_path / "clip.mp4"
    if kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("this is no video\n" * 100)
    elif kind == "png":
        Image.new("RGB", (32, 32)).save(path, "PNG")
    elif kind == "wav":
        import soundfile

        soundfile.write(path, np.ones(1000), 16000, format="WAV")
    for read in (probe, lambda path: list(read_frames(path))):
        with pytest.raises(UserError, match=words) as caught:
            read(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_pictures_of_all_kinds(tmp_path: Path) -> None:
    colours = np.zeros((20, 30, 3), np.uint8)
    colours[:, :15] = (200, 100, 50)
    picture = Image.fromarray(colours)
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(tmp_path / "turned.png", exif=exif)
    turned = read_image(tmp_path / "turned.png")
    assert turned.shape == (30, 20, 3) and tuple(turned[3, 10]) == (200, 100, 50)

    transparent = picture.convert("RGBA")
    transparent.putalpha(0)
    transparent.save(tmp_path / "clear.png")
    assert (read_image(tmp_path / "clear.png") == 255).all()

    Image.fromarray(np.full((8, 8), 32768, np.uint16)).save(tmp_path / "deep.png")
    assert np.abs(read_image(tmp_path / "deep.png").astype(int) - 127).max() <= 1

    depths = np.repeat(np.arange(256, dtype=np.uint16) * 257, 2).reshape(32, 16)
    for name, values in (("deep", depths), ("floats", depths.astype(np.float32) / 100)):
        Image.fromarray(values).save(tmp_path / f"{name}.tiff")
        read = read_image(tmp_path / f"{name}.tiff")[..., 0]
        assert np.abs(read.astype(int) - depths // 257).max() <= (name == "floats")

    picture.convert("L").save(tmp_path / "grey.jpg")
    assert read_image(tmp_path / "grey.jpg").shape == (20, 30, 3)

    picture.convert("CMYK").save(tmp_path / "print.jpg", quality=95)
    assert np.abs(read_image(tmp_path / "print.jpg")[5, 5].astype(int) - (200, 100, 50)).max() < 12


@pytest.mark.parametrize("content", [b"", b"no picture at all", None])
def test_bad_pictures(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "portrait.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match="picture"):
        read_image(path)


def test_half_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "half.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(UserError, match="complete jpg"):
        read_image(path)
