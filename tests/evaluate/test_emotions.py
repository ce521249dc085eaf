"""EmoAcc in `lit-emotalk evaluate`: which networks name emotions, and what a row says of them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lit_emotalk.emotions import EMOTIONS
from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.emotions import EmotionReader
from lit_emotalk.evaluate.looks import NO_LABEL, score_emotion
from lit_emotalk.evaluate.reads import Reader, Reads
from lit_emotalk.evaluate.scores import Scores
from lit_emotalk.evaluate.settings import NO_SPACE, Settings, choose_space, space_name
from lit_emotalk.face.tracker import Tracker
from lit_emotalk.metrics.theval_score import NO_FACE
from lit_emotalk.models import face_expression
from lit_emotalk.models.audio_encoder import AudioEncoderConfig
from lit_emotalk.models.emotion_space import EmotionSpace, EmotionSpaceConfig
from lit_emotalk.models.handover import load_export, save_export


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    """The export of a small untrained emotion space."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models")
    audio = AudioEncoderConfig(layers=1, heads=2, width=16)
    space = EmotionSpace(EmotionSpaceConfig(dim=32, prompts=24, units_width=16, audio=audio)).eval()
    space.bank.normal_()
    save_export(folder / "align", "align", space, None)
    return folder


def test_the_space_names_the_emotion_next_to_the_single_picture(models):
    tracker, settings = Tracker.load(), Settings(space=str(models / "align"))
    dice = np.random.default_rng(0)
    marks = 50 + 40 * (tracker.face.mean.numpy() + dice.normal(0, 0.01, (3, 478, 3)))
    faces = dice.integers(0, 256, (3, 96, 96), np.uint8)
    frames = np.zeros((3, 100, 100, 3), np.uint8)
    found = EmotionReader(settings, tracker).read(frames, marks, faces)["emo_space"]
    space = load_export(models / "align", "align")
    for row, mark, look in zip(found, marks, faces, strict=True):
        code = space.encode_units(torch.from_numpy(tracker.expression(mark[None], None, look[None])))[0]
        cosines = space.similarities(code)
        assert row == pytest.approx([cosines[name] for name in EMOTIONS], abs=1e-5)


def test_which_space_is_taken(models, tmp_path):
    assert choose_space("auto", None) == choose_space("auto", tmp_path) == NO_SPACE
    assert choose_space("auto", models) == str(models / "align")
    assert choose_space("none", models) == NO_SPACE
    with pytest.raises(UserError, match="--emotion-space nowhere is no folder"):
        choose_space("nowhere", models)
    assert "picture side (units) of emotion space" in space_name(str(models / "align"))
    assert space_name(NO_SPACE) == "none"


def test_the_other_network_is_named_where_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("LIT_EMOTALK_HOME", str(tmp_path))
    assert Settings(identity="dlib").protocol()["emotion_network"] == "none"
    assert EmotionReader(Settings(), Tracker.load()).known == {}
    monkeypatch.setattr(face_expression.weights, "available", lambda name: True)
    assert Settings(identity="dlib").protocol()["emotion_network"] == face_expression.NAME


class Knowing:
    """In place of a reader that has one network of three emotions."""

    class emotions:
        known = {"emo_net": ("neutral", "happy", "sad")}


@pytest.mark.parametrize(
    ("asked", "column", "outcome"),
    [
        ("happy", "metrics", 100),
        ("sad", "metrics", 0),
        ("contempt", "missing", "the network does not know 'contempt'"),
        (None, "missing", NO_LABEL),
    ],
)
def test_a_row_says_right_wrong_or_why_not(asked, column, outcome):
    shown = np.array([[0.1, 0.8, 0.1], [np.nan] * 3, [0.3, 0.4, 0.3]])
    reads = Reads(np.zeros((3, 478, 3)), np.zeros(0), np.zeros(0), {"emo_net": shown})
    scores = Scores()
    score_emotion(scores, reads, asked, Knowing())  # type: ignore[arg-type]
    assert getattr(scores, column) == {"emo_net": outcome}


def test_a_video_without_a_face_shows_nothing():
    reads = Reads(np.zeros((3, 478, 3)), np.zeros(0), np.zeros(0), {"emo_net": np.full((3, 3), np.nan)})
    scores = Scores()
    score_emotion(scores, reads, "happy", Knowing())  # type: ignore[arg-type]
    assert scores.missing == {"emo_net": NO_FACE} and not scores.metrics


def test_emotions_are_read_of_every_stride_th_frame_with_a_face(models, moving_face):
    frames = moving_face.copy()
    frames[8:] = 128
    reads = Reader(Settings(stride=4, space=str(models / "align"))).read(frames)
    shown = reads.emotions["emo_space"]
    assert shown.shape == (4, 9)
    assert np.isfinite(shown[:2]).all() and np.isnan(shown[3]).all()
    assert reads.head(5, 4).emotions["emo_space"].shape == (2, 9)
