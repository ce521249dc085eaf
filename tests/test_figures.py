"""Figures: where frames and labels go, and the two commands."""

import numpy as np
import pytest
from PIL import Image

from lit_emotalk.errors import UserError
from lit_emotalk.figures import MARGIN, contact_sheet, main
from lit_emotalk.video import write_video


def plain(value: int, size: int = 40) -> np.ndarray:
    """A square of one grey."""
    return np.full((size, size, 3), value, np.uint8)


def test_every_frame_is_in_its_place():
    sheet = contact_sheet({"happy": [plain(10), plain(20)], "sad": [plain(30), plain(40)]})
    step = 40 + MARGIN
    left = sheet.shape[1] - 2 * step
    assert sheet.shape[0] == MARGIN + 2 * step
    for row, values in enumerate(((10, 20), (30, 40))):
        for column, value in enumerate(values):
            y, x = MARGIN + row * step, left + column * step
            assert (sheet[y : y + 40, x : x + 40] == value).all()
    assert (sheet[:, :left].min((1, 2)) < 128).any(), "labels are drawn"


def test_columns_are_labelled():
    bare = contact_sheet({"a": [plain(9)]})
    named = contact_sheet({"a": [plain(9)]}, ["1 s"])
    assert named.shape[0] > bare.shape[0]
    assert named[: named.shape[0] - bare.shape[0]].min() < 128


def test_odd_frames_are_refused():
    with pytest.raises(UserError, match="one size"):
        contact_sheet({"a": [plain(1), plain(1, 20)]})
    with pytest.raises(UserError, match="needs frames"):
        contact_sheet({"a": []})


def test_commands_draw_videos(tmp_path):
    for name, value in (("ours", 60), ("theirs", 200)):
        write_video(tmp_path / name / "clip.mp4", [plain(value, 64)] * 10)
    ours, theirs = (str(tmp_path / name) for name in ("ours", "theirs"))
    output = tmp_path / "figure.png"
    arguments = ["--columns", "3", "--size", "32", "--output", str(output)]
    main(["compare", "--methods", f"Ours={ours}", theirs, "--clips", "clip", *arguments])
    picture = np.asarray(Image.open(output).convert("L"))
    assert abs(int(picture[-20, -20]) - 200) < 6 and abs(int(picture[-20 - 32 - MARGIN, -20]) - 60) < 6
    main(["contact-sheet", "--videos", f"a={ours}/clip.mp4", *arguments[:-1], str(tmp_path / "sheet.pdf")])
    assert (tmp_path / "sheet.pdf").read_bytes()[:4] == b"%PDF"
    with pytest.raises(UserError, match="no video of other"):
        main(["compare", "--methods", ours, "--clips", "other", *arguments])
    with pytest.raises(UserError, match=r"\.png or \.pdf"):
        main(["compare", "--methods", ours, "--clips", "clip", "--output", str(tmp_path / "x.gif")])
    with pytest.raises(UserError, match="no such file"):
        main(["contact-sheet", "--videos", "a=none.mp4", *arguments])
