"""Every command that takes models takes the starter's where none are named, and says so in one line."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from lit_emotalk.evaluate import command as evaluate
from lit_emotalk.evaluate import loop
from lit_emotalk.evaluate.coefficients import command as coefficients
from lit_emotalk.evaluate.figures import command as figures
from lit_emotalk.evaluate.figures import curves
from lit_emotalk.evaluate.real_people import command as real_people
from lit_emotalk.inference import command as animate
from lit_emotalk.inference import programs
from lit_emotalk.inference.emotion import command as emotion
from lit_emotalk.io.video import probe
from lit_emotalk.web import command as web
from lit_emotalk.web import server
from lit_emotalk.weights import starter
from tests.starter import small_starter

SAID = "models: the starter that ships with lit_emotalk, trained on nobody"
DRAWN = ("--shards", "s", "--output", "o.png")
PICTURE = np.zeros((8, 8, 3), np.uint8)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    with small_starter(tmp_path_factory.mktemp("starter")) as folder:
        yield folder


def said_once(capsys) -> bool:
    """Whether what a command wrote to stderr says it, and once."""
    return capsys.readouterr().err.count(SAID) == 1


def test_animate(small, tmp_path, capsys):
    portrait = Path(starter.__file__).parents[1] / "starter" / starter.PORTRAIT
    hum = 0.3 * np.sin(2 * np.pi * 180 * np.arange(15 * 640) / 16_000)
    soundfile.write(tmp_path / "hum.wav", hum, 16_000)
    animate.main(
        ["--portrait", str(portrait), "--speech", str(tmp_path / "hum.wav"), "--emotion", "a happy person",
         "--output", str(tmp_path / "o.mp4"), "--speed", "float32"]
    )  # fmt: skip
    assert probe(tmp_path / "o.mp4").frames == 15 and said_once(capsys)


def test_emotion(small, capsys):
    emotion.main(["--text", "over the moon"])
    assert said_once(capsys)


def test_export(small, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(programs, "build_programs", lambda eac, hef: [])
    programs.main(["--output", str(tmp_path)])
    assert "resolution: 64" in (tmp_path / "programs.yaml").read_text() and said_once(capsys)


def test_evaluate(small, tiny_shards, tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(loop, "evaluate", lambda *arguments: asked.append(arguments))
    output = ["--output", str(tmp_path / "r.jsonl"), "--shards", str(tiny_shards)]
    evaluate.main(["--condition", "text", *output])
    assert said_once(capsys)
    ((settings, tasks, *_),) = asked
    assert settings.models == small and settings.sync == str(small / "sync")
    assert settings.space == str(small / "align") and all(task.made_by for task in tasks)


@pytest.mark.parametrize(
    ("module", "name", "arguments"),
    [
        (coefficients, "score_exports", ["--shards", "s", "--output", "o"]),
        (real_people, "report", ["--shards", "s", "--output", "o"]),
        (server, "serve", []),
        (curves, "curves_picture", ["curves", *DRAWN]),
        (curves, "attention_picture", ["eac-attention", "--audio", "a.wav", "--output", "o.png"]),
        (figures, "compare_models", ["compare", *DRAWN]),
        (figures, "compare_models", ["ablation", "--models", "A=starter", *DRAWN]),
    ],
)  # fmt: skip
def test_the_others_hand_it_on(small, module, name, arguments, monkeypatch, capsys, tmp_path):
    given = []

    def instead(*values):
        given.extend(values)
        return PICTURE if module in (curves, figures) else ""

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, name, instead)
    command = {server: web, curves: figures}.get(module, module)
    command.main(arguments)
    assert repr(small) in repr(given) and said_once(capsys)
