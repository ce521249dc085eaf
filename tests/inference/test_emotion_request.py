"""Emotions, blends and schedules as they are written: what they become, and what is refused."""

import json

import numpy as np
import pytest

from lit_emotalk.errors import UserError
from lit_emotalk.inference.emotion.request import Emotion, Schedule, parse_blend, parse_emotion
from lit_emotalk.schema import FPS

HAPPY, ANGRY, NEUTRAL = (Emotion(label=name) for name in ("happy", "angry", "neutral"))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Happy", HAPPY),
        ("fearful", Emotion(label="fearful")),
        ("sadly angry", Emotion(label="sadly angry")),
        ("a furious person", Emotion(text="a furious person")),
        ("image=me and you.jpg", Emotion(image="me and you.jpg")),
        ("happy:0.7,angry:0.3", Emotion(blend=((HAPPY, 0.7), (ANGRY, 0.3)))),
        ("happy:1, audio=a.wav:2.", Emotion(blend=((HAPPY, 1.0), (Emotion(audio="a.wav"), 2.0)))),
        ("deeply moved:.5,angry:1", Emotion(blend=((Emotion(text="deeply moved"), 0.5), (ANGRY, 1.0)))),
    ],
)
def test_what_is_written_is_what_is_meant(written, meant):
    assert parse_emotion(written) == meant


@pytest.mark.parametrize("wrong", ["happy:0.7,sad", "happy:0", "happy:-1,sad:2", "happy", ":1", ""])
def test_a_wrong_blend_is_refused(wrong):
    with pytest.raises(UserError, match="weight"):
        parse_blend(wrong)


def test_contradictions_and_ranges_are_refused():
    for arguments, said in (
        ({}, "exactly one"),
        ({"text": "a", "label": "sad"}, "text and label"),
        ({"text": " "}, "empty"),
        ({"label": "sad", "intensity": 1.5}, "between 0 and 1"),
        ({"label": "sad", "intensity": float("nan")}, "between 0 and 1"),
        ({"blend": ((HAPPY, float("nan")),)}, "weights"),
    ):
        with pytest.raises(UserError, match=said):
            Emotion(**arguments)


def written(intensity: float = 1.0) -> Schedule:
    return Schedule.parse("0s neutral; 1.5s happy 0.8; 4 a furious person", intensity)


def test_a_schedule_is_read_with_its_intensities():
    times, emotions = zip(*written(0.5).entries, strict=True)
    assert times == (0, 1.5, 4)
    assert emotions == (
        Emotion(label="neutral", intensity=0.5),
        Emotion(label="happy", intensity=0.8),
        Emotion(text="a furious person", intensity=0.5),
    )
    listed = [(0, "neutral"), (1.5, "happy", 0.8), (4, Emotion(text="a furious person"))]
    assert Schedule.of(listed) == written()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("s.txt", "0s neutral\n1.5s happy 0.8   # here it gets better\n\n4s a furious person"),
        ("s.json", json.dumps([[0, "neutral"], [1.5, "happy", 0.8], [4, "a furious person"]])),
        ("s.csv", "time,emotion,intensity\n0,neutral,\n1.5,happy,0.8\n4,a furious person,\n"),
    ],
)
def test_a_schedule_is_read_from_a_file(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    assert Schedule.parse(str(tmp_path / name)) == written()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("", "no schedule"),
        ("happy", "no schedule"),
        ("nowhere.txt", "no schedule"),
        ("0s", "no schedule"),
        ("0s happy; sad", "'sad' is no entry"),
        ("1s happy; 1s sad", "must grow"),
        ("2s happy; 1s sad", "must grow"),
        ("-1s happy", "from 0 s"),
        ("0s happy 1.2", "between 0 and 1"),
        ("0s happy:2,sad", "no weight"),
    ],
)
def test_a_wrong_schedule_is_one_line(wrong, said):
    with pytest.raises(UserError, match=said) as caught:
        Schedule.parse(wrong)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("s.json", "{", "not JSON"),
        ("s.json", "{}", "list"),
        ("s.json", '[["soon", "sad"]]', "numbers"),
        ("s.json", "[[1, 2]]", "words"),
        ("s.csv", "when,what\n0,sad\n", "columns"),
        ("s.txt", "", "entries"),
        ("s.txt", "sad", "no entry"),
    ],
)
def test_a_wrong_schedule_file_is_one_line(tmp_path, name, content, said):
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=said):
        Schedule.parse(str(tmp_path / name))


def test_emotions_fade_linearly_around_their_times():
    schedule = Schedule(((0, NEUTRAL), (1.0, HAPPY), (2.0, ANGRY)), fade=0.4)
    weights = schedule.weights(3 * FPS)
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
    middle = (np.arange(3 * FPS) + 0.5) / FPS
    expected = np.interp(middle, [0.8, 1.2, 1.8, 2.2], [0, 1, 1, 0])
    np.testing.assert_allclose(weights[:, 1], expected, atol=1e-6)


def test_close_times_shorten_the_fade_so_that_every_emotion_is_reached():
    schedule = Schedule(((0.5, NEUTRAL), (1.02, HAPPY), (1.1, ANGRY)), fade=0.4)
    weights = schedule.weights(50)
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
    assert weights.min() >= 0 and weights[26, 1] == pytest.approx(1)
    assert (weights[:24, 0] == 1).all() and (weights[30:, 2] == 1).all()


def test_without_a_fade_emotions_follow_at_once():
    weights = Schedule(((0, NEUTRAL), (1.0, HAPPY)), fade=0).weights(30)
    assert (weights == np.eye(2)[(np.arange(30) >= FPS).astype(int)]).all()
    assert (Schedule(((3, HAPPY),)).weights(5) == 1).all()
