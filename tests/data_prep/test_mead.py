"""A folder in MEAD's layout to shards: finding clips, following faces, gates, resuming."""

import csv
import io
import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from data_prep import mead
from data_prep.shards.verify_sample import read_samples
from data_prep.synthetic.scenes.render import Renderer
from data_prep.verify import verify
from lit_emotalk.coefficients import ARKIT
from lit_emotalk.errors import UserError
from lit_emotalk.io.files import sha256_file
from tests.data_prep.heads import FRAMES, hum, render_clip

SIZE = 192


@pytest.fixture(scope="module")
def tree(clips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MEAD's layout with good, odd and bad clips of two rendered people."""
    root = tmp_path_factory.mktemp("mead")

    def place(name: str, clip: str | None = None) -> Path:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if clip:
            shutil.copyfile(clips[clip], path)
        return path

    place("M001/video/front/neutral/level_1/001.mp4", "neutral")
    place("M001/video/front/happy/level_3/001.mp4", "smile")
    truth = {"text": "mamma", "phonemes": [["m", 0.0, 0.2], ["a", 0.2, 0.8]]}
    place("M001/video/front/happy/level_3/001.json").write_text(json.dumps(truth))
    place("M001/video/front/happy/level_3/004.mp4", "no_sound")
    soundfile.write(place("M001/audio/happy/level_3/004.wav"), hum(FRAMES), 16000)
    place("W002/video/front/angry/level_2/001.mp4", "ntsc")
    place("W002/video/front/sad/level_1/001.mp4", "two_faces")
    place("W002/video/front/neutral/level_1/001.mp4", "portrait")
    bad = ("no_face", "no_sound", "silent", "short_sound", "truncated", "no_video", "empty")
    for number, clip in enumerate(bad, 1):
        place(f"M001/video/front/sad/level_1/{number:03d}.mp4", clip)
    place("M001/video/front/sad/level_1/take two.mp4", "smile")
    place("M001/video/front/jolly/level_1/001.mp4", "smile")
    (root / "splits.json").write_text(json.dumps({"val": ["W002"]}))
    (root / "corpus.json").write_text(json.dumps({"corpus": "synthetic"}))
    return root


def run(monkeypatch: pytest.MonkeyPatch, root: Path, output: Path, *options: str) -> None:
    """The command in this process."""
    arguments = [
        "mead",
        "--root",
        str(root),
        "--output",
        str(output),
        "--workers",
        "1",
        "--frame-size",
        "128",
    ]
    monkeypatch.setattr(sys, "argv", [*arguments, *options])
    mead.COMMAND.run()


@pytest.fixture(scope="module")
def prepared(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of the tree."""
    output = tmp_path_factory.mktemp("prepared")
    with pytest.MonkeyPatch.context() as monkeypatch:
        run(monkeypatch, tree, output)
    return output


def checksums(directory: Path) -> dict[str, str]:
    return {path.name: sha256_file(path) for path in sorted(directory.glob("*.tar"))}


def samples_of(directory: Path) -> dict[str, dict[str, bytes]]:
    return {key: s for path in sorted(directory.glob("signals*.tar")) for key, s in read_samples(path)}


def test_good_clips_are_there_and_verified(prepared: Path) -> None:
    faults, records = verify(prepared)
    assert faults == []
    assert {record["key"] for record in records["train"]} == {
        "M001_neutral_1_001", "M001_happy_3_001", "M001_happy_3_004"
    }  # fmt: skip
    by_key = {record["key"]: record for split in records.values() for record in split}
    assert set(by_key) - {r["key"] for r in records["train"]} == {
        "W002_angry_2_001", "W002_sad_1_001", "W002_neutral_1_001"
    }  # fmt: skip
    happy = by_key["M001_happy_3_001"]
    assert happy["frames"] == FRAMES and happy["corpus"] == "synthetic" and happy["text"] == "mamma"
    assert happy["phonemes"] == [["m", 0.0, 0.2], ["a", 0.2, 0.8]]
    assert by_key["W002_angry_2_001"]["frames"] == 25
    assert all(record["lost_frames"] == 0 for record in by_key.values())


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("sad/level_1/001.mp4", "no face"),
        ("sad/level_1/002.mp4", "no audio track"),
        ("sad/level_1/003.mp4", "silent"),
        ("sad/level_1/004.mp4", "shorter than the video"),
        ("sad/level_1/005.mp4", "get a complete copy|cannot read sound"),
        ("sad/level_1/006.mp4", "cannot read"),
        ("sad/level_1/007.mp4", "empty"),
        ("sad/level_1/take two.mp4", "does not parse"),
        ("jolly/level_1/001.mp4", "unknown emotion label 'jolly'"),
    ],
)
def test_bad_clips_are_listed_with_their_reason(prepared: Path, name: str, reason: str) -> None:
    with open(prepared / "rejected.csv", newline="") as handle:
        rejected = {row["source"]: row["reason"] for row in csv.DictReader(handle)}
    assert re.search(reason, rejected[f"M001/video/front/{name}"])
    assert len(rejected) == 9


def test_holes_are_listed(prepared: Path) -> None:
    rows = (prepared / "holes.csv").read_text().splitlines()
    assert "M001/video/front/happy/level_3,002 003" in rows
    assert "W002/video/front/happy/level_3,the folder" in rows


def test_several_faces_are_reported_and_the_largest_followed(prepared: Path) -> None:
    with open(prepared / "report.csv", newline="") as handle:
        faces = {row["key"]: int(row["faces"]) for row in csv.DictReader(handle)}
    assert faces["W002_sad_1_001"] == 2 and faces["M001_happy_3_001"] == 1
    record = json.loads(samples_of(prepared)["W002_sad_1_001"]["json"])
    assert record["crop"][0] < SIZE


def test_expression_shows_in_the_coefficients(prepared: Path) -> None:
    smile = {}
    for key, sample in samples_of(prepared).items():
        coeffs = np.load(io.BytesIO(sample["coeffs.npy"]))
        smile[key] = float(ARKIT.mean_of(coeffs, "mouthSmile").mean())
    assert smile["M001_happy_3_001"] > smile["M001_neutral_1_001"] + 0.3
    assert smile["M001_happy_3_001"] > smile["W002_angry_2_001"] + 0.3


def test_landmarks_lie_on_the_crops(prepared: Path, renderers: list[Renderer]) -> None:
    sample = samples_of(prepared)["M001_happy_3_001"]
    record = json.loads(sample["json"])
    landmarks = np.load(io.BytesIO(sample["landmarks.npy"])).astype(float)
    x, y, half = record["crop"]
    picture = Image.open(io.BytesIO(sample["jpg"]))
    frame = render_clip(renderers[0], FRAMES, mouthSmile=0.9, cheekSquint=0.5)[record["key_frame"]]
    inner = (x - half / 2, y - half / 2, x + half / 2, y + half / 2)
    part = Image.fromarray(frame).crop(tuple(map(round, inner)))
    middle = np.asarray(picture.crop((32, 32, 96, 96)), float)
    assert np.abs(middle - np.asarray(part.resize((64, 64)), float)).mean() < 8
    assert landmarks[..., :2].min() > 0.15 and landmarks[..., :2].max() < 0.95


def test_second_run_has_nothing_to_do(
    tree: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in prepared.rglob("*") if path.is_file()}
    run(monkeypatch, tree, prepared)
    assert "nothing to do" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in prepared.rglob("*") if path.is_file()} == before


def test_continuing_gives_the_same_shards(
    tree: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, manifest = checksums(prepared), (prepared / "manifest.json").read_bytes()
    (prepared / "manifest.json").unlink()
    (prepared / "frames-000000.tar").unlink()
    (prepared / ".work/M001/M001_happy_3_001.json").unlink()
    (prepared / ".work/W002/W002_angry_2_001.npz").unlink()
    (prepared / ".work/M001/rest.npz").unlink()
    leftovers = [
        prepared / ".frames-000000.1a2b3c4d.tmp.tar", prepared / ".work/M001/.M001_happy.1a2b3c4d.tmp.npz"
    ]  # fmt: skip
    for path in leftovers:
        path.write_bytes(b"half")
    run(monkeypatch, tree, prepared)
    assert checksums(prepared) == before and (prepared / "manifest.json").read_bytes() == manifest
    assert not any(path.exists() for path in leftovers)


def test_a_touched_source_is_not_done_again(
    tree: Path, prepared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tree / "W002/video/front/angry/level_2/001.mp4"
    source.write_bytes(source.read_bytes())
    run(monkeypatch, tree, prepared)
    captured = capsys.readouterr()
    assert "nothing to do" in captured.out and "preparing" not in captured.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--root", "/nowhere"], "no such folder"),
        (["--workers", "0"], "--workers must be at least 1"),
        (["--frame-size", "100"], "multiple of 16"),
        (["--splits", "/nowhere.json"], "cannot read the splits"),
    ],
)
def test_wrong_use(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        run(monkeypatch, tree, tmp_path, *arguments)
    assert not list(tmp_path.glob("*.tar"))


def test_another_folder_says_what_was_expected_and_found(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(UserError, match=r"expected .*SPEAKER/video/front.*found only holiday\.jpg"):
        mead.find_clips(tmp_path, "mead")


def test_unfinished_corpus_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "corpus.json").write_text('{"corpus": "synthetic"}')
    with pytest.raises(UserError, match="not finished"):
        run(monkeypatch, tmp_path, tmp_path / "out")


def test_two_files_of_one_clip_do_not_stop_the_others(tmp_path: Path) -> None:
    place = tmp_path / "M003/video/front/angry/level_1"
    place.mkdir(parents=True)
    for name in ("001.mp4", "001.mov", "002.mp4"):
        (place / name).touch()
    sources, skipped = mead.find_clips(tmp_path, "mead")
    assert [source.key for source in sources] == ["M003_angry_1_001", "M003_angry_1_002"]
    [(file, reason)] = skipped
    assert file.endswith("001.mp4") and reason.endswith(
        "the same clip as M003/video/front/angry/level_1/001.mov"
    )
