"""RAVDESS, VoxCeleb2 and any folder, in their layouts, to verified shards."""

import csv
import json
import shutil
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.io import savemat

from data_prep import folder, ravdess, voxceleb2
from data_prep.shards.command import Command
from data_prep.verify import verify
from lit_emotalk.data import SignalsDataModule
from lit_emotalk.errors import UserError
from lit_emotalk.io.files import sha256_file
from tests.data_prep.conftest import Place
from tests.data_prep.heads import FRAMES, hum


def hum_to(path: Path, frames: int = FRAMES, rate: int = 16000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, hum(frames), rate)
    return path


def run(command: Command, root: Path, output: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> None:
    """The command in this process."""
    arguments = [command.name, "--root", str(root), "--output", str(output), "--workers", "1"]
    monkeypatch.setattr(sys, "argv", [*arguments, "--frame-size", "128", *options])
    command.run()


def rows(path: Path) -> dict[str, str]:
    """A CSV of two columns."""
    with open(path, newline="") as handle:
        return dict(list(csv.reader(handle))[1:])


def records(output: Path) -> dict[str, dict]:
    """The records by key of shards without a fault, with their split."""
    faults, by_split = verify(output)
    assert faults == []
    return {r["key"]: r | {"split": split} for split, found in by_split.items() for r in found}


def test_ravdess_videos(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place("Video_Speech_Actor_01/Actor_01/01-01-03-02-01-01-01.mp4", "smile")
    place("Video_Speech_Actor_01/Actor_01/02-01-03-02-01-01-01.mp4", "no_sound")
    place("Video_Speech_Actor_18/Actor_18/01-01-05-01-02-02-18.mp4", "ntsc")
    place("Video_Speech_Actor_18/Actor_18/01-01-06-01-02-02-18.mp4", "truncated")
    place("Video_Song_Actor_18/Actor_18/01-02-05-01-02-02-18.mp4", "smile")
    place("Video_Speech_Actor_18/Actor_18/01-01-05-01-02-18.mp4", "smile")
    hum_to(tmp_path / "root/Audio_Speech_Actors_01-24/Actor_02/03-01-01-01-01-01-02.wav")
    run(ravdess.COMMAND, tmp_path / "root", tmp_path / "out", monkeypatch)
    found = records(tmp_path / "out")
    assert set(found) == {"Actor_01_happy_3_02-01-01", "Actor_18_angry_2_01-02-02"}
    happy, angry = found["Actor_01_happy_3_02-01-01"], found["Actor_18_angry_2_01-02-02"]
    assert (happy["split"], happy["text"], happy["layout"]) == ("train", ravdess.STATEMENTS["01"], "arkit")
    assert (angry["split"], angry["frames"]) == ("val", 25)
    reasons = {Path(name).name: reason for name, reason in rows(tmp_path / "out/rejected.csv").items()}
    for name, words in {
        "02-01-03-02-01-01-01.mp4": "video without sound",
        "01-01-06-01-02-02-18.mp4": "damaged|complete copy|cannot read",
        "01-02-05-01-02-02-18.mp4": "not speech",
        "01-01-05-01-02-18.mp4": "does not parse",
        "03-01-01-01-01-01-02.wav": "no video of this sound",
    }.items():
        assert any(word in reasons[name] for word in words.split("|")), reasons[name]
    holes = rows(tmp_path / "out/holes.csv")
    assert len(holes) == 24 and holes["Actor_03"] == "all"
    assert len(holes["Actor_01"].split()) == 59 and "01-03-02-01-01" not in holes["Actor_01"]


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """RAVDESS's sounds: two actors of train, one of val."""
    for actor in (1, 2, 17):
        for emotion, intensity in (("01", "01"), ("02", "02"), ("06", "02")):
            name = f"Actor_{actor:02d}/03-01-{emotion}-{intensity}-01-01-{actor:02d}.wav"
            hum_to(tmp_path / "root" / name, FRAMES + actor)
    shutil.copytree(tmp_path / "root/Actor_01", tmp_path / "root/copies/Actor_01")
    hum_to(tmp_path / "root/Actor_02/03-01-03-01-01-01-02.wav", 5)
    return tmp_path / "root"


def test_ravdess_sounds_make_shards_for_stage_align(
    sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(ravdess.COMMAND, sounds, tmp_path / "out", monkeypatch)
    found = records(tmp_path / "out")
    assert len(found) == 9 and not list((tmp_path / "out").glob("frames-*"))
    fear, calm = found["Actor_17_fear_3_02-01-01"], found["Actor_02_calm_1_02-01-01"]
    assert (fear["split"], fear["frames"], fear["layout"], fear["level"]) == ("val", FRAMES + 17, None, 3)
    assert (calm["emotion"], calm["level"], calm["split"]) == ("calm", 1, "train")
    rejected = rows(tmp_path / "out/rejected.csv")
    assert "too short" in rejected["Actor_02/03-01-03-01-01-01-02.wav"]
    assert all("same recording" in r for name, r in rejected.items() if name.startswith("copies"))
    data = SignalsDataModule(tmp_path / "out", batch_size=4, steps_per_epoch=2, num_workers=0)
    data.setup("fit")
    batch = next(iter(data.train_dataloader()))
    assert set(batch) == {"key", "speaker", "label", "emotion", "intensity", "mel", "closed", "mask"}
    assert batch["mel"].shape == (4, 4 * batch["mask"].shape[1], 80)
    before = {path.name: sha256_file(path) for path in (tmp_path / "out").glob("*.tar")}
    capsys.readouterr()
    run(ravdess.COMMAND, sounds, tmp_path / "out", monkeypatch)
    assert "nothing to do" in capsys.readouterr().out
    assert {path.name: sha256_file(path) for path in (tmp_path / "out").glob("*.tar")} == before


def test_the_sounds_of_ravdess_videos_can_be_taken_alone(tmp_path: Path) -> None:
    for name in ("01-01-03-02-01-01-01.mp4", "03-01-03-02-01-01-01.wav", "01-01-04-02-01-01-02.mp4"):
        (tmp_path / name).touch()
    found = ravdess.find(Namespace(root=tmp_path, output=tmp_path / "out", sound_only=True))
    assert {source.speaker: source.audio for source in found.sources} == {
        "Actor_01": tmp_path / "03-01-03-02-01-01-01.wav",
        "Actor_02": tmp_path / "01-01-04-02-01-01-02.mp4",
    }
    assert all(source.video is None for source in found.sources)
    with_faces = ravdess.find(Namespace(root=tmp_path, output=tmp_path / "out", sound_only=False))
    assert {source.main.suffix for source in with_faces.sources} == {".mp4"} and not with_faces.skipped


def test_recordings_too_long_for_a_clip_are_listed(
    sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data_prep.clips.source.MAX_SECONDS", (FRAMES + 10) / 25)
    run(ravdess.COMMAND, sounds, tmp_path / "out", monkeypatch)
    assert {record["speaker"] for record in records(tmp_path / "out").values()} == {"Actor_01", "Actor_02"}
    rejected = rows(tmp_path / "out/rejected.csv")
    assert sum("too long for a clip" in reason for reason in rejected.values()) == 3


def test_ravdess_as_in_the_paper(sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(ravdess.COMMAND, sounds, tmp_path / "out", monkeypatch, "--splits", "ravdess_paper", "--limit", "5")
    found = records(tmp_path / "out")
    assert len(found) == 5 and {record["split"] for record in found.values()} == {"test"}
    command = json.loads((tmp_path / "out/manifest.json").read_text())["command"]
    assert "--splits ravdess_paper" in command and "--limit 5" in command and "--workers" not in command


def test_voxceleb2(
    place: Place, clips: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place("dev/mp4/id00012/21Uxsk56VDQ/00001.mp4", "smile")
    place("dev/mp4/id00012/21Uxsk56VDQ/00004.mp4", "neutral")
    place("dev/mp4/id00012/_LETRAS-123/00005.mp4", "no_sound")
    hum_to(tmp_path / "root/dev/aac/id00012/_LETRAS-123/00005.wav").rename(
        tmp_path / "root/dev/aac/id00012/_LETRAS-123/00005.m4a"
    )
    place("dev/mp4/id00012/21Uxsk56VDQ/00006.mp4", "no_sound")
    place("dev/mp4/id00012/21Uxsk56VDQ/00007.mp4", "no_face")
    place("dev/mp4/id00012/stray.mp4", "smile")
    place("test/mp4/id00017/01dfn2spqyE/00001.mp4", "portrait")
    place("test/mp4/id00017/01dfn2spqyE/00002.mp4", "two_faces")
    run(voxceleb2.COMMAND, tmp_path / "root", tmp_path / "out", monkeypatch)
    found = records(tmp_path / "out")
    assert {key: record["split"] for key, record in found.items()} == {
        "id00012_21Uxsk56VDQ_00001": "train",
        "id00012_21Uxsk56VDQ_00004": "train",
        "id00012__LETRAS-123_00005": "train",
        "id00017_01dfn2spqyE_00001": "test",
        "id00017_01dfn2spqyE_00002": "test",
    }
    one = found["id00012_21Uxsk56VDQ_00001"]
    assert (one["emotion"], one["level"], one["scene"]) == (None, None, "21Uxsk56VDQ")
    assert len(list((tmp_path / "out/.work/id00012").glob("rest_*.npz"))) == 2
    rejected = rows(tmp_path / "out/rejected.csv")
    assert "no audio track" in rejected["dev/mp4/id00012/21Uxsk56VDQ/00006.mp4"]
    assert "no face" in rejected["dev/mp4/id00012/21Uxsk56VDQ/00007.mp4"]
    assert "does not parse" in rejected["dev/mp4/id00012/stray.mp4"]
    assert rows(tmp_path / "out/holes.csv") == {"id00012": "00002 00003"}
    with open(tmp_path / "out/faces.csv", newline="") as handle:
        faces = list(csv.DictReader(handle))
    assert [face["followed"] for face in faces] == ["yes", "no"]
    assert {face["key"] for face in faces} == {"id00017_01dfn2spqyE_00002"}


def test_voxceleb2_takes_its_splits_from_the_meta_file(tmp_path: Path) -> None:
    for speaker in ("id00012", "id00017"):
        path = tmp_path / f"mp4/{speaker}/01dfn2spqyE/00001.mp4"
        path.parent.mkdir(parents=True)
        path.touch()
    assert voxceleb2.find(Namespace(root=tmp_path, output=tmp_path / "out")).splits is None
    meta = tmp_path / "vox2_meta.csv"
    meta.write_text("VoxCeleb2ID ,VGGFace2ID ,Gender ,Set \nid00012 ,n1 ,m ,dev \nid00017 ,n2 ,m ,test \n")
    for root in (tmp_path, tmp_path / "mp4"):
        found = voxceleb2.find(Namespace(root=root, output=tmp_path / "out"))
        assert found.splits == {"train": ["id00012"], "test": ["id00017"]}
        assert [source.speaker for source in found.sources] == ["id00012", "id00017"]
    meta.write_text("speaker,part\nid00012,dev\n")
    with pytest.raises(UserError, match=r"no column '(VoxCeleb2ID|Set)'"):
        voxceleb2.find(Namespace(root=tmp_path, output=tmp_path / "out"))


def test_a_speaker_in_dev_and_test_is_refused(tmp_path: Path) -> None:
    for part in PARTS:
        path = tmp_path / f"{part}/mp4/id00012/01dfn2spqyE/00001.mp4"
        path.parent.mkdir(parents=True)
        path.touch()
    with pytest.raises(UserError, match="put id00012 into"):
        voxceleb2.find(Namespace(root=tmp_path, output=tmp_path / "out"))


PARTS = ("dev", "test")


def test_imported_coefficients(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place("ann/smile.mp4", "smile")
    place("ann/ntsc.mp4", "ntsc")
    place("ann/other.mp4", "neutral")
    rows_of = {
        name: np.random.default_rng(7).normal(0, 1, (count, 257)).astype(np.float32)
        for name, count in (("smile", FRAMES), ("ntsc", 30))
    }
    (tmp_path / "deep3d/ann").mkdir(parents=True)
    for name, table in rows_of.items():
        savemat(tmp_path / f"deep3d/ann/{name}.mat", {"coeff": table})
    root, output, given = tmp_path / "root", tmp_path / "out", str(tmp_path / "deep3d")
    run(folder.COMMAND, root, output, monkeypatch, "--coefficients", "bfm", "--deep3d", given)
    by_source = {r["source"]: r for r in records(output).values()}
    assert set(by_source) == {"ann/smile.mp4", "ann/ntsc.mp4"}
    assert {r["layout"] for r in by_source.values()} == {"bfm"}
    assert "no coefficients" in rows(output / "rejected.csv")["ann/other.mp4"]
    data = SignalsDataModule(output, batch_size=2, steps_per_epoch=1, num_workers=0)
    data.setup("fit")
    batch = next(iter(data.train_dataloader()))
    row = [key.startswith("ann-smile") for key in batch["key"]].index(True)
    expected = rows_of["smile"][:, 80:144]
    np.testing.assert_array_equal(batch["single"][row, :FRAMES].numpy(), expected)
    np.testing.assert_array_equal(batch["coeffs"][row, :FRAMES, :64].numpy(), expected)
    with pytest.raises(UserError, match="go together"):
        run(folder.COMMAND, root, output, monkeypatch, "--coefficients", "bfm")
    with pytest.raises(UserError, match="not Deep3DFaceRecon's outputs"):
        run(folder.COMMAND, root, output, monkeypatch, "--coefficients", "bfm", "--deep3d", "/nowhere")


@pytest.mark.parametrize("module", [ravdess, voxceleb2, folder])
def test_another_folder_says_what_was_expected_and_found(module, tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    (tmp_path / "more").mkdir()
    options = Namespace(root=tmp_path, output=tmp_path / "out", labels=None, sound_only=False)
    with pytest.raises(UserError, match=r"expected .*mp4.*found only holiday\.jpg, more/"):
        module.find(options)


@pytest.mark.parametrize("command", [ravdess.COMMAND, voxceleb2.COMMAND, folder.COMMAND])
def test_wrong_use(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="no such folder"):
        run(command, tmp_path / "nowhere", tmp_path / "out", monkeypatch)
    with pytest.raises(UserError, match="--cluster must be like dask"):
        hum_to(tmp_path / "Actor_01/03-01-01-01-01-01-01.wav")
        run(ravdess.COMMAND, tmp_path, tmp_path / "out", monkeypatch, "--cluster", "slurm:x")
