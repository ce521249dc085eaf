"""Several corpora in one training: their shares, what every rank and worker sees, and what a batch holds."""

from argparse import ArgumentError
from collections import Counter
from dataclasses import replace
from itertools import zip_longest

import numpy as np
import pytest
from jsonargparse import ArgumentParser

from lit_emotalk.data import CorpusShare, MixedSignalsDataModule, SignalsDataModule
from lit_emotalk.data.mixed import corpus_of_batches
from lit_emotalk.data.pipeline import Batch, Share
from lit_emotalk.errors import UserError

STEPS = 6


@pytest.fixture
def module(tiny_shards, sound_shards) -> MixedSignalsDataModule:
    corpora = [CorpusShare(tiny_shards, 2.0), CorpusShare(sound_shards, 1.0)]
    return MixedSignalsDataModule(corpora, batch_size=2, steps_per_epoch=STEPS, num_workers=0, seed=3)


def batches(module: MixedSignalsDataModule, epoch: int = 0, rank: int = 0, world: int = 1, workers: int = 1):
    """An epoch's batches on one rank, in the order in which a DataLoader takes them from its workers."""
    found: list[list[Batch]] = []
    for worker in range(workers):
        dataset = module.dataset("train", rank, world)
        dataset.epoch[0] = epoch
        found.append(list(dataset.share(Share(rank, world, worker, workers))))
    return [batch for row in zip_longest(*found) for batch in row if batch is not None]


def test_every_corpus_has_its_share_at_any_time():
    chosen = corpus_of_batches([5, 3, 2], 200)
    for batch in range(1, 201):
        had = np.bincount(chosen[:batch], minlength=3)
        assert np.abs(had - batch * np.array([0.5, 0.3, 0.2])).max() <= 1
    assert (corpus_of_batches([5, 3, 2], 50) == chosen[:50]).all()
    assert (corpus_of_batches([7], 4) == 0).all()


def test_batches_come_from_one_corpus_each_and_hold_what_it_has(module):
    found = batches(module)
    assert len(found) == len(module.loader("train")) == STEPS
    sound = ["_s" in batch["key"][0] for batch in found]
    assert sum(sound) == STEPS // 3
    for batch, only in zip(found, sound, strict=True):
        assert all(("_s" in key) == only for key in batch["key"]) and ("single" in batch) != only


def test_the_order_does_not_depend_on_workers_and_epochs_go_on(module):
    keys = [batch["key"] for batch in batches(module)]
    for workers in (2, 4):
        assert [batch["key"] for batch in batches(module, workers=workers)] == keys
    sound = [key for epoch in range(5) for b in batches(module, epoch) for key in b["key"] if "_s" in key]
    assert Counter(sound) == dict.fromkeys(set(sound), 4) and len(set(sound)) == 5


def test_ranks_see_the_same_corpus_and_other_clips(module, sound_shards):
    ranks = [batches(module, rank=rank, world=2) for rank in range(2)]
    for one, two in zip(*ranks, strict=True):
        assert one.keys() == two.keys()
    alone = SignalsDataModule(sound_shards, batch_size=4, steps_per_epoch=2, num_workers=0, seed=3)
    whole = [set(batch["key"]) for batch in alone.loader("train")]
    mixed = [{*one["key"], *two["key"]} for one, two in zip(*ranks, strict=True) if "single" not in one]
    assert mixed == whole


def test_coefficients_without_pictures_are_read_unless_they_are_left_out(tiny_shards, acted_shards):
    for sound_only in (False, True):
        corpora = [CorpusShare(tiny_shards), CorpusShare(acted_shards, sound_only=sound_only)]
        found = batches(
            MixedSignalsDataModule(corpora, batch_size=2, steps_per_epoch=STEPS, num_workers=0, seed=0)
        )
        acted = [batch for batch in found if "_a" in batch["key"][0]]
        assert len(acted) == STEPS // 2
        for batch in acted:
            assert ("coeffs" in batch) != sound_only
            assert sound_only or (batch["seen"].tolist() == [False, False] and batch["coeffs"].shape[2] == 57)
        assert all(batch["seen"].all() for batch in found if "_a" not in batch["key"][0])
    hashes = {
        MixedSignalsDataModule([CorpusShare(tiny_shards, sound_only=only)]).manifest.hash
        for only in (False, True)
    }
    assert len(hashes) == 2


def test_faces_without_their_sound(tiny_shards):
    corpora = [CorpusShare(tiny_shards, faces_only=True)]
    data = MixedSignalsDataModule(corpora, batch_size=2, steps_per_epoch=2, num_workers=0)
    for found in batches(data):
        assert not {"mel", "whisper"} & found.keys() and found["single"].shape[2] == 51
    assert data.manifest.hash != MixedSignalsDataModule([CorpusShare(tiny_shards)]).manifest.hash
    with pytest.raises(UserError, match="leave nothing"):
        SignalsDataModule(tiny_shards, sound_only=True, faces_only=True)


@pytest.fixture
def parser(tmp_path) -> ArgumentParser:
    config = tmp_path / "two.yaml"
    config.write_text("corpora: [{shards: a, faces_only: true}, {shards: b, sound_only: true, weight: 3}]")
    parser = ArgumentParser(exit_on_error=False, default_config_files=[str(config)])
    parser.add_argument("--config", action="config")
    parser.add_argument("--corpora", type=list[CorpusShare])
    return parser


def test_corpora_of_the_command_line_keep_nothing_of_the_configs(parser):
    config = [CorpusShare("a", faces_only=True), CorpusShare("b", 3, sound_only=True)]
    assert parser.parse_args([]).corpora == config
    both_faces = "[{shards: x, faces_only: true}, {shards: y, faces_only: true}]"
    given = parser.parse_args(["--corpora", both_faces])
    assert given.corpora == [CorpusShare("x", faces_only=True), CorpusShare("y", faces_only=True)]
    assert parser.parse_string(parser.dump(given)).corpora == given.corpora


@pytest.mark.parametrize(
    "corpus",
    ["{weight: 1}", "{shards: x, wait: 2}", "{shards: x, weight: a}", "{shards: x, faces_only: 1}", "x"],
)
def test_a_wrong_corpus_is_refused(parser, corpus):
    with pytest.raises(ArgumentError, match="corpus"):
        parser.parse_args(["--corpora", f"[{corpus}]"])


def test_pictures_that_are_not_there_are_one_line(acted_shards):
    data = SignalsDataModule(acted_shards, batch_size=2, image_size=32, num_workers=0)
    with pytest.raises(UserError, match="has no pictures"):
        data.loader("train")


def test_validation_is_the_first_corpus_and_the_hash_knows_all(module, tiny_shards, sound_shards):
    alone = SignalsDataModule(tiny_shards, batch_size=2, num_workers=0)
    assert [b["key"] for b in module.loader("val")] == [b["key"] for b in alone.loader("val")]
    swapped = MixedSignalsDataModule([CorpusShare(tiny_shards, 1.0), CorpusShare(sound_shards, 1.0)])
    assert module.manifest.hash != swapped.manifest.hash != alone.manifest.hash
    assert replace(module.manifest, hash="") == replace(alone.manifest, hash="")


@pytest.mark.parametrize("weights", [[], [1.0, 0.0], [-1.0], [float("nan")]])
def test_weights_must_be_above_zero(tiny_shards, weights):
    with pytest.raises(UserError, match="weights above 0"):
        MixedSignalsDataModule([CorpusShare(tiny_shards, weight) for weight in weights])
