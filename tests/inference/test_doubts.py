"""How sure the emotion space is of words: measured on lists of wordings, and said where people see it."""

import json

import numpy as np
import pytest
import torch

from lit_emotalk.errors import UserError
from lit_emotalk.inference.emotion import command as emotion_command
from lit_emotalk.inference.emotion.codes import EmotionReader
from lit_emotalk.inference.emotion.doubts import UNSURE_BELOW, Doubts, known, negates
from lit_emotalk.inference.emotion.request import Emotion, Schedule, parse_emotion
from tests.inference.wordings import AFFIRMED, FOREIGN, NEGATED, SENSELESS, SENSIBLE
from tests.small_models import save_small_models

LIMIT = UNSURE_BELOW["minilm"]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return save_small_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def doubts(models):
    return Doubts(EmotionReader.load(models).space)


def test_the_threshold_is_where_both_errors_are_alike_and_holds_on_other_wordings(doubts):
    meant = np.array([doubts.nearness(text) for text in SENSIBLE])
    other = np.array([doubts.nearness(text) for text in SENSELESS + FOREIGN])
    limits = np.arange(0.2, 0.8, 0.005)
    errors = [((meant[::2] < limit).mean(), (other[::2] >= limit).mean()) for limit in limits]
    alike = limits[np.argmin([abs(doubted - taken) for doubted, taken in errors])]
    assert pytest.approx(alike, abs=0.01) == LIMIT
    passed, warned = (meant[1::2] >= LIMIT).mean(), (other[1::2] < LIMIT).mean()
    print(f"passed {passed:.3f}, warned {warned:.3f}")
    assert passed > 0.85 and warned > 0.9
    assert (meant[:, None] > other).mean() > 0.96


def test_what_texts_are_compared_with_is_embedded_once_on_a_machine(doubts, tmp_path, monkeypatch):
    monkeypatch.setattr("lit_emotalk.inference.emotion.doubts.home", lambda: tmp_path / "new")
    tower = doubts._space.text_tower
    made = known(tower, "minilm")
    [file] = (tmp_path / "new").iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(tower, "embed_text", None)
        assert torch.equal(known(tower, "minilm"), made)
    for spoiled in (b"", file.read_bytes()[:5000], b"\x93NUMPY"):
        file.write_bytes(spoiled)
        assert torch.equal(known(tower, "minilm"), made)
    monkeypatch.setattr("lit_emotalk.inference.emotion.doubts.home", lambda: file)
    assert torch.equal(known(tower, "minilm"), made), "a folder that cannot be written changes nothing"


@pytest.mark.parametrize("text", NEGATED)
def test_negations_are_a_kind_of_their_own(text):
    assert negates(text)


@pytest.mark.parametrize("text", AFFIRMED)
def test_what_only_looks_like_a_negation(text):
    assert not negates(text)


def test_what_is_doubtful_is_one_line_that_says_what_it_is_read_as(doubts):
    assert doubts.of(Emotion(text="a furious person")) == []
    assert doubts.of(Emotion(label="happy")) == []
    [line] = doubts.of(Emotion(text="zxqv"))
    assert "'zxqv'" in line and "read as" in line and "English" in line and "\n" not in line
    [line] = doubts.of(Emotion(text="not happy"))
    assert "shall not show" in line and "read as happy" in line


def test_blends_and_schedules_are_looked_into_and_nothing_is_said_twice(doubts):
    schedule = Schedule.parse("0s neutral; 1s zxqv; 2s furious; 3s zxqv; 4s 愤怒 0.5")
    assert [line.split("'")[1] for line in doubts.of(schedule)] == ["zxqv", "愤怒"]
    blend = parse_emotion("happy:0.7,not angry:0.3")
    assert [line.split("'")[1] for line in doubts.of(blend)] == ["not angry"]


def test_a_tower_that_was_not_measured_is_not_doubted(doubts, monkeypatch):
    monkeypatch.setattr("lit_emotalk.inference.emotion.doubts.UNSURE_BELOW", {})
    others = Doubts(doubts._space)
    assert others.nearness("zxqv") is None and others.of_text("zxqv") is None
    assert others.of_text("not happy") is not None


def test_the_command_says_how_sure_it_is(models, capsys):
    emotion_command.main(["--models", str(models), "--text", "zxqv"])
    told = capsys.readouterr()
    assert "'zxqv' is like no words for an emotion" in told.err and "nearest known words" in told.out
    emotion_command.main(["--models", str(models), "--text", "not happy", "--json"])
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert found["negation"] is True and 0.5 < found["nearness"] <= 1 and found["doubt"] in told.err
    emotion_command.main(["--models", str(models), "--text", "a furious person", "--json"])
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert (found["negation"], found["doubt"], told.err) == (False, None, "")


def test_the_command_s_help_asks_for_english(capsys):
    from lit_emotalk.inference.command import build_parser

    assert "in English words" in " ".join(build_parser().format_help().split())
    assert "in English words" in " ".join(emotion_command.build_parser().format_help().split())


def test_overlong_texts_stay_refused(doubts):
    with pytest.raises(UserError, match="too long"):
        doubts.of(Emotion(text="word " * 400))
