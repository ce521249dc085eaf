"""`lit-emotalk emotion`: every kind of input, files of inputs, and what is refused in one line."""

import json

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from lit_emotalk.emotions import EMOTIONS
from lit_emotalk.errors import UserError
from lit_emotalk.inference.emotion import command as emotion_command
from lit_emotalk.inference.emotion.codes import EmotionReader
from lit_emotalk.inference.emotion.request import Emotion, parse_blend
from lit_emotalk.io.audio import log_mel
from lit_emotalk.io.video import write_video
from lit_emotalk.models.audio_encoder import AudioEncoderConfig
from lit_emotalk.models.emotion_space import EmotionSpace, EmotionSpaceConfig
from lit_emotalk.models.handover import save_export
from tests.portraits import renderer_of


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """An export of stage align, and inputs good and bad."""
    folder = tmp_path_factory.mktemp("emotion")
    torch.manual_seed(0)
    space = EmotionSpace(EmotionSpaceConfig(dim=16, prompts=24, audio=AudioEncoderConfig(layers=1)))
    space.fit_text()
    save_export(folder / "align", "align", space, None)
    renderer = renderer_of(3, 1, 3)
    face = renderer.frame(np.zeros(51, np.float32), np.zeros(3), np.zeros(2))
    wall = np.full_like(face, 90)
    Image.fromarray(face).save(folder / "face.png")
    Image.fromarray(wall).save(folder / "wall.png")
    Image.fromarray(np.concatenate([face, face], 1)).save(folder / "two.png")
    write_video(folder / "face.mp4", [wall, face, face, wall])
    write_video(folder / "wall.mp4", [wall, wall])
    rng = np.random.default_rng(0)
    for name, seconds, loud in (("short", 0.1, 0.1), ("silent", 1, 0), ("voice", 1, 0.1), ("long", 42, 0.1)):
        soundfile.write(folder / f"{name}.wav", loud * rng.standard_normal(int(seconds * 16_000)), 16_000)
    return folder


def asked(files, capsys, *arguments: object) -> str:
    emotion_command.main(["--models", str(files), *map(str, arguments)])
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", "a furious person"),
        ("label", "sadly angry"),
        ("blend", "happy:0.7,surprised:0.3"),
        ("image", "face.png"),
        ("audio", "voice.wav"),
        ("video", "face.mp4"),
        ("label", "happy:1,sad:1"),
    ],
)
def test_every_kind_gives_all_emotions_the_nearest_first(files, capsys, kind, value):
    path = files / value if kind in ("image", "audio", "video") else value
    found = json.loads(asked(files, capsys, f"--{kind}", path, "--json"))
    cosines = list(found["similarity"].values())
    assert set(found["similarity"]) == set(EMOTIONS) and cosines == sorted(cosines, reverse=True)
    assert found["nearest"] == next(iter(found["similarity"])) and max(map(abs, cosines)) <= 1.0001
    assert (found["kind"], found["input"]) == (kind, str(path))


def test_words_labels_and_blends_are_near_their_emotions(files, capsys):
    assert asked(files, capsys, "--text", "a furious person").splitlines()[1].split()[0] == "angry"
    blend = json.loads(asked(files, capsys, "--blend", "happy:0.7,surprised:0.3", "--json"))
    assert list(blend["similarity"])[:2] == ["happy", "surprised"]


def test_an_export_itself_may_be_given(files, capsys):
    emotion_command.main(["--models", str(files / "align"), "--label", "sad"])
    assert "sad        +1.000" in capsys.readouterr().out


def test_inputs_from_files_are_relative_to_them(files, capsys):
    (files / "in.csv").write_text("name,text,image\nme,,face.png\n,a happy man,\n")
    (files / "in.jsonl").write_text('{"image": "face.png", "name": "me"}\n\n{"text": "a happy man"}\n')
    tables = [
        json.loads(asked(files, capsys, "--inputs", files / f"in.{s}", "--json")) for s in ("csv", "jsonl")
    ]
    assert tables[0] == tables[1] and [row["name"] for row in tables[0]] == ["me", "a happy man"]
    assert tables[0][1]["nearest"] == "happy"
    assert asked(files, capsys, "--inputs", files / "in.csv").count("happy") == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--text", ""], "empty"),
        (["--text", "very " * 400], "tokens, at most 256"),
        (["--label", "hungry"], "unknown emotion label"),
        (["--image", "{}/wall.png"], "no face found in"),
        (["--image", "{}/two.png"], "shows 2 faces"),
        (["--video", "{}/wall.mp4"], "shows no face"),
        (["--audio", "{}/short.wav"], "too short to hear an emotion"),
        (["--audio", "{}/silent.wav"], "silent"),
        (["--audio", "{}/gone.wav"], "gone.wav"),
        (["--text", "a", "--label", "sad"], "--text and --label contradict"),
        (["--text", "a", "--inputs", "in.csv"], "--inputs and --text contradict"),
        ([], "give one of --text"),
        (["--blend", "happy:0"], "weights"),
        (["--inputs", "{}/gone.csv"], "gone.csv"),
        (["--inputs", "{}/face.png"], "csv or .jsonl"),
    ],
)
def test_bad_input_is_one_line(files, arguments, said):
    with pytest.raises(UserError, match=said) as caught:
        emotion_command.main(["--models", str(files), *(word.format(files) for word in arguments)])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("bad.csv", "text,label\na,sad\n", "line 2: text and label contradict"),
        ("bad.csv", "text,label\n,\n", "line 2: give one of"),
        ("bad.csv", "texts\na\n", "unknown column texts"),
        ("bad.csv", "text\n", "holds no input"),
        ("bad.jsonl", '{"text": "a"}\n{', "line 2: not JSON"),
        ("bad.jsonl", "[1]", "line 1: not an object"),
        ("bad.jsonl", '{"label": "hungry"}', "hungry: unknown emotion"),
    ],
)
def test_a_bad_file_of_inputs_names_the_line(files, tmp_path, name, content, said):
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=said):
        emotion_command.main(["--models", str(files), "--inputs", str(tmp_path / name)])


def test_weights_of_another_width_are_refused(files, tmp_path):
    card = (files / "align" / "model.yaml").read_text()
    (tmp_path / "model.yaml").write_text(card.replace("dim: 16", "dim: 32"))
    (tmp_path / "model.safetensors").symlink_to(files / "align" / "model.safetensors")
    with pytest.raises(UserError, match="has other shapes for") as caught:
        emotion_command.main(["--models", str(tmp_path), "--label", "sad"])
    assert "\n" not in str(caught.value)


def test_codes_of_videos_blends_and_long_sound_are_means(files):
    reader = EmotionReader.load(files)
    unit = torch.nn.functional.normalize
    seen = reader.code(Emotion(video=files / "face.mp4"))
    assert float(seen @ reader.code(Emotion(image=files / "face.png"))) > 0.9
    parts = [reader.code(Emotion(**kind)) for kind in ({"label": "happy"}, {"image": files / "face.png"})]
    blend = reader.code(parse_blend(f"happy:3,image={files / 'face.png'}:1"))
    torch.testing.assert_close(blend, unit(3 * parts[0] + parts[1], dim=0))
    samples = soundfile.read(files / "long.wav", dtype="float32")[0]
    thirds = [reader.space.encode_clip(torch.from_numpy(log_mel(part))) for part in np.split(samples, 3)]
    heard = reader.code(Emotion(audio=files / "long.wav"))
    torch.testing.assert_close(heard, unit(sum(thirds), dim=0), rtol=0.01, atol=0.01)
