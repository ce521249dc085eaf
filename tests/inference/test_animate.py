"""`lit-emotalk animate` on small untrained networks: what it writes, and what it refuses in one line."""

import csv
import os

import numpy as np
import pytest
import soundfile
from PIL import Image

from lit_emotalk.errors import UserError
from lit_emotalk.inference import command as animate
from lit_emotalk.inference.emotion.request import Schedule
from lit_emotalk.inference.talking_face import TalkingFace
from lit_emotalk.io.audio import load_audio, log_mel
from lit_emotalk.io.coefficient_table import read_coefficients
from lit_emotalk.io.video import probe, read_frames
from lit_emotalk.models.eac import EAC, EACConfig
from lit_emotalk.models.handover import save_export
from tests.forked import Forked, command
from tests.portraits import renderer_of
from tests.small_models import save_small_models

FRAMES = 20


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return save_small_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def portrait(tmp_path_factory):
    renderer = renderer_of(3, 1, 3)
    path = tmp_path_factory.mktemp("portrait") / "portrait.png"
    Image.fromarray(renderer.frame(np.zeros(51, np.float32), np.zeros(3), np.zeros(2))).save(path)
    return path


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    time = np.arange(FRAMES * 640) / 16_000
    soundfile.write(
        path, 0.3 * np.sin(2 * np.pi * 180 * time) * (1 + np.sin(2 * np.pi * 4 * time)) / 2, 16_000
    )
    return path


def run(models, portrait, speech, output, *more):
    files = {"--portrait": portrait, "--speech": speech, "--models": models, "--output": output}
    animate.main([str(word) for pair in files.items() for word in pair] + [str(word) for word in more])


def test_a_video_with_sound_and_a_table_of_coefficients(models, portrait, speech, tmp_path):
    run(models, portrait, speech, tmp_path / "o.mp4", "--emotion", "a furious person", "--coefficients-out",
        tmp_path / "face.csv")  # fmt: skip
    info = probe(tmp_path / "o.mp4")
    assert (info.width, info.height, info.has_audio) == (64, 64, True)
    assert len(list(read_frames(tmp_path / "o.mp4"))) == FRAMES
    rows = list(csv.reader((tmp_path / "face.csv").read_text().splitlines()))
    assert len(rows) == FRAMES + 1 and len(rows[0]) == 1 + 51 + 6
    assert rows[0][25] == "jawOpen" and rows[-1][0] == f"{(FRAMES - 1) / 25:.2f}"


@pytest.mark.parametrize(
    "emotion",
    [
        ("--emotion-label", "sad"),
        ("--emotion-audio", None),
        (),
        ("--emotion-blend", "happy:0.7,surprised:0.3"),
        ("--emotion-schedule", "0s neutral; 0.4s happy 0.8"),
    ],
)
def test_every_modality_gives_a_video(models, portrait, speech, tmp_path, emotion):
    given = [speech if value is None else value for value in emotion]
    run(models, portrait, speech, tmp_path / "o.mp4", *given)
    assert probe(tmp_path / "o.mp4").has_audio


def test_motion_may_follow_speech_and_emotion_or_be_off(models, portrait, speech, tmp_path):
    made = {}
    schedule = ("--emotion-schedule", "0s neutral; 0.4s angry")
    for name, more in (("speaking", schedule), ("again", schedule), ("none", ())):
        motion = "speaking" if name == "again" else name
        table = tmp_path / f"{name}.csv"
        run(models, portrait, speech, tmp_path / f"{name}.mp4", *(more or ("--emotion", "sad")),
            "--motion", motion, "--coefficients-out", table)  # fmt: skip
        made[name] = read_coefficients(table)
    assert np.array_equal(made["speaking"], made["again"])
    assert np.ptp(made["speaking"][:, -6:-3], 0).min() > 0 and np.ptp(made["none"][:, -6:], 0).max() == 0


def test_silence_is_a_resting_face_with_the_emotion_asked_for(models, portrait, tmp_path, capsys):
    soundfile.write(tmp_path / "silent.wav", np.zeros(16_000), 16_000)
    run(models, portrait, tmp_path / "silent.wav", tmp_path / "o.mp4", "--emotion", "sad")
    assert "is silent: the face rests" in capsys.readouterr().err
    assert len(list(read_frames(tmp_path / "o.mp4"))) == 25


def test_a_picture_gives_the_emotion(models, portrait, speech, tmp_path):
    run(models, portrait, speech, tmp_path / "o.mp4", "--emotion-image", portrait)
    assert probe(tmp_path / "o.mp4").has_audio


def bad_files(folder):
    soundfile.write(folder / "silent.wav", np.zeros(16_000), 16_000)
    soundfile.write(folder / "empty.wav", np.zeros(0), 16_000)
    (folder / "text.wav").write_text("these are words")
    Image.fromarray(np.full((200, 200, 3), 90, np.uint8)).save(folder / "wall.png")
    (folder / "zero.png").write_bytes(b"")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"portrait": "nowhere.png"}, "nowhere.png"),
        ({"portrait": "wall.png"}, "no face"),
        ({"portrait": "zero.png"}, "zero.png"),
        ({"speech": "nowhere.wav"}, "nowhere.wav"),
        ({"speech": "silent.wav", "more": []}, "silent"),
        ({"speech": "empty.wav"}, "empty.wav"),
        ({"speech": "text.wav"}, "text.wav"),
        ({"more": ["--emotion-label", "hungry"]}, "unknown emotion label 'hungry'"),
        ({"more": ["--emotion", "  "]}, "empty"),
        ({"more": ["--emotion", "sad", "--intensity", "7"]}, "between 0 and 1"),
        ({"more": ["--emotion", "sad", "--face", "4"]}, "--face 4"),
        (
            {"more": ["--emotion", "sad", "--emotion-label", "sad"]},
            "--emotion and --emotion-label contradict",
        ),
        ({"more": ["--emotion-schedule", "0s sad; 3s happy"]}, "the speech ends at 0.8 s"),
        ({"more": ["--emotion-schedule", "0s sad; happy"]}, "no entry of a schedule"),
        ({"models": "no_models"}, "no_models"),
        ({"more": ["--emotion", "sad", "--pose-from", "gone.mp4"]}, "gone.mp4"),
        ({"more": ["--emotion", "sad", "--eyes"]}, "give --pose-from with --eyes"),
        ({"more": ["--emotion", "sad", "--seed", "-1"]}, "seed must be 0 or more"),
        ({"more": ["--emotion", "sad", "--c2pa", "gone.pem", "key.pem"]}, "gone.pem"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(models, portrait, speech, tmp_path, changed, said):
    bad_files(tmp_path)
    given = {"models": models, "portrait": portrait, "speech": speech}
    given |= {name: tmp_path / value for name, value in changed.items() if name != "more"}
    with pytest.raises(UserError) as caught:
        run(*given.values(), tmp_path / "o.mp4", *changed.get("more", ["--emotion", "sad"]))
    assert said in str(caught.value) and "\n" not in str(caught.value)
    assert not list(tmp_path.glob("*.mp4")) and not list(tmp_path.glob(".*"))


def test_an_export_of_another_stage_is_refused(models, portrait, speech, tmp_path):
    for stage, source in (("align", "align"), ("eac", "hef"), ("hef", "hef")):
        (tmp_path / stage).symlink_to(models / source)
    with pytest.raises(UserError, match="hef"):
        run(tmp_path, portrait, speech, tmp_path / "o.mp4", "--emotion", "sad")


def test_an_existing_output_is_kept_unless_asked(models, portrait, speech, tmp_path):
    (tmp_path / "o.mp4").write_bytes(b"precious")
    with pytest.raises(UserError, match="--overwrite"):
        run(models, portrait, speech, tmp_path / "o.mp4", "--emotion", "sad")
    assert (tmp_path / "o.mp4").read_bytes() == b"precious"
    run(models, portrait, speech, tmp_path / "o.mp4", "--emotion", "sad", "--overwrite")
    assert probe(tmp_path / "o.mp4").has_audio


def test_the_command_ends_with_one_line_and_status_2(models, speech, tmp_path):
    words = ["animate", "--portrait", tmp_path / "gone.jpg", "--speech", speech, "--emotion", "sad"]
    words += ["--models", models, "--output", tmp_path / "o.mp4"]
    done = Forked(command, *map(str, words), environment=dict(os.environ))
    _, said = done.communicate(timeout=60)
    assert done.returncode == 2
    last = said.strip().splitlines()[-1]
    assert last.startswith("lit-emotalk animate: error:") and "gone.jpg" in last
    assert "Traceback" not in said


def test_a_schedule_is_a_constant_emotion_away_from_its_fades(models, speech):
    face = TalkingFace.load(models)
    mel = log_mel(load_audio(speech))
    times = Schedule.parse("0s neutral 0.3; 0.4s happy 0.8")
    made = face.scheduled(mel, times)
    parts = [face.expression(mel, face.code(emotion), emotion.intensity) for _, emotion in times.entries]
    np.testing.assert_allclose(made[:5], parts[0][:5], atol=1e-6)
    np.testing.assert_allclose(made[-5:], parts[1][-5:], atol=1e-6)
    np.testing.assert_allclose(made[9], 0.55 * parts[0][9] + 0.45 * parts[1][9], atol=1e-6)


def test_an_emotion_space_of_another_width_is_refused(models, tmp_path):
    (tmp_path / "align").symlink_to(models / "align")
    (tmp_path / "hef").symlink_to(models / "hef")
    save_export(tmp_path / "eac", "eac", EAC(EACConfig(code_dim=24, layers=1)), None)
    with pytest.raises(UserError, match="codes of width 24, the emotion space gives 16"):
        TalkingFace.load(tmp_path)


def test_coefficients_in_a_format_of_another_tool(models, portrait, speech, tmp_path):
    table = tmp_path / "take.csv"
    run(models, portrait, speech, tmp_path / "o.mp4", "--emotion", "sad", "--coefficients-out", table,
        "--coefficients-format", "livelink")  # fmt: skip
    header, *rows = table.read_text().splitlines()
    assert header.startswith("Timecode,BlendShapeCount,EyeBlinkLeft") and len(rows) == FRAMES * 60 // 25
    with pytest.raises(UserError, match=r"must end in one of \.csv, \.json, \.glb"):
        run(models, portrait, speech, tmp_path / "p.mp4", "--coefficients-out", tmp_path / "face.fbx")
    assert not (tmp_path / "p.mp4").exists()
