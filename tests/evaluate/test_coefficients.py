"""`lit-emotalk coefficients`: baselines, figures and the report, on tiny shards."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from data_prep.shards.pack import Corpus, pack_clips
from lit_emotalk.coefficients import ARKIT
from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.coefficients import command as eac_scores
from lit_emotalk.evaluate.coefficients.clips import FaceClip, read_faces
from lit_emotalk.evaluate.coefficients.methods import Convertor, mean_face, nearest_clip
from lit_emotalk.evaluate.coefficients.scores import Scorer
from lit_emotalk.metrics.expression import HEARD
from lit_emotalk.models.audio_encoder import AudioEncoderConfig
from lit_emotalk.models.eac import EAC, EACConfig
from lit_emotalk.models.emotion_space import EmotionSpace, EmotionSpaceConfig
from lit_emotalk.models.handover import load_export, save_export
from tests.drawn_clips import TINY_SIZE, draw_clip

SMALL = {"layers": 1, "heads": 2, "width": 16, "dropout": 0.0}


@pytest.fixture(scope="module")
def train(tiny_shards) -> list[FaceClip]:
    return read_faces(tiny_shards, "train")


@pytest.fixture(scope="module")
def clips(tiny_shards) -> list[FaceClip]:
    return read_faces(tiny_shards, "test")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """An untrained emotion space, and untrained convertors of every kind."""
    folder = tmp_path_factory.mktemp("models")
    space = EmotionSpace(EmotionSpaceConfig(dim=16, prompts=4, audio=AudioEncoderConfig(layers=1)))
    space.fit_text()
    save_export(folder / "align", "align", space, None)
    for name, config in (
        ("eac", EACConfig(code_dim=16, **SMALL)),
        ("one_hot", EACConfig(code_dim=9, codes="one_hot", **SMALL)),
        ("no_code", EACConfig(code_dim=16, codes="none", intensity=False, **SMALL)),
    ):
        torch.manual_seed(0)
        save_export(folder / name, "eac", EAC(config), None)
    return folder


def test_mean_faces_are_those_of_the_emotion_and_of_the_level(train):
    happy = [clip for clip in train if clip.emotion == "happy"]
    weak = next(clip for clip in happy if clip.level == 1)
    both = np.concatenate([clip.true for clip in happy]).mean(0)
    np.testing.assert_allclose(mean_face(train, level=False)(weak)[5], both, rtol=1e-5)
    np.testing.assert_allclose(mean_face(train, level=True)(weak)[5], weak.true.mean(0), rtol=1e-5)
    unseen = replace(weak, level=2)
    np.testing.assert_allclose(mean_face(train, level=True)(unseen)[5], both, rtol=1e-5)
    everyone = np.concatenate([clip.true for clip in train]).mean(0)
    np.testing.assert_allclose(
        mean_face(train, level=False)(replace(weak, emotion="sad"))[0], everyone, rtol=1e-4
    )


def test_the_nearest_clip_is_of_the_emotion_and_level_and_held_at_its_end(train):
    strong = next(clip for clip in train if clip.emotion == "happy" and clip.level == 3)
    longer = replace(strong, mel=np.concatenate([strong.mel] * 2), true=np.concatenate([strong.true] * 2))
    made = nearest_clip(train)(longer)
    np.testing.assert_array_equal(made[: len(strong.true)], strong.true)
    np.testing.assert_array_equal(made[len(strong.true) :], strong.true[-1:].repeat(len(strong.true), 0))
    louder = replace(strong, emotion="sad", mel=strong.mel + 2.0)
    np.testing.assert_array_equal(nearest_clip(train)(louder), strong.true)


def test_the_truth_scores_perfectly_and_noise_does_not(clips, train):
    rng = np.random.default_rng(0)
    again = [replace(clip, true=clip.true + 0.01 * rng.standard_normal(51)) for clip in train]
    scorer = Scorer(clips, [*train, *again])
    truth = scorer.score({clip.key: clip.true for clip in clips})
    assert truth["lve"] == truth["fdd"] == truth["mhd"] == 0 and truth["e_fid"] < 1e-9
    loud = {clip.key: np.exp(clip.mel.astype(float)).mean(1).reshape(-1, 4).mean(1) for clip in clips}
    opening = {c.key: scorer.face.mouth_opening(torch.tensor(c.true)).numpy() for c in clips}
    follows = [np.corrcoef(loud[c.key], opening[c.key])[0, 1] for c in clips]
    assert truth["slcc"] == pytest.approx(np.mean(follows), abs=1e-4)
    less = scorer.score({clip.key: 0.5 * clip.true for clip in clips})
    least = scorer.score({clip.key: np.zeros_like(clip.true) for clip in clips})
    for name in ("lve", "fdd", "mhd", "e_fid"):
        assert 0 < less[name] < least[name], name
    assert least["mhd"] == pytest.approx(2 * less["mhd"], rel=0.01) and least["slcc"] == 0
    assert truth["error"] == truth["lips"] == 0.0 and truth["lag"] == 0
    assert truth["emotion_3"] == 1.0
    assert set(truth["closures"]) <= {"angry", "happy"}
    late = scorer.score({clip.key: np.roll(clip.true, 2, 0) for clip in clips})
    assert late["lag"] == 2 and late["error"] > 0
    wide = {clip.key: np.full_like(clip.true, 0.5) for clip in clips}
    assert scorer.score(wide)["closure"] == 0.0 and scorer.score(wide)["lag"] is None


def test_growth_with_the_intensity_is_counted_by_speaker_and_emotion(clips, train):
    scorer = Scorer(clips, train)
    way = {emotion: np.zeros(51, np.float32) for emotion in ("happy", "angry")}
    for emotion, direction in scorer.directions.items():
        way[emotion][HEARD] = direction
    assert scorer.intensity(lambda clip, level: 0.2 + level * way[clip.emotion][None]) == 1.0
    assert scorer.intensity(lambda clip, level: 0.2 - level * way[clip.emotion][None]) == 0.0
    falls = scorer.intensity(
        lambda c, level: way[c.emotion][None] * (level if c.emotion == "happy" else -level)
    )
    assert falls == 0.5


def test_a_compound_is_compared_with_its_parts(clips, train):
    def face(emotion: str, unit: str) -> FaceClip:
        true = np.zeros((4, 51), np.float32)
        true[:, ARKIT.columns(*unit.split())] = 0.8
        return replace(clips[0], key=emotion, emotion=emotion, level=3, true=true)

    some = [
        face("happy", "mouthSmile"),
        face("surprised", "eyeWide"),
        face("happily surprised", "mouthSmile eyeWide"),
    ]
    scorer = Scorer(some, train)
    key = "happily surprised"
    assert scorer.compounds({key: some[2].true}) == {key: True}
    assert scorer.compounds({key: some[1].true}) == {key: False}
    assert Scorer(some[1:], train).compounds({key: some[2].true}) == {}


def test_the_command_writes_a_row_for_every_method(models, tiny_shards, tmp_path):
    baselines = [f"{name}={models / name}" for name in ("one_hot", "no_code")]
    given = ["--shards", str(tiny_shards), "--models", str(models), "--output", str(tmp_path)]
    eac_scores.main([*given, "--eac", *baselines])
    rows = {row["method"]: row for row in csv.DictReader((tmp_path / "scores.csv").open())}
    ours = [f"ours, {condition}" for condition in ("text", "label", "image", "audio")]
    assert {"ground truth", "nearest training clip", *ours, "one_hot", "no_code"} <= set(rows)
    assert float(rows["ground truth"]["error"]) == 0.0
    assert rows["no_code"]["intensity"] == "0.0" and rows["ground truth"]["intensity"] == ""
    written = json.loads((tmp_path / "scores.json").read_text())
    assert written["facts"]["clips"] == 2 and written["rows"].keys() == rows.keys()
    assert "| no_code |" in (tmp_path / "scores.md").read_text()


def test_without_a_training_split_its_rows_are_dashes_with_a_reason(models, tmp_path):
    clips = [draw_clip("M003", "angry", 3, 24), draw_clip("M003", "happy", 2, 20)]
    corpus = Corpus("folder", "arkit", TINY_SIZE, {"test": ["M003"]}, "tests")
    pack_clips(clips, tmp_path / "shards", corpus)
    given = ["--shards", str(tmp_path / "shards"), "--models", str(models), "--output", str(tmp_path / "out")]
    eac_scores.main(given)
    written = json.loads((tmp_path / "out/scores.json").read_text())
    assert set(written["absent"]) - {"ours, image"} == set(eac_scores.FROM_TRAINING)
    assert "no other clip" in written["absent"]["ours, image"]
    assert written["rows"]["ours, text"]["opening"] is not None and "ours, audio" in written["rows"]
    text = (tmp_path / "out/scores.md").read_text()
    assert "| nearest training clip | – |" in text and "has no training split" in text


def test_without_labels_the_voice_alone_gives_the_emotion(models, tmp_path):
    clip = draw_clip("M003", "angry", 3, 24)
    clip.record.update(emotion=None, level=None)
    pack_clips([clip], tmp_path / "shards", Corpus("folder", "arkit", TINY_SIZE, {"test": ["M003"]}, "tests"))
    given = ["--shards", str(tmp_path / "shards"), "--models", str(models), "--output", str(tmp_path / "out")]
    eac_scores.main(given)
    written = json.loads((tmp_path / "out/scores.json").read_text())
    assert set(written["rows"]) == {"ground truth", "ours, audio"}
    assert "no emotion label" in written["absent"]["ours, text"]


def test_wrong_input_is_named(models, tiny_shards, sound_shards, tmp_path):
    given = ["--models", str(models), "--output", str(tmp_path / "out")]
    for arguments, said in (
        (["--shards", str(sound_shards)], "no faces"),
        (["--shards", str(tiny_shards), "--eac", "one_hot"], "NAME=FOLDER"),
        (["--shards", str(tiny_shards), "--limit", "0"], "--limit"),
        (["--shards", str(tiny_shards), "--eac", f"x={tmp_path}"], "no export of stage 'eac'"),
    ):
        with pytest.raises(UserError, match=said):
            eac_scores.main([*arguments, *given])
    assert not (tmp_path / "out").exists()
    save_export(tmp_path / "wide", "eac", EAC(EACConfig(code_dim=24, **SMALL)), None)
    with pytest.raises(UserError, match="codes of width 24"):
        Convertor(models, tmp_path / "wide")


def test_an_older_card_without_the_new_keys_still_loads(tmp_path):
    save_export(tmp_path, "eac", EAC(EACConfig(code_dim=8, **SMALL)), None)
    card = (tmp_path / "model.yaml").read_text()
    (tmp_path / "model.yaml").write_text(
        card.replace("  codes: space\n", "").replace("  intensity: true\n", "")
    )
    loaded = load_export(tmp_path, "eac")
    assert loaded.config == EACConfig(code_dim=8, **SMALL)


def test_clips_without_pictures_give_their_faces_but_no_pictures(models, acted_shards):
    acted = read_faces(acted_shards, "train")
    convertor = Convertor(models)
    code = convertor.code(acted[0], "image", acted)
    assert code is not None and code.isfinite().all()
    convertor.space.config = replace(convertor.space.config, image="open_clip")
    with pytest.raises(UserError, match="looks at pictures"):
        convertor.code(acted[0], "image", acted)
