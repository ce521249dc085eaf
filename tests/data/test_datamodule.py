import json
import shutil
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lightning.pytorch.trainer.states import TrainerFn

from data_prep.shards.pack import Corpus, pack_clips
from lit_emotalk.data import FramesDataModule, SignalsDataModule, SyncDataModule, read_manifest
from lit_emotalk.data.datamodule import ShardDataModule
from lit_emotalk.data.pipeline import Share
from lit_emotalk.emotions import EMOTIONS
from lit_emotalk.errors import UserError
from lit_emotalk.io.files import sha256_file
from tests.drawn_clips import TINY_SIZE, draw_clip

UNEVEN = [3, 1, 2, 3, 1, 2, 1]


@pytest.fixture(scope="session")
def uneven_shards(tmp_path_factory) -> Path:
    """Seven signals shards of 1 to 3 validation clips, and as many for training."""
    directory = tmp_path_factory.mktemp("uneven")
    shards, number = [], 0
    for split, speaker in (("train", "M001"), ("val", "W002")):
        for samples in UNEVEN:
            part = directory / f"{split}{number}"
            clips = [draw_clip(speaker, "happy", 1, 8, name=f"{number:03d}x{i}") for i in range(samples)]
            pack_clips(clips, part, Corpus("synthetic", "arkit", TINY_SIZE, {split: [speaker]}, "tests"))
            for kind in ("signals", "frames"):
                name = f"{kind}-{number:06d}.tar"
                shutil.move(part / f"{kind}-000000.tar", directory / name)
                shards.append(
                    {
                        "name": name,
                        "kind": kind,
                        "split": split,
                        "samples": samples,
                        "sha256": sha256_file(directory / name),
                    }
                )
            number += 1
    manifest = json.loads((directory / "train0" / "manifest.json").read_text()) | {"shards": shards}
    (directory / "manifest.json").write_text(json.dumps(manifest))
    return directory


def keys_of(module: ShardDataModule, split: str, share: Share, epoch: int = 0) -> list[str]:
    dataset = module.dataset(split, share.rank, share.world)
    dataset.epoch[0] = epoch
    return [key for batch in dataset.share(share) for key in batch["key"]]


def test_each_validation_clip_once_over_3_ranks_2_workers_7_uneven_shards(uneven_shards):
    module = SignalsDataModule(uneven_shards, batch_size=2, num_workers=0)
    shares = [Share(rank, 3, worker, 2) for rank in range(3) for worker in range(2)]
    seen = [keys_of(module, "val", share) for share in shares]
    assert Counter(key for part in seen for key in part) == {c.key: 1 for c in module.clips("signals", "val")}
    assert sum(map(len, seen)) == sum(UNEVEN) == read_manifest(uneven_shards).count("signals", "val")


@pytest.mark.parametrize("workers", [1, 4])
def test_every_rank_has_a_validation_clip_where_there_are_enough(uneven_shards, workers):
    module = SignalsDataModule(uneven_shards, batch_size=2, num_workers=workers)
    world = sum(UNEVEN)
    assert [module.dataset("val", rank, world).batches(workers) for rank in range(world)] == [1] * world
    module.trainer = SimpleNamespace(world_size=world + 1, state=SimpleNamespace(fn=TrainerFn.FITTING))
    with pytest.raises(UserError, match=rf"{world} clips in split val for {world + 1} processes"):
        module.val_dataloader()


def test_a_test_needs_a_clip_for_every_process(tiny_shards):
    module = SignalsDataModule(tiny_shards, num_workers=0)
    module.trainer = SimpleNamespace(world_size=3, state=SimpleNamespace(fn=TrainerFn.TESTING))
    with pytest.raises(UserError, match=r"has 2 clips in split test for 3 processes"):
        module.test_dataloader()


def test_an_empty_split_is_left_out_of_training_and_is_no_result_by_itself(tiny_shards, monkeypatch):
    module = SignalsDataModule(tiny_shards, num_workers=0)
    monkeypatch.setitem(module._clips, ("signals", "val"), [])
    module.trainer = SimpleNamespace(world_size=1, state=SimpleNamespace(fn=TrainerFn.FITTING))
    assert module.val_dataloader() == []
    module.trainer.state.fn = TrainerFn.VALIDATING
    with pytest.raises(UserError, match=r"has no clips with signals in split val"):
        module.val_dataloader()


@pytest.mark.parametrize("workers", [0, 2])
def test_real_loaders_yield_as_many_batches_as_they_say(uneven_shards, workers):
    module = SignalsDataModule(uneven_shards, batch_size=2, steps_per_epoch=5, num_workers=workers)
    for split in ("train", "val"):
        loader = module.loader(split)
        batches = list(loader)
        assert len(batches) == len(loader)
    assert sum(len(batch["key"]) for batch in batches) == sum(UNEVEN)


def test_training_order_does_not_depend_on_workers_and_changes_with_the_epoch(uneven_shards):
    orders = {}
    for workers in (0, 1, 2):
        module = SignalsDataModule(
            uneven_shards, batch_size=2, steps_per_epoch=5, num_workers=workers, frames=4
        )
        loader = module.loader("train")
        for epoch in (0, 1):
            loader.epoch_of = lambda epoch=epoch: epoch
            batches = list(loader)
            orders[workers, epoch] = (
                [batch["key"] for batch in batches],
                torch.stack([b["mel"] for b in batches]),
            )
    for epoch in (0, 1):
        for workers in (1, 2):
            assert orders[workers, epoch][0] == orders[0, epoch][0]
            assert torch.equal(orders[workers, epoch][1], orders[0, epoch][1])
    assert orders[0, 0][0] != orders[0, 1][0]


def test_ranks_see_disjoint_samples_that_together_are_one_ranks_larger_batch(uneven_shards):
    whole = SignalsDataModule(uneven_shards, batch_size=4, steps_per_epoch=3, num_workers=0)
    half = SignalsDataModule(uneven_shards, batch_size=2, steps_per_epoch=3, num_workers=0)
    one = keys_of(whole, "train", Share(), epoch=2)
    first, second = (keys_of(half, "train", Share(rank, 2), epoch=2) for rank in range(2))
    assert not set(first) & set(second)
    assert [
        keys for pair in zip(first[::2], first[1::2], second[::2], second[1::2], strict=True) for keys in pair
    ] == one


def test_signals_batch_is_what_was_packed(tiny_shards, tiny_clips):
    module = SignalsDataModule(tiny_shards, batch_size=8, num_workers=0, image_size=32)
    (batch,) = list(module.loader("val"))
    clips = {clip.record["key"]: clip for clip in tiny_clips}
    length = max(clips[key].record["frames"] for key in batch["key"])
    assert batch["mel"].shape == (2, 4 * length, 80) and batch["image"].shape == (2, 3, 32, 32)
    assert batch["image"].min() >= -1 and batch["image"].max() <= 1
    for row, key in enumerate(batch["key"]):
        clip, total = clips[key], clips[key].record["frames"]
        assert batch["mask"][row].sum() == total and not batch["coeffs"][row, total:].any()
        np.testing.assert_array_equal(batch["coeffs"][row, :total], clip.coeffs)
        np.testing.assert_array_equal(batch["key_single"][row], clip.single[clip.record["key_frame"]])
        assert EMOTIONS[batch["emotion"][row]] == clip.record["emotion"] == batch["label"][row]
        assert batch["intensity"][row] == pytest.approx(clip.record["level"] / 3)
        assert int(batch["key_frame"][row]) == clip.record["key_frame"]
        for name, start, end in clip.record["phonemes"]:
            middle = int((start + end) / 2 * 25)
            assert bool(batch["closed"][row, middle]) == (name in "mbp")


def test_training_windows_are_cut_from_mel_and_coefficients_alike(tiny_shards, tiny_clips):
    module = SignalsDataModule(tiny_shards, batch_size=4, steps_per_epoch=4, frames=10, num_workers=0)
    clips = {clip.record["key"]: clip for clip in tiny_clips}
    starts = set()
    for batch in module.loader("train"):
        assert (
            batch["mel"].shape == (4, 40, 80) and batch["coeffs"].shape == (4, 10, 57) and batch["mask"].all()
        )
        for row, key in enumerate(batch["key"]):
            coeffs = clips[key].coeffs
            windows = np.lib.stride_tricks.sliding_window_view(coeffs, 10, axis=0).transpose(0, 2, 1)
            (start,) = np.flatnonzero((windows == batch["coeffs"][row].numpy()).all((1, 2)))
            starts.add(int(start))
            whole = SignalsDataModule(tiny_shards, num_workers=0).decoder("val")
            clip = next(c for c in module.clips("signals", "train") if c.key == key)
            mel = whole(clip, None)[0]["mel"]
            assert torch.equal(batch["mel"][row], mel[4 * start : 4 * start + 40])
    assert len(starts) > 4


def test_emotions_are_balanced(tiny_shards):
    module = SignalsDataModule(tiny_shards, batch_size=3, steps_per_epoch=6, num_workers=0)
    seen = Counter(label for batch in module.loader("train") for label in batch["label"])
    assert seen == {"happy": 6, "angry": 6, "neutral": 6}


def test_frames_batch_holds_the_pictures_and_the_edge_clamped_window(tiny_shards, tiny_clips):
    module = FramesDataModule(
        tiny_shards, batch_size=8, steps_per_epoch=2, resolution=64, eval_pairs=2, num_workers=0
    )
    (batch,) = (module.on_after_batch_transfer(each, 0) for each in module.loader("val"))
    assert len(batch["key"]) == 2 * read_manifest(tiny_shards).count("frames", "val")
    clips = {clip.record["key"]: clip for clip in tiny_clips}
    for row, key in enumerate(batch["key"]):
        clip = clips[key]
        last = clip.record["frames"] - 1
        target = [round(last / 2), last][row % 2]
        np.testing.assert_array_equal(batch["source_coeffs"][row], clip.coeffs[0])
        rows = np.clip(np.arange(target - 13, target + 14), 0, last)
        np.testing.assert_array_equal(batch["driving"][row], clip.coeffs[rows])
        mouth = clip.landmarks[target][[13, 14], :2].mean(0) * 64
        assert batch["region"][row, 0, int(mouth[1]), int(mouth[0])] == module.mouth_weight
        assert batch["region"][row, 0, 0, 0] == 1
        x0, y0, x1, y1 = batch["face_box"][row]
        assert x0 < mouth[0] < x1 and y0 < mouth[1] < y1
    assert batch["source"].min() >= -1 and batch["target"].max() <= 1
    assert not torch.equal(batch["source"], batch["target"])


def test_sync_windows_carry_the_sound_of_their_frames(tiny_shards, tiny_clips):
    module = SyncDataModule(tiny_shards, batch_size=4, steps_per_epoch=2, resolution=32, num_workers=0)
    clips = {clip.record["key"]: clip for clip in tiny_clips}
    for batch in module.loader("train"):
        assert batch["frames"].shape == (4, 5, 3, 32, 32) and batch["samples"].shape == (4, 3440)
        assert batch["frames"].max() > 100 and batch["frames"].min() >= 0
        for key, start, samples in zip(batch["key"], batch["start"], batch["samples"], strict=True):
            true = clips[key].samples[640 * start : 640 * start + 3440]
            assert np.abs(samples.numpy() - true).max() < 1e-4


def copy_of(shards: Path, target: Path) -> Path:
    shutil.copytree(shards, target)
    return target


def test_a_shard_cut_in_half_is_one_clear_error(tiny_shards, tmp_path):
    shards = copy_of(tiny_shards, tmp_path / "shards")
    path = shards / "signals-000000.tar"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match=r"signals-000000.tar is damaged: it is cut short"):
        SignalsDataModule(shards).setup("fit")


def test_a_changed_byte_is_found_by_verify(tiny_shards, tmp_path):
    shards = copy_of(tiny_shards, tmp_path / "shards")
    path = shards / "signals-000001.tar"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    SignalsDataModule(shards).prepare_data()
    with pytest.raises(UserError, match="checksum"):
        SignalsDataModule(shards, verify=True).prepare_data()


@pytest.mark.parametrize("missing", ["manifest.json", "signals-000000.tar"])
def test_missing_files_are_named(tiny_shards, tmp_path, missing):
    shards = copy_of(tiny_shards, tmp_path / "shards")
    (shards / missing).unlink()
    with pytest.raises(UserError, match=missing):
        SignalsDataModule(shards).setup("fit")


def spoil(shards: Path, entry: str, change) -> None:
    """Change an npy entry of the first training clip in place, keeping its size."""
    clip = SignalsDataModule(shards).clips("signals", "train")[0]
    offset, size = clip.entries[entry]
    data = bytearray(clip.path.read_bytes())
    data[offset : offset + size] = change(bytes(data[offset : offset + size]))
    clip.path.write_bytes(data)


def with_nan(npy: bytes) -> bytes:
    return npy[:-4] + np.array([np.nan], np.float32).tobytes()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (with_nan, "not finite"),
        (lambda npy: b"\0" * len(npy), "damaged"),
        (lambda n: n.replace(b"57)", b"19)"), ""),
    ],
)
def test_bad_clips_are_skipped_counted_and_said(tiny_shards, tmp_path, capsys, change, reason):
    shards = copy_of(tiny_shards, tmp_path / "shards")
    spoil(shards, "coeffs.npy", change)
    module = SignalsDataModule(shards, batch_size=2, steps_per_epoch=6, num_workers=0)
    bad = module.clips("signals", "train")[0].key
    loader = module.loader("train")
    batches = list(loader)
    assert len(batches) == 6 and all(len(batch["key"]) == 2 for batch in batches)
    assert bad not in {key for batch in batches for key in batch["key"]}
    assert len(loader.bad) == 1
    said = capsys.readouterr().err
    assert said.count(bad) == 1 and reason in said


def test_more_bad_clips_than_the_limit_stop_the_run(tiny_shards, tmp_path):
    shards = copy_of(tiny_shards, tmp_path / "shards")
    spoil(shards, "coeffs.npy", with_nan)
    module = SignalsDataModule(shards, batch_size=2, steps_per_epoch=6, num_workers=1, bad_limit=0)
    with pytest.raises(UserError, match="bad_limit"):
        list(module.loader("train"))


def test_unfit_numbers_are_refused(tiny_shards):
    for wrong in (
        lambda: SignalsDataModule(tiny_shards, batch_size=0),
        lambda: FramesDataModule(tiny_shards, window=26),
        lambda: SyncDataModule(tiny_shards, batch_size=5, windows=2),
    ):
        with pytest.raises(UserError):
            wrong()
