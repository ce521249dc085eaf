"""Packing: deterministic, resumable, complete."""

import io
import json
import tarfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
import webdataset
from PIL import Image

from data_prep.clips.record import Clip
from data_prep.shards.pack import Corpus, Entry, pack, pack_clips
from lit_emotalk import schema
from lit_emotalk.errors import UserError
from lit_emotalk.io.audio import log_mel
from lit_emotalk.io.files import sha256_file

SPLITS = {"train": ["M001"], "val": ["W002"], "test": ["M003"]}
CORPUS = Corpus("synthetic", "arkit", 64, SPLITS, "tests")


def checksums(directory: Path) -> dict[str, str]:
    return {path.name: sha256_file(path) for path in sorted(directory.glob("[!.]*.*"))}


def give(clip: Clip, log: list[str]) -> Clip:
    log.append(clip.record["key"])
    return clip


def entries_of(clips: list[Clip], log: list[str]) -> list[Entry]:
    split_of = {speaker: split for split, (speaker,) in SPLITS.items()}
    return [
        Entry(r["key"], split_of[r["speaker"]], r["speaker"], r["frames"], r["key"], partial(give, clip, log))
        for clip in clips
        for r in [clip.record]
    ]


def test_samples_hold_what_the_schema_says(tiny_shards: Path, tiny_clips: list[Clip]) -> None:
    clips = {clip.record["key"]: clip for clip in tiny_clips}
    urls = sorted(str(path) for path in tiny_shards.glob("signals-*.tar"))
    seen = 0
    for sample in webdataset.WebDataset(urls, shardshuffle=False, empty_check=False):
        clip = clips[sample["__key__"]]
        frames = clip.record["frames"]
        held = {name for name in sample if not name.startswith("__")}
        other_ears = {f"{entry}.npy" for entry in schema.HEARD["all"]} - {"mel.npy"}
        assert held == set(schema.SIGNALS_ENTRIES) - other_ears
        assert json.loads(sample["json"]) == clip.record
        assert list(json.loads(sample["json"])) == list(schema.RECORD)
        sound, rate = soundfile.read(io.BytesIO(sample["flac"]))
        assert rate == 16000 and len(sound) == 640 * frames
        assert np.abs(sound - clip.samples).max() < 1e-4
        mel = np.load(io.BytesIO(sample["mel.npy"]))
        assert mel.dtype == np.float16 and mel.shape == (4 * frames, 80)
        assert np.abs(mel - log_mel(sound)).max() < 0.01
        np.testing.assert_array_equal(np.load(io.BytesIO(sample["coeffs.npy"])), clip.coeffs)
        assert clip.frames is not None and sample["jpg"] == clip.frames[clip.record["key_frame"]]
        seen += 1
    assert seen == len(tiny_clips)


def test_frames_shards_follow_the_signals_shards(tiny_shards: Path) -> None:
    for signals in sorted(tiny_shards.glob("signals-*.tar")):
        with tarfile.open(signals) as tar:
            order = list(dict.fromkeys(name.partition(".")[0] for name in tar.getnames()))
        with tarfile.open(tiny_shards / signals.name.replace("signals", "frames")) as tar:
            assert list(dict.fromkeys(name.partition(".")[0] for name in tar.getnames())) == order
            jpg = next(member for member in tar if member.name.endswith(".0007.jpg"))
            handle = tar.extractfile(jpg)
            assert handle is not None and Image.open(handle).size == (64, 64)
            assert jpg.mtime == 0 and jpg.uid == 0


def test_manifest(tiny_manifest: dict, tiny_shards: Path) -> None:
    assert tiny_manifest["version"] == schema.VERSION and tiny_manifest["frame_size"] == 64
    assert tiny_manifest["splits"] == SPLITS
    assert tiny_manifest["counts"]["train"] == {"clips": 4, "frames": 156}
    assert [s["split"] for s in tiny_manifest["shards"]] == ["train"] * 4 + ["val"] * 2 + ["test"] * 2
    for shard in tiny_manifest["shards"]:
        assert shard["sha256"] == sha256_file(tiny_shards / shard["name"])


def test_same_clips_give_the_same_bytes(tiny_clips: list[Clip], tiny_shards: Path, tmp_path: Path) -> None:
    pack_clips(tiny_clips[::-1], tmp_path, CORPUS, clips_per_shard=2)
    assert checksums(tmp_path) == checksums(tiny_shards)


def test_only_what_changed_is_written(tiny_clips: list[Clip], tmp_path: Path) -> None:
    log: list[str] = []
    entries = entries_of(tiny_clips, log)
    assert pack(entries, tmp_path, CORPUS, 2) == 8
    before = checksums(tmp_path)
    log.clear()
    assert pack(entries, tmp_path, CORPUS, 2) == 0 and log == []

    changed = replace(entries[0], content="other")
    assert pack([changed, *entries[1:]], tmp_path, CORPUS, 2) == 2
    assert changed.key in log and len(set(log)) == 2
    assert checksums(tmp_path) == before

    fewer = [entry for entry in entries if entry.split != "test"]
    pack(fewer, tmp_path, replace(CORPUS, splits={k: SPLITS[k] for k in ("train", "val")}), 2)
    assert not (tmp_path / "signals-000003.tar").exists()


def test_added_clips_leave_the_shards_that_are_there(tiny_clips: list[Clip], tmp_path: Path) -> None:
    log: list[str] = []
    entries = entries_of(tiny_clips, log)
    pack(entries[:-1], tmp_path, CORPUS, 2)
    before = checksums(tmp_path)
    log.clear()
    assert pack(entries, tmp_path, CORPUS, 2) == 2 and set(log) == {entries[-1].key}
    after = checksums(tmp_path)
    assert all(after[name] == known for name, known in before.items() if name.endswith(".tar"))
    shards = json.loads((tmp_path / "manifest.json").read_text())["shards"]
    assert sum(shard["samples"] for shard in shards if shard["kind"] == "signals") == len(entries)

    pack(entries, tmp_path, replace(CORPUS, command="another"), 2)
    pack(entries, tmp_path / "fresh", replace(CORPUS, command="another"), 2)
    assert checksums(tmp_path / "fresh") == {k: v for k, v in checksums(tmp_path).items() if k != "fresh"}


def test_damaged_shard_is_written_again(tiny_clips: list[Clip], tmp_path: Path) -> None:
    entries = entries_of(tiny_clips, [])
    pack(entries, tmp_path, CORPUS, 2)
    before = checksums(tmp_path)
    shard = tmp_path / "frames-000001.tar"
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    (tmp_path / "signals-000000.tar").unlink()
    assert pack(entries, tmp_path, CORPUS, 2) == 2
    assert checksums(tmp_path) == before


def test_interrupted_packing_leaves_no_manifest_and_continues(tiny_clips: list[Clip], tmp_path: Path) -> None:
    def fail() -> Clip:
        raise KeyboardInterrupt

    entries = entries_of(tiny_clips, [])
    pack(entries, tmp_path / "whole", CORPUS, 2)
    (tmp_path / "part").mkdir()
    pack(entries, tmp_path / "part", CORPUS, 4)
    with pytest.raises(KeyboardInterrupt):
        pack([*entries[:-1], replace(entries[-1], load=fail)], tmp_path / "part", CORPUS, 2)
    assert not (tmp_path / "part" / "manifest.json").exists()
    assert 0 < pack(entries, tmp_path / "part", CORPUS, 2) < 8
    assert checksums(tmp_path / "part") == checksums(tmp_path / "whole")


def test_sound_only_clips_make_signals_shards(tiny_clips: list[Clip], tmp_path: Path) -> None:
    clips = [
        Clip(
            clip.record | {"layout": None, "frame_size": None, "key_frame": None, "crop": None}, clip.samples
        )
        for clip in tiny_clips
    ]
    pack_clips(clips, tmp_path, replace(CORPUS, layout=None, frame_size=None), 4)
    assert sorted(p.name for p in tmp_path.glob("*.tar")) == [f"signals-00000{i}.tar" for i in range(3)]
    with tarfile.open(tmp_path / "signals-000000.tar") as tar:
        assert {n.partition(".")[2] for n in tar.getnames()} == {"json", "mel.npy", "flac"}


@pytest.mark.parametrize(("key", "words"), [("M001.bad", "may hold"), ("M001_happy_3_001", "two clips")])
def test_bad_keys(tiny_clips: list[Clip], tmp_path: Path, key: str, words: str) -> None:
    entries = entries_of(tiny_clips, [])
    with pytest.raises(UserError, match=words):
        pack([*entries, replace(entries[1], key=key)], tmp_path, CORPUS)
