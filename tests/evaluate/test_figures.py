"""Figures: where frames and labels go, and the two commands."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.figures.command import MARGIN, TITLE_TEXT, contact_sheet, main, named_paths
from lit_emotalk.evaluate.figures.rows import find_clips
from lit_emotalk.io.video import write_video


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
    with pytest.raises(UserError, match="give --methods and --clips"):
        main(["compare", "--methods", ours, *arguments])


def test_several_clips_lie_below_each_other(tmp_path):
    for name, value in (("one", 60), ("two", 200)):
        write_video(tmp_path / "ours" / f"{name}.mp4", [plain(value, 64)] * 10)
    arguments = ["--columns", "2", "--size", "32", "--output", str(tmp_path / "f.png")]
    main(["compare", "--methods", f"Ours={tmp_path / 'ours'}", "--clips", "one", *arguments])
    alone = np.asarray(Image.open(tmp_path / "f.png").convert("L"))
    main(["compare", "--methods", f"Ours={tmp_path / 'ours'}", "--clips", "one", "two", *arguments])
    both = np.asarray(Image.open(tmp_path / "f.png").convert("L"))
    title = TITLE_TEXT + 2 * MARGIN
    assert both.shape == (2 * (alone.shape[0] + title), alone.shape[1])
    assert np.array_equal(both[title : title + len(alone)], alone)
    assert both[:title].min() < 128, "the clip's name is drawn"
    assert abs(int(both[-20, -20]) - 200) < 6


@pytest.fixture
def made_videos(monkeypatch):
    """Generator without networks: grey videos of 48 pixels, the grey by condition and variant."""

    class Grey:
        def __init__(self, models, device):
            self.grey = 40 if models.name == "full" else 90
            self.face = self
            self.resolution = 48

        def frames(self, clip, loaded, condition):
            assert loaded.frames.shape[1:] == (48, 48, 3)
            value = self.grey + 100 * (condition == "image")
            return np.full((clip.facts["level"] + 5, 48, 48, 3), value, np.uint8)

    monkeypatch.setattr("lit_emotalk.evaluate.generate.Generator", Grey)


def rows_of(picture: Path, count: int, size: int = 32) -> list[int]:
    """Grey of the last frame of each of the lowest `count` rows, from the top."""
    grey = np.asarray(Image.open(picture).convert("L"))
    return [int(grey[-(size + MARGIN) * (count - i) + size // 2, -20]) for i in range(count)]


def test_our_models_stand_below_the_truth_and_other_methods(tiny_shards, made_videos, tmp_path):
    key = "M003_angry_3_007"
    write_video(tmp_path / "EAMM" / f"{key}.mp4", [plain(230, 64)] * 10)
    (tmp_path / "full").mkdir()
    output = tmp_path / "f.png"
    common = ["--shards", str(tiny_shards), "--columns", "3", "--size", "32", "--output", str(output)]
    models = ["--models", str(tmp_path / "full"), "--condition", "text", "image", "--clips", key]
    main(["compare", "--methods", str(tmp_path / "EAMM"), *models, *common])
    truth, eamm, text, image = rows_of(output, 4)
    assert (text, image) == (40, 140) and abs(eamm - 230) < 6 and truth not in (40, 140)
    main(["compare", *models[:-2], *common])
    assert len(np.asarray(Image.open(output))) > 2 * 3 * 36, "two clips are chosen"
    with pytest.raises(UserError, match="no clip M003_none in split test"):
        main(["compare", *models[:-1], "M003_none", *common])


def test_chosen_clips_show_strong_emotions_of_different_people(monkeypatch):
    kinds = [("M1", "angry", 1), ("M1", "angry", 3), ("M1", "sad", 3), ("W2", "angry", 3), ("W2", "sad", 2)]
    clips = [
        SimpleNamespace(key=f"{s}_{e}_{n}", facts={"speaker": s, "emotion": e, "level": n})
        for s, e, n in kinds
    ]
    monkeypatch.setattr("lit_emotalk.evaluate.shards.shard_clips", lambda *_: clips)
    assert [clip.key for clip in find_clips(Path("s"), "test", [])] == ["M1_angry_3", "W2_sad_2"]
    assert [clip.key for clip in find_clips(Path("s"), "test", ["W2_angry_3"])] == ["W2_angry_3"]


def test_ablation_has_a_row_for_each_variant(tiny_shards, made_videos, tmp_path):
    for name in ("full", "wo_res"):
        (tmp_path / name).mkdir()
    variants = [f"Full={tmp_path / 'full'}", f"w/o res.={tmp_path / 'wo_res'}"]
    output = tmp_path / "ablation.pdf"
    common = ["--shards", str(tiny_shards), "--columns", "3", "--size", "32", "--clips", "M003_happy_2_008"]
    main(["ablation", "--models", *variants, *common, "--output", str(output), str(tmp_path / "a.png")])
    assert output.read_bytes()[:4] == b"%PDF"
    assert rows_of(tmp_path / "a.png", 3)[1:] == [40, 90]
    with pytest.raises(UserError, match="no models at none"):
        main(["ablation", "--models", "a=none", *common, "--output", str(output)])


def test_two_paths_of_one_name_are_refused(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.mp4").touch()
    paths = [str(tmp_path / folder / "same.mp4") for folder in ("a", "b")]
    with pytest.raises(UserError, match=r"a/same.mp4 and .*b/same.mp4 are both called same; give NAME=PATH"):
        named_paths(paths, "--methods")
    assert list(named_paths([paths[0], f"other={paths[1]}"], "--methods")) == ["same", "other"]
