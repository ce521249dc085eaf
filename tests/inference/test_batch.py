"""Batches, and `TalkingFace.talk` below them."""

import csv
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from PIL import Image

from lit_emotalk import TalkingFace
from lit_emotalk.errors import UserError
from lit_emotalk.inference import command as animate
from lit_emotalk.inference import talking_face as pipeline
from lit_emotalk.inference.batch import read_rows, run_batch
from lit_emotalk.inference.options import Options
from lit_emotalk.io.coefficient_table import read_coefficients
from lit_emotalk.io.video import probe, read_frames, write_video
from tests.portraits import renderer_of
from tests.small_models import save_small_models

FRAMES = 15


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Models, a wide portrait whose face is on the right, and speech."""
    folder = tmp_path_factory.mktemp("batch")
    save_small_models(folder / "models")
    renderer = renderer_of(3, 1, 3)
    head = Image.fromarray(renderer.frame(np.zeros(51, np.float32), np.zeros(3), np.zeros(2)))
    picture = Image.new("RGB", (501, 300), (90, 110, 130))
    picture.paste(head, (240, 44))
    picture.save(folder / "me.png")
    time = np.arange(FRAMES * 640) / 16_000
    soundfile.write(folder / "hello.wav", 0.3 * np.sin(2 * np.pi * 180 * time), 16_000)
    return folder


def write_rows(path, rows):
    with open(path, "w", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def row(output, emotion="sad", speech="hello.wav", **more):
    return {"portrait": "me.png", "speech": speech, "output": output, "emotion": emotion, **more}


def report(folder, name):
    return list(csv.DictReader((folder / f"{name}_report.csv").read_text().splitlines()))


def test_a_bad_row_is_listed_and_the_rest_goes_on(folder, capsys):
    rows = [
        row("one.mp4", "happy:0.7,surprised:0.3", intensity="0.5", frame=""),
        row("two.mp4", "", speech="gone.wav", intensity="", frame=""),
        row("three.mp4", "0s sad; 0.3s happy", intensity="", frame="picture"),
        row("four.mp4", "sad", intensity="strong", frame=""),
        row("one.mp4", "sad", intensity="", frame=""),
    ]
    write_rows(folder / "jobs.csv", rows)
    command = ["--batch", str(folder / "jobs.csv"), "--models", str(folder / "models")]
    with pytest.raises(UserError, match="3 of 5 rows failed"):
        animate.main(command)
    found = report(folder, "jobs")
    assert [each["status"] for each in found] == ["made", "failed", "made", "failed", "failed"]
    assert [each["line"] for each in found] == ["2", "3", "4", "5", "6"]
    assert "gone.wav" in found[1]["message"] and "strong" in found[3]["message"]
    assert "a row before" in found[4]["message"]
    assert probe(folder / "one.mp4").width == 64 and probe(folder / "three.mp4").width == 502
    printed = capsys.readouterr()
    assert "rendering" in printed.out and "videos/s" in printed.err

    made = (folder / "one.mp4").stat().st_mtime_ns
    soundfile.write(folder / "gone.wav", np.sin(np.arange(9600) / 20), 16_000)
    write_rows(folder / "jobs.csv", rows[:3])
    animate.main(command)
    assert [each["status"] for each in report(folder, "jobs")] == ["skipped", "made", "skipped"]
    assert (folder / "one.mp4").stat().st_mtime_ns == made
    assert "1 made, 2 skipped, 0 failed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("portrait,speech\na,b\n", "lacks the column"),
        ("portrait,speech,output,mood\n", "unknown columns: mood"),
        ("portrait,speech,output\n", "no rows"),
        ("", "lacks the column"),
    ],
)
def test_a_wrong_batch_is_one_line(tmp_path, text, said):
    (tmp_path / "jobs.csv").write_text(text)
    with pytest.raises(UserError, match=said):
        animate.main(["--batch", str(tmp_path / "jobs.csv"), "--models", str(tmp_path)])


def test_a_batch_names_its_own_outputs(tmp_path):
    with pytest.raises(UserError, match="--output contradict"):
        animate.main(["--batch", "jobs.csv", "--models", "m", "--output", "o.mp4"])
    with pytest.raises(UserError, match="--portrait and --speech must be given"):
        animate.main(["--models", "m", "--output", "o.mp4"])


def test_talk_animates_the_face_inside_its_picture(folder, tmp_path):
    face = TalkingFace.load(folder / "models")
    made = face.talk(
        folder / "me.png",
        folder / "hello.wav",
        tmp_path / "seq",
        "a furious person",
        Options(frame="picture"),
    )
    assert (made.frames, made.size) == (FRAMES, (300, 501))
    assert {"portrait", "rendering", "encoding"} <= made.steps.seconds.keys()
    picture = np.asarray(Image.open(folder / "me.png"))
    frames = [np.asarray(Image.open(path)) for path in sorted((tmp_path / "seq").glob("*.png"))]
    for frame in frames:
        np.testing.assert_array_equal(frame[:, :150], picture[:, :150])
    assert np.abs(frames[-1].astype(int) - frames[0])[:, 250:].max() > 0


def test_a_row_takes_its_head_motion_from_a_video(folder, tmp_path):
    renderer = renderer_of(4, 1, 4)
    turns = [np.array([0, 0.25 * np.sin(index / 4), 0]) for index in range(12)]
    write_video(folder / "head.mp4", [renderer.frame(np.zeros(51), turn, np.zeros(2)) for turn in turns])
    write_rows(folder / "driven.csv", [row("driven.mp4", pose_from="head.mp4")])
    table = tmp_path / "face.csv"
    rows = read_rows(folder / "driven.csv")
    run_batch(folder / "driven.csv", rows, str(folder / "models"), "cpu", Options(coefficients_out=table))
    yaw = read_coefficients(table)[:, 52]
    assert len(yaw) == FRAMES and np.corrcoef(yaw[:12], [turn[1] for turn in turns])[0, 1] > 0.95


def test_a_visible_mark_is_asked_for(folder, tmp_path):
    face = TalkingFace.load(folder / "models")
    for mark in (False, True):
        face.talk(
            folder / "me.png", folder / "hello.wav", tmp_path / f"{mark}.mp4", "sad", Options(mark=mark)
        )
    plain, marked = (next(read_frames(tmp_path / f"{mark}.mp4")).astype(int) for mark in (False, True))
    changed = np.abs(plain - marked).max(-1) > 60
    assert changed[40:, 20:].any() and not changed[:32].any()


def test_importing_the_package_stays_light():
    code = "import sys, lit_emotalk; print('torch' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_rows_of_one_portrait_look_for_its_face_once(folder, tmp_path, monkeypatch):
    face, looked = TalkingFace.load(folder / "models"), []
    find = pipeline.find_portrait
    monkeypatch.setattr(pipeline, "find_portrait", lambda *given: looked.append(1) or find(*given))
    one, again = face.read_portrait(folder / "me.png"), face.read_portrait(str(folder / "me.png"))
    assert one is again and len(looked) == 1
    assert face.read_portrait(folder / "me.png", 0) is not one and len(looked) == 2
    copy = tmp_path / "me.png"
    copy.write_bytes((folder / "me.png").read_bytes())
    first = face.read_portrait(copy)
    with Image.open(folder / "me.png") as picture:
        picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(copy)
    assert np.abs(face.read_portrait(copy).image.astype(int) - first.image).max() > 50


def test_doubtful_words_are_noted_in_the_report(folder):
    write_rows(folder / "doubtful.csv", [row("doubtful.mp4", "zxqv")])
    animate.main(["--batch", str(folder / "doubtful.csv"), "--models", str(folder / "models")])
    [made] = report(folder, "doubtful")
    assert made["status"] == "made" and "'zxqv' is like no words for an emotion" in made["message"]
