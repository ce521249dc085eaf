"""Outputs: video files and folders that are whole or absent, and that say that they are generated."""

import resource
import signal

import av
import numpy as np
import pytest
from PIL import Image

from lit_emotalk.errors import UserError
from lit_emotalk.inference.output.files import checked_output, write_output
from lit_emotalk.inference.output.provenance import MARK, STATEMENT, VisibleMark
from lit_emotalk.io.video import probe, read_frames

COUNT = 6
SOUND = (0.2 * np.sin(np.arange(COUNT * 640) / 9)).astype(np.float32)


def frames(side: int = 48, seed: int = 0):
    rng = np.random.default_rng(seed)
    for _ in range(COUNT):
        yield rng.integers(0, 255, (side, side, 3), np.uint8)


@pytest.mark.parametrize(
    ("name", "video", "audio"),
    [("o.mp4", "h264", "aac"), ("o.webm", "vp9", "opus"), ("O.MP4", "h264", "aac")],
)
def test_a_video_file_with_sound_and_its_tags(tmp_path, name, video, audio):
    write_output(tmp_path / name, frames(), SOUND)
    assert len(list(read_frames(tmp_path / name))) == COUNT
    with av.open(str(tmp_path / name)) as container:
        assert container.streams.video[0].codec_context.name == video
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"
        assert container.streams.audio[0].codec_context.name == audio
        tags = {key.lower(): value for key, value in container.metadata.items()}
    assert tags["comment"] == STATEMENT and "AI-generated" in tags["title"]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_mp4_plays_before_it_is_loaded(tmp_path):
    write_output(tmp_path / "o.mp4", frames(), SOUND)
    data = (tmp_path / "o.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_a_folder_of_pictures(tmp_path):
    written = list(frames())
    write_output(checked_output(tmp_path / "new" / "seq", False), iter(written), SOUND)
    paths = sorted((tmp_path / "new" / "seq").glob("*.png"))
    assert len(paths) == COUNT and (tmp_path / "new" / "seq" / "speech.wav").is_file()
    with Image.open(paths[2]) as picture:
        assert picture.text["Comment"] == STATEMENT
        np.testing.assert_array_equal(np.asarray(picture), written[2])


@pytest.mark.parametrize("name", ["o.mp4", "o.webm", "seq"])
def test_what_breaks_off_leaves_nothing(tmp_path, name):
    def broken():
        yield from frames()
        raise RuntimeError("out of frames")

    with pytest.raises(RuntimeError):
        write_output(tmp_path / name, broken(), SOUND)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["o.mp4", "o.webm", "seq"])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, name):
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, hard))
    try:
        with pytest.raises(UserError, match="cannot write") as caught:
            write_output(tmp_path / name, frames(256), SOUND)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert "\n" not in str(caught.value) and "ending in" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_what_may_not_be_written_to(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "o.mp4").write_text("x")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("x")
    (tmp_path / "d.mp4").mkdir()
    for name, overwrite, said in (
        ("o.avi", False, "must be an .mp4 or .webm"),
        ("file", True, "is a file"),
        ("o.mp4", False, "--overwrite"),
        ("other", True, "other files than frames"),
        ("d.mp4", True, "is a folder"),
    ):
        with pytest.raises(UserError, match=said):
            checked_output(tmp_path / name, overwrite)
    assert checked_output(tmp_path / "o.mp4", True) == tmp_path / "o.mp4"


def test_a_parent_that_is_a_file_is_one_line(tmp_path):
    (tmp_path / "file").write_text("x")
    for name in ("o.mp4", "seq"):
        with pytest.raises(UserError, match="cannot write"):
            write_output(tmp_path / "file" / name, frames(), SOUND)


def test_the_older_folder_is_replaced_as_a_whole(tmp_path):
    for side in (48, 32):
        write_output(checked_output(tmp_path / "seq", True), frames(side), SOUND)
    assert probe_size(tmp_path / "seq" / "frame_000000.png") == (32, 32)
    assert len(list(tmp_path.iterdir())) == 1


def probe_size(path):
    with Image.open(path) as picture:
        return picture.size


def test_the_visible_mark_lies_in_its_corner():
    for height, width in ((64, 64), (256, 256), (720, 1280), (20, 16)):
        frame = np.full((height, width, 3), 90, np.uint8)
        marked = VisibleMark(height, width)(frame)
        assert marked.shape == frame.shape and (frame == 90).all() and MARK
        changed = np.nonzero((marked != 90).any(-1))
        assert changed[0].min() >= height / 2 or height < 64
        assert int(marked.max()) - int(marked.min()) > 80


def test_odd_sizes_become_even(tmp_path):
    write_output(tmp_path / "o.mp4", frames(33), SOUND)
    assert (probe(tmp_path / "o.mp4").width, probe(tmp_path / "o.mp4").height) == (34, 34)
