"""Speakers without pictures: shards of the training sentences, nobody of them in a corpus."""

import numpy as np
import pytest
import torch

from data_prep.synthetic import voices
from data_prep.synthetic.make import act
from data_prep.synthetic.speech.espeak import SILENCE
from data_prep.synthetic.speech.recording import draw_recording
from data_prep.synthetic.speech.sentences import more_words, sentence_pool, words_of
from data_prep.synthetic.speech.voice import draw_voice
from data_prep.verify import verify
from lit_emotalk.data import CorpusShare, MixedSignalsDataModule, SignalsDataModule
from lit_emotalk.data.index import index_split
from lit_emotalk.data.manifest import read_manifest
from lit_emotalk.emotions import COMPOUNDS, EMOTIONS, MEAD_EMOTIONS
from lit_emotalk.errors import UserError


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("voices") / "shards"
    voices.main(["--output", str(folder), "--speakers", "1", "--workers", "1"])
    return folder


def test_every_emotion_and_level_by_training_sentences(shards):
    faults, _ = verify(shards)
    assert not faults
    manifest = read_manifest(shards)
    records = [clip.record for clip in index_split(manifest, "signals", "train")]
    assert manifest.layout == "arkit" and manifest.frame_size is None
    said = {(record["emotion"], record["level"]) for record in records}
    others = [emotion for emotion in MEAD_EMOTIONS if emotion != "neutral"]
    assert said == {
        ("neutral", 1),
        ("calm", 1),
        *((emotion, level) for emotion in others for level in (1, 2, 3)),
    }
    words = {*words_of("train"), *more_words()}
    assert all(set(r["text"].lower().strip(".").split()) <= words for r in records)
    assert len({record["text"] for record in records}) == len(records)
    assert all(record["phonemes"] for record in records)


def test_coefficients_are_those_that_were_acted(shards):
    data = SignalsDataModule(shards, batch_size=1, steps_per_epoch=1, num_workers=0)
    plans = {f"V001_{p.emotion}_{p.level}_{p.take:03d}": p for p in voices.plan_voices(1, 0, 0)}
    for batch in data.loader("train"):
        plan = plans[batch["key"][0]]
        acted = act(voices.FIRST_SEED, plan, draw_recording)
        acted = voices.cut_out(acted, voices.cut_generator(0, plan))
        expression, pose = batch["coeffs"][0].split((51, 6), 1)
        assert np.array_equal(expression, acted.weights) and torch.equal(batch["single"][0], expression)
        assert np.array_equal(pose, np.c_[acted.rotation, acted.translation, np.zeros(len(acted.weights))])
        assert not batch["seen"].any() and "image" not in batch


def test_some_clips_are_cut_in_mid_speech_sound_face_and_phonemes_together():
    plan = voices.plan_voices(1, 0, 0)[5]
    whole = act(voices.FIRST_SEED, plan)
    cuts = [voices.cut_out(whole, np.random.default_rng(seed)) for seed in range(60)]
    begun = [len(c.weights) for c in cuts if c.phonemes[0].name != SILENCE]
    assert 0.15 < len(begun) / len(cuts) < 0.55
    for cut in cuts:
        frames = len(cut.weights)
        assert frames >= voices.SHORTEST_CUT and len(cut.samples) == 640 * frames == 640 * len(cut.rotation)
        first = next(i for i in range(len(whole.weights)) if np.array_equal(whole.weights[i], cut.weights[0]))
        assert np.array_equal(cut.samples, whole.samples[640 * first : 640 * (first + frames)])
        assert cut.phonemes[0].start == 0 and cut.phonemes[-1].end <= frames / 25 + 1e-6
        spoken = [(p.name, p.start + first / 25) for p in cut.phonemes[1:]]
        assert all(any(p.name == n and abs(p.start - at) < 1e-6 for p in whole.phonemes) for n, at in spoken)


def test_test_speakers_say_test_sentences_with_every_compound(shards, tmp_path):
    voices.main(["--output", str(tmp_path), "--speakers", "1", "--test-speakers", "1", "--workers", "1"])
    assert not verify(tmp_path)[0]
    manifest = read_manifest(tmp_path)
    assert manifest.speakers == {"train": ["V001"], "val": [], "test": ["V002"]}
    train, test = (index_split(manifest, "signals", split) for split in ("train", "test"))
    alone = index_split(read_manifest(shards), "signals", "train")
    assert [clip.record for clip in train] == [clip.record for clip in alone]
    assert {clip.record["text"] for clip in test} <= set(sentence_pool("test", True))
    assert {clip.record["emotion"] for clip in test} == {*EMOTIONS, *COMPOUNDS}


def test_equal_seeds_give_equal_shards_and_others_do_not(shards, tmp_path):
    def sums(folder):
        return [shard.sha256 for shard in read_manifest(folder).shards]

    for seed in ("0", "1"):
        voices.main(["--output", str(tmp_path / seed), "--speakers", "1", "--seed", seed, "--workers", "1"])
    assert sums(tmp_path / "0") == sums(shards) != sums(tmp_path / "1")
    corpus = [draw_voice(0, index, man=True) for index in range(22)]
    assert draw_voice(voices.FIRST_SEED, 0, man=True) not in corpus


def test_batches_alternate_with_a_corpus_of_faces(shards, tiny_shards):
    corpora = [CorpusShare(tiny_shards), CorpusShare(shards, sound_only=True)]
    data = MixedSignalsDataModule(corpora, batch_size=4, steps_per_epoch=6, num_workers=0)
    batches = list(data.loader("train"))
    assert [("coeffs" in batch) for batch in batches].count(True) == 3
    heard = next(batch for batch in batches if "coeffs" not in batch)
    assert all(key.startswith("V001_") for key in heard["key"]) and np.isfinite(heard["mel"].numpy()).all()
    assert all("coeffs" in batch for batch in data.loader("val"))


@pytest.mark.parametrize(
    "wrong",
    [
        ["--speakers", "0"],
        ["--test-speakers", "-1"],
        ["--speakers", "999", "--test-speakers", "1"],
        ["--seed", "-1"],
        ["--workers", "0"],
    ],
)
def test_wrong_numbers_are_one_line(tmp_path, wrong):
    with pytest.raises(UserError):
        voices.main(["--output", str(tmp_path / "x"), *wrong])
