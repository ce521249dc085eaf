"""Any folder of talking videos to shards: labels of a CSV and of files' names, splits, and bad input."""

import csv
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import av
import pytest
import soundfile

from data_prep import folder
from data_prep.verify import verify
from lit_emotalk.errors import UserError
from tests.data_prep.conftest import Place
from tests.data_prep.heads import FRAMES, SIZE, hum


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The command in this process, from tmp_path/root to tmp_path/out."""

    def command(*options: object) -> None:
        arguments = ["folder", "--root", tmp_path / "root", "--output", tmp_path / "out", "--workers", 1]
        monkeypatch.setattr(sys, "argv", [str(a) for a in (*arguments, "--frame-size", 128, *options)])
        folder.COMMAND.run()

    return command


def rows(path: Path) -> dict[str, str]:
    """A CSV of two columns."""
    with open(path, newline="") as handle:
        return dict(list(csv.reader(handle))[1:])


def records(output: Path) -> dict[str, dict]:
    """The records by source of shards without a fault, with their split."""
    faults, by_split = verify(output)
    assert faults == []
    return {r["source"]: r | {"split": split} for split, found in by_split.items() for r in found}


LABELS = """file,speaker,emotion,level,text,split
ann/a clip.mp4,Ann,happy,3,hello,
bob.mp4,Bob,,,,val
ann/odd.mp4,Ann,jolly,1,,
gone.mp4,Ann,happy,,,
"""


def test_any_folder(place: Place, run: Callable[..., None], tmp_path: Path) -> None:
    place("ann/a clip.mp4", "smile")
    place("ann/odd.mp4", "smile")
    place("bob.mp4", "ntsc")
    place("carl/x/y.mp4", "no_sound")
    soundfile.write(tmp_path / "root/carl/x/y.wav", hum(FRAMES), 16000)
    place("carl/bad.mp4", "empty")
    (tmp_path / "labels.csv").write_text(LABELS)
    output = tmp_path / "out"
    run("--labels", tmp_path / "labels.csv")
    found = records(output)
    assert {name: (r["speaker"], r["emotion"], r["level"], r["split"]) for name, r in found.items()} == {
        "ann/a clip.mp4": ("Ann", "happy", 3, "train"),
        "bob.mp4": ("Bob", None, None, "val"),
        "carl/x/y.mp4": ("carl", None, None, "train"),
    }
    assert found["ann/a clip.mp4"]["text"] == "hello"
    rejected = rows(output / "rejected.csv")
    assert "unknown emotion label 'jolly'" in rejected["ann/odd.mp4"] and "empty" in rejected["carl/bad.mp4"]
    assert set(rows(output / "holes.csv")) == {"gone.mp4"}
    (tmp_path / "labels.csv").write_text(LABELS.replace("happy,3,hello", "sad,2,"))
    run("--labels", tmp_path / "labels.csv")
    assert records(output)["ann/a clip.mp4"]["emotion"] == "sad"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,emotion\n", "unknown name"),
        ("emotion\n", "no column 'file'"),
        ("file\na.mp4\na.mp4\n", "twice"),
    ],
)
def test_wrong_labels(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(UserError, match=words):
        folder.read_labels(tmp_path / "labels.csv")


def test_names_tell_and_whoever_they_do_not_is_in_the_split_asked_for(
    place: Place, run: Callable[..., None], tmp_path: Path
) -> None:
    place("mead/M001_front_neutral_level1_001.mp4", "neutral")
    place("mead/M001_front_happy_level3_001.mp4", "smile")
    place("web/talk.mp4", "ntsc")
    run("--labels", "names", "--split", "test")
    found = records(tmp_path / "out")
    assert {
        Path(name).stem: (r["speaker"], r["emotion"], r["level"], r["split"]) for name, r in found.items()
    } == {
        "M001_front_neutral_level1_001": ("M001", "neutral", 1, "test"),
        "M001_front_happy_level3_001": ("M001", "happy", 3, "test"),
        "talk": ("web", None, None, "test"),
    }
    scenes = {name.split("/")[0]: r["scene"] for name, r in found.items()}
    assert scenes == {"mead": "M001 front", "web": "web/talk.mp4"}
    prepared = json.loads((tmp_path / "out/prepared.json").read_text())
    frames = sum(record["frames"] for record in found.values())
    assert prepared["clips"] == 3 and prepared["frames"] == frames and prepared["frames_per_second"] > 0
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert "--labels names --split test" in manifest["command"]


def test_labels_of_a_split_stand_beside_the_split_of_all_others(
    place: Place, run: Callable[..., None], tmp_path: Path
) -> None:
    place("ann/a.mp4", "smile")
    place("bob.mp4", "ntsc")
    (tmp_path / "labels.csv").write_text("file,split\nann/a.mp4,train\n")
    run("--labels", tmp_path / "labels.csv", "--split", "val")
    assert {name: r["split"] for name, r in records(tmp_path / "out").items()} == {
        "ann/a.mp4": "train",
        "bob.mp4": "val",
    }


@pytest.mark.parametrize(
    ("files", "options", "said"),
    [
        ({"a.mp4": "no_face", "b.mp4": "no_face"}, (), "none of 2 clips is fit: a.mp4: .*no face"),
        ({"a.mp4": "no_sound"}, (), "none of 1 clips is fit: a.mp4: .*has no audio track"),
        ({"a.mp4": "silent"}, (), "none of 1 clips is fit: a.mp4: .*silent"),
        ({"a.jpg": "no_video", "b.png": "no_video"}, (), "expected videos .*, found only a.jpg, b.png"),
        ({"a.mp4": "smile"}, ("--labels", "labels.csv"), "name none of the 1 videos .* file is 'gone.mp4'"),
        ({"a.mp4": "smile"}, ("--labels", "absent.csv"), "cannot read the labels absent.csv"),
    ],
)
def test_what_cannot_be_prepared_is_one_line_and_no_shards(
    files, options, said, place: Place, run: Callable[..., None], tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, clip in files.items():
        place(name, clip)
    (tmp_path / "labels.csv").write_text("file,emotion\ngone.mp4,happy\n")
    with pytest.raises(UserError, match=said) as raised:
        run(*options)
    assert "\n" not in str(raised.value)
    assert not list((tmp_path / "out").glob("*.tar")) and not (tmp_path / "out/manifest.json").exists()


def test_every_kind_of_video_is_taken_and_every_other_file_listed(
    place: Place, run: Callable[..., None], tmp_path: Path
) -> None:
    smile = place("ann/smile.mp4", "smile")
    for name in ("ann/old.mpg", "ann/stream.ts", "ann/phone.3gp"):
        with av.open(str(smile)) as source, av.open(str(tmp_path / "root" / name), "w") as out:
            pictures = out.add_stream("mpeg4" if name.endswith("3gp") else "mpeg2video", rate=25)
            pictures.width, pictures.height, pictures.pix_fmt = SIZE, SIZE, "yuv420p"
            pictures.bit_rate = 2_000_000
            for frame in source.decode(video=0):
                out.mux(pictures.encode(frame.reformat(format="yuv420p")))
            out.mux(pictures.encode(None))
        soundfile.write((tmp_path / "root" / name).with_suffix(".wav"), hum(FRAMES), 16000)
    (tmp_path / "store").mkdir()
    shutil.move(place("x.mp4", "ntsc"), tmp_path / "store" / "x.mp4")
    (tmp_path / "root/bob").symlink_to(tmp_path / "store")
    (tmp_path / "root/bob/gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    (tmp_path / "root/notes.txt").write_text("who is who")
    (tmp_path / "root/ann/other.wav").touch()
    run()
    found = records(tmp_path / "out")
    assert set(found) == {"ann/smile.mp4", "ann/old.mpg", "ann/stream.ts", "ann/phone.3gp", "bob/x.mp4"}
    assert found["bob/x.mp4"]["speaker"] == "bob"
    rejected = rows(tmp_path / "out/rejected.csv")
    assert set(rejected) == {"bob/gone.mp4", "notes.txt", "ann/other.wav"}
    assert rejected["bob/gone.mp4"] == "a link to nothing"
    assert rejected["notes.txt"] == "no video by its ending"


def test_names_that_are_no_text_are_listed_and_do_not_stop_the_others(
    place: Place, run: Callable[..., None], tmp_path: Path
) -> None:
    place("ann/a.mp4", "smile")
    root = os.fsencode(tmp_path / "root")
    shutil.copyfile(root + b"/ann/a.mp4", root + b"/ann/caf\xe9.mp4")
    os.mkdir(root + b"/caf\xe9")
    run()
    assert set(records(tmp_path / "out")) == {"ann/a.mp4"}
    rejected = rows(tmp_path / "out/rejected.csv")
    assert set(rejected) == {r"ann/caf\udce9.mp4", r"caf\udce9"}
    assert set(rejected.values()) == {"its name is no UTF-8; rename it"}
    os.rename(root, root + b"\xe9")
    with pytest.raises(UserError, match="no UTF-8"):
        run("--root", os.fsdecode(root + b"\xe9"))
