"""`lit-emotalk evaluate` on folders of videos: perfect truth, graded damage, broken files, resuming."""

import json
from pathlib import Path

import numpy as np
import pytest

from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.command import main
from lit_emotalk.evaluate.folders import emotion_of, folder_pairs, listed_pairs, speaker_of
from lit_emotalk.evaluate.lag import sound_lag
from lit_emotalk.evaluate.reads import Reader
from lit_emotalk.evaluate.settings import Settings, choose_sync
from lit_emotalk.evaluate.store import SET_KEY, read_results
from lit_emotalk.io.video import write_video
from lit_emotalk.weights import fetch as weights
from tests.evaluate.conftest import blurred


def evaluate(*arguments: object) -> dict[tuple[str, str], dict]:
    """Run the command and give its clips' rows by method and key."""
    main([*map(str, arguments), "--workers", "1", "--stride", "4"])
    output = Path(arguments[arguments.index("--output") + 1])
    rows = {(row["method"], row["key"]): row for row in read_results(output)[1]}
    return {name: row for name, row in rows.items() if name[1] != SET_KEY}


def test_truth_is_perfect_and_damage_moves_what_it_should(make_folder, moving_face, tmp_path):
    reference = make_folder("true", {"M001_a": moving_face})
    metrics = {}
    variants = {
        "same": moving_face,
        "soft": blurred(moving_face, 1.0),
        "softer": blurred(moving_face, 2.5),
        "frozen": np.repeat(moving_face[:1], len(moving_face), 0),
    }
    for name, frames in variants.items():
        made = make_folder(name, {"M001_a": frames})
        rows = evaluate("--generated", made, "--reference", reference, "--output", tmp_path / "results.jsonl")
        metrics[name] = rows[name, "M001_a"]["metrics"]
    same, soft, softer, frozen = metrics.values()
    assert same["psnr"] == 100 and same["ssim"] == pytest.approx(1)
    assert same["m_lmd"] == same["f_lmd"] == same["efd"] == same["tof"] == 0
    assert same["csim"] > 0.97
    assert same["lve"] == same["fdd"] == same["mhd"] == 0
    for name in ("lve", "mhd"):
        assert 0 < metrics["soft"][name] < metrics["softer"][name], name
    rows = read_results(tmp_path / "results.jsonl")[1]
    sets = {row["method"]: row for row in rows if row["key"] == SET_KEY}
    truth, still = sets["same"]["metrics"], sets["frozen"]["metrics"]
    assert truth["theval"] == 1 and truth["e_fid"] == 0 and truth["pose_fid"] < 1e-9
    for name in ("lip_dynamics", "head_motion", "eyebrow_dynamics"):
        assert truth[f"theval_score_{name}"] == 1
    assert max(still["theval_score_lip_dynamics"], still["theval_score_head_motion"]) < 0.6, "it is still"
    assert 0 < sets["soft"]["metrics"]["pose_fid"] < still["pose_fid"] and still["e_fid"] > 0
    assert sets["same"]["frames"]["e_fid"] == sets["same"]["frames"]["e_fid_true"] == 16
    for name in ("psnr", "psnr_face", "ssim", "ssim_face"):
        assert same[name] > soft[name] > softer[name] > frozen[name]
    assert same["sharp"] == pytest.approx(100) and 60 > soft["sharp"] > softer["sharp"]
    assert soft["m_lmd"] < softer["m_lmd"] < 6
    assert frozen["tof"] > 3 * softer["tof"]
    assert frozen["warp"] < 0.01 < same["warp"]
    assert "sync" not in same


def test_broken_videos_are_named_and_the_rest_is_scored(make_folder, moving_face, tmp_path, capsys):
    videos = {f"W002_{i:02d}": moving_face[i % 8 : i % 8 + 2] for i in range(20)}
    reference, made = make_folder("true", videos), make_folder("made", videos)
    (made / "W002_00.mp4").write_bytes(b"not a video")
    (made / "W002_01.mp4").write_bytes((made / "W002_01.mp4").read_bytes()[:900])
    (reference / "W002_02.mp4").write_bytes(b"")
    (made / "W002_03.mp4").rename(made / "W002_other.mp4")
    write_video(made / "W002_04.mp4", list(moving_face[4:6]), crf=4)
    output = tmp_path / "results.jsonl"
    rows = evaluate("--generated", made, "--reference", reference, "--output", output)
    broken = {"W002_00", "W002_01", "W002_02"}
    assert {key for (_, key), row in rows.items() if "error" in row} == broken and len(rows) == 19
    assert rows["made", "W002_19"]["metrics"]["psnr"] == 100
    said = capsys.readouterr().err
    assert "3 could not be scored" in said
    for name in (*broken, "W002_03: not generated", "W002_other: no reference"):
        assert name in said
    assert "no_sound" not in rows["made", "W002_04"]["failures"], "the reference's sound is taken"


def test_no_sound_at_all_is_counted_and_said(moving_face, tmp_path, capsys):
    for name in ("true", "made"):
        write_video(tmp_path / name / "a.mp4", list(moving_face[:2]), crf=4)
    arguments = ("--generated", tmp_path / "made", "--reference", tmp_path / "true")
    row = evaluate(*arguments, "--output", tmp_path / "r.jsonl")["made", "a"]
    assert row["failures"]["no_sound"] == 1
    said = capsys.readouterr().err
    assert "1 videos without a sound track: no Sync" in said
    for column in ("BAS", "SLCC", "Lip sync", "Silent lips"):
        assert f"1 videos without {column}: needs sound" in said
    assert "1 videos without Head dyn.: needs more frames with a face" in said
    assert not {"bas", "slcc", "theval_lip_sync", "theval_head_motion"} & row["metrics"].keys()


def test_a_video_without_any_face_has_reasons_in_place_of_numbers(make_folder, moving_face, tmp_path):
    reference = make_folder("true", {"a_happy": moving_face})
    made = make_folder("made", {"a_happy": np.full_like(moving_face, 128)})
    row = evaluate("--generated", made, "--reference", reference, "--output", tmp_path / "r.jsonl")[
        "made", "a_happy"
    ]
    lacking = {"efd", "lve", "fdd", "mhd", "bas", "slcc", "theval_lip_dynamics", "theval_eyebrow_dynamics"}
    assert lacking <= row["missing"].keys() and not lacking & row["metrics"].keys()
    assert all(np.isfinite(value) for value in row["metrics"].values())
    sets = [row for row in read_results(tmp_path / "r.jsonl")[1] if row["key"] == SET_KEY]
    assert not sets, "nothing can be said of the set"


@pytest.mark.parametrize("name", ["lpips_alexnet", "fid_inception", "syncnet"])
def test_corrupt_weights_are_one_line(name, tmp_path, monkeypatch):
    monkeypatch.setenv("LIT_EMOTALK_HOME", str(tmp_path))
    (tmp_path / weights.entry(name).file).write_bytes(b"half a download")
    with pytest.raises(UserError, match=rf"is not the weights '{name}' \(sha256"):
        Reader(Settings(sync=choose_sync("auto", None)))


def test_lengths_and_faceless_frames_are_counted(make_folder, moving_face, tmp_path):
    made = moving_face[:10].copy()
    made[4:6] = 128
    reference = make_folder("true", {"a": moving_face[:8]})
    folder = make_folder("made", {"a": made})
    row = evaluate("--generated", folder, "--reference", reference, "--output", tmp_path / "r.jsonl")[
        "made", "a"
    ]
    assert row["frames"]["used"] == 8
    assert row["failures"]["frames_more_than_reference"] == 2
    assert row["failures"]["no_face_in_generated"] >= 1
    assert row["frames"]["with_faces"] <= 7
    assert np.isfinite(row["metrics"]["m_lmd"])


@pytest.mark.parametrize("lag", [3, -2])
def test_an_offset_is_found_by_the_sound_and_counted(moving_face, tmp_path, lag, capsys):
    noise = np.random.default_rng(0).normal(0, 0.1, 640 * len(moving_face)).astype(np.float32)
    early, late = (slice(abs(lag), None), slice(None)) if lag > 0 else (slice(None), slice(abs(lag), None))
    for name, part in (("true", early), ("made", late)):
        start = (part.start or 0) * 640
        write_video(tmp_path / name / "a.mp4", list(moving_face[part]), audio=noise[start:], crf=4)
    arguments = ("--generated", tmp_path / "made", "--reference", tmp_path / "true", "--output")
    plain = evaluate(*arguments, tmp_path / "plain.jsonl")["made", "a"]
    assert plain["failures"]["frames_off_reference"] == abs(lag) and plain["metrics"]["psnr"] < 35
    assert "1 videos off the reference by the sound" in capsys.readouterr().err
    aligned = evaluate(*arguments, tmp_path / "aligned.jsonl", "--align")["made", "a"]
    assert aligned["metrics"]["psnr"] > 38 and aligned["frames"]["used"] == len(moving_face) - abs(lag)
    assert not {name for name in aligned["failures"] if "than_reference" in name}


def test_other_sounds_have_no_lag():
    one, other = np.random.default_rng(0).normal(size=(2, 9000))
    assert sound_lag(one, other) == sound_lag(one, 0 * one) == 0
    assert sound_lag(one[1280:], one) == -2 and sound_lag(one[:7000], 0.1 * one[1900:]) == 3


def test_a_second_run_adds_only_what_is_missing(make_folder, moving_face, tmp_path, capsys):
    short = moving_face[:6]
    reference = make_folder("true", {"a": short, "b": short})
    made = make_folder("made", {"a": short})
    output = tmp_path / "results.jsonl"
    arguments = ("--generated", made, "--reference", reference, "--output", output)
    evaluate(*arguments)
    with open(output, "a") as handle:
        handle.write('{"method": "made", "key": "half of a li')
    make_folder("made", {"b": short})
    capsys.readouterr()
    rows = evaluate(*arguments)
    assert "1 rows added, 0 failed, 1 were there" in capsys.readouterr().out
    assert len(rows) == 2
    assert all(json.loads(line) for line in output.read_text().splitlines())
    with pytest.raises(UserError, match=r"another protocol \(stride"):
        main([*map(str, arguments), "--stride", "2"])
    header = json.loads(output.read_text().splitlines()[0])
    output.write_text(json.dumps(header | {"schema": 0}) + "\n")
    with pytest.raises(UserError, match="schema version 0"):
        evaluate(*arguments)


def test_sizes_must_agree_or_be_scaled(make_folder, moving_face, tmp_path):
    short = moving_face[:6]
    reference = make_folder("true", {"a": short})
    made = make_folder("made", {"a": short[:, ::2, ::2]})
    arguments = ("--generated", made, "--reference", reference, "--output", tmp_path / "r.jsonl")
    with pytest.raises(UserError, match="--resize"):
        evaluate(*arguments)
    arguments = (*arguments[:-1], tmp_path / "resized.jsonl", "--resize")
    assert evaluate(*arguments)["made", "a"]["metrics"]["psnr"] > 20


def test_pairs_of_a_list(tmp_path):
    table = tmp_path / "pairs.csv"
    table.write_text("generated,reference,speaker\nx/1.mp4,y/2.mp4,M003\nx/2.mp4,y/3.mp4,\n")
    first, second = listed_pairs(table)
    assert (first.key, first.facts["speaker"], first.reference) == ("1", "M003", tmp_path / "y/2.mp4")
    assert second.source is None and second.facts["speaker"] == "2"
    table.write_text("made,reference\n1,2\n")
    with pytest.raises(UserError, match="generated"):
        listed_pairs(table)


def test_emotions_are_read_off_names_and_lists(tmp_path):
    assert emotion_of("M030_front_angry_level3_001") == "angry"
    assert emotion_of("M003/fear/3") == emotion_of("x-Fearful-2") == "fear"
    assert emotion_of("01-01-05-02-01-01-17") == "angry"
    assert emotion_of("W002_00") is emotion_of("happy_sad") is None
    table = tmp_path / "pairs.csv"
    table.write_text("generated,reference,emotion\na_happy.mp4,b.mp4,\nc_happy.mp4,d.mp4,Disgust\n")
    assert [pair.facts["emotion"] for pair in listed_pairs(table)] == ["happy", "disgusted"]
    table.write_text("generated,reference,emotion\na.mp4,b.mp4,bored\n")
    with pytest.raises(UserError, match="unknown emotion label 'bored'"):
        listed_pairs(table)


def test_speakers_are_read_off_names():
    assert speaker_of("M003_angry_3_001") == "M003"
    assert speaker_of("deep/01-01-05-02-01-01-17") == "Actor_17"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "give --generated"),
        (["--generated", "here"], "both"),
        (["--shards", "s"], "--condition"),
        (["--shards", "s", "--condition", "text"], "manifest"),
        (["--shards", "s", "--baseline", "ground_truth"], "manifest"),
        (["--generated", "a", "--reference", "b"], "no folder"),
        (["--generated", "a", "--reference", "b", "--limit", "0"], "at least 1"),
        (["--pairs", "none.csv"], "no such file"),
    ],
)
def test_wrong_use_is_one_line(arguments, line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=line):
        main([*arguments, "--output", "r.jsonl"])
    assert not (tmp_path / "r.jsonl").exists()


def test_folders_without_a_common_name(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{folder}.mp4").touch()
    with pytest.raises(UserError, match="has the name of one"):
        folder_pairs(tmp_path / "a", tmp_path / "b", None)


@pytest.mark.parametrize("option", ["--generated", "--reference", "--source"])
def test_two_files_of_one_name_are_refused(tmp_path, option):
    folders = {name: tmp_path / name[2:] for name in ("--generated", "--reference", "--source")}
    for folder in folders.values():
        (folder / "deep").mkdir(parents=True)
        (folder / "deep/same.mp4").touch()
    other = "same.png" if option == "--source" else "same.webm"
    (folders[option] / "deep" / other).touch()
    with pytest.raises(
        UserError, match=rf"{option} .* has same.* and same.* for one name, deep.same"
    ) as caught:
        folder_pairs(*folders.values())
    assert "same.mp4" in str(caught.value) and other in str(caught.value)


def test_every_kind_of_video_is_paired_and_every_other_file_named(tmp_path):
    for folder in ("made", "true"):
        (tmp_path / folder / "old").mkdir(parents=True)
        (tmp_path / folder / "old/a.mpg").touch()
        (tmp_path / folder / "b.ts").touch()
        (tmp_path / f"link_{folder}").symlink_to(tmp_path / folder)
        (tmp_path / folder / "notes.txt").touch()
    (tmp_path / "made/c.mp4").symlink_to(tmp_path / "nowhere.mp4")
    pairs, notes = folder_pairs(tmp_path / "link_made", tmp_path / "link_true", None)
    assert [pair.key for pair in pairs] == ["b", "old/a"]
    assert notes == [
        "c.mp4: a link to nothing", "notes.txt: no video by its ending", "notes.txt: no video by its ending",
    ]  # fmt: skip
