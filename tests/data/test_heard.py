"""What Whisper hears, through the shards: packed, read, batched, checked, and said clearly where it lacks."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from data_prep.clips import record
from data_prep.shards.pack import Corpus, pack_clips
from data_prep.verify import verify
from lit_emotalk.data import CorpusShare, MixedSignalsDataModule, SignalsDataModule, read_manifest
from lit_emotalk.data.decode_frames import read_sound
from lit_emotalk.data.pipeline import speech_of
from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.heard import heard
from lit_emotalk.io.audio import log_mel
from lit_emotalk.io.pitch import pitch_columns
from lit_emotalk.models.hearing import Whisper, hear
from lit_emotalk.schema import HEARD
from tests.drawn_clips import TINY_SIZE, TINY_SPLITS


def batches(shards: Path, split: str, frames: int | None = None) -> list[dict]:
    module = SignalsDataModule(shards, batch_size=2, steps_per_epoch=3, frames=frames, num_workers=0, seed=1)
    return list(module.loader(split))


def test_whole_clips_come_with_what_whisper_hears_in_their_sound(whisper_shards):
    module = SignalsDataModule(whisper_shards, num_workers=0)
    clips = {clip.key: clip for clip in module.clips("signals", "val")}
    for batch in batches(whisper_shards, "val"):
        for row, key in enumerate(batch["key"]):
            wanted = Whisper.load().hear(read_sound(clips[key]))
            frames = int(batch["mask"][row].sum())
            np.testing.assert_allclose(batch["whisper"][row, :frames], wanted, atol=2e-2)
            assert not batch["whisper"][row, frames:].any()


def test_windows_of_mel_and_states_are_the_same_frames(whisper_shards):
    module = SignalsDataModule(whisper_shards, num_workers=0)
    clips = {clip.key: clip for clip in module.clips("signals", "train")}
    for batch in batches(whisper_shards, "train", frames=12):
        for row, key in enumerate(batch["key"]):
            mel = log_mel(read_sound(clips[key])).reshape(-1, 320)
            gaps = [
                np.abs(mel[s : s + 12] - batch["mel"][row].reshape(12, 320).numpy()).max()
                for s in range(len(mel) - 11)
            ]
            start = int(np.argmin(gaps))
            states = heard(clips[key], "whisper")[start : start + 12]
            np.testing.assert_array_equal(batch["whisper"][row], states)


def test_shards_without_it_say_what_to_do(tiny_shards):
    (batch, *_) = batches(tiny_shards, "train", frames=12)
    assert "whisper" not in batch
    assert speech_of(batch, "mel") is batch["mel"]
    with pytest.raises(UserError, match="--hears whisper"):
        speech_of(batch, "whisper")


@pytest.mark.parametrize("version", [1, 2])
def test_shards_of_older_versions_are_still_read(tiny_shards, tmp_path, version):
    shards = Path(shutil.copytree(tiny_shards, tmp_path / "shards"))
    manifest = json.loads((shards / "manifest.json").read_text())
    del manifest["hears"]
    (shards / "manifest.json").write_text(json.dumps(manifest | {"version": version}))
    assert read_manifest(shards).hears == "mel"
    assert len(batches(shards, "val")) == len(batches(tiny_shards, "val"))
    (shards / "manifest.json").write_text(json.dumps(manifest | {"version": 4}))
    with pytest.raises(UserError, match="version 4"):
        read_manifest(shards)


def test_a_mixture_of_corpora_that_hold_it(whisper_shards):
    corpora = [CorpusShare(whisper_shards), CorpusShare(whisper_shards, sound_only=True)]
    module = MixedSignalsDataModule(
        corpora, batch_size=2, steps_per_epoch=4, frames=10, num_workers=0, seed=1
    )
    assert [batch["whisper"].shape for batch in module.loader("train")] == [(2, 10, 768)] * 4


def test_what_is_not_stored_is_made_of_the_sound(tiny_shards, whisper_shards):
    plain = SignalsDataModule(tiny_shards, num_workers=0).clips("signals", "val")
    kept = SignalsDataModule(whisper_shards, num_workers=0).clips("signals", "val")
    for one, other in zip(plain, kept, strict=True):
        np.testing.assert_allclose(heard(one, "whisper"), heard(other, "whisper"), atol=2e-2)
        np.testing.assert_array_equal(heard(one, "mel"), heard(other, "mel"))


def test_packing_again_with_whisper_makes_the_signals_anew(tiny_clips, small_whisper, tmp_path):
    pack_clips(tiny_clips, tmp_path, Corpus("synthetic", "arkit", TINY_SIZE, TINY_SPLITS, "tests"))
    frames = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("frames-*.tar")}
    pack_clips(tiny_clips, tmp_path, Corpus("synthetic", "arkit", TINY_SIZE, TINY_SPLITS, "tests", "whisper"))
    assert all("whisper" in batch for batch in batches(tmp_path, "val"))
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("frames-*.tar")} == frames


def test_the_check_passes_right_states_and_names_wrong_ones(
    tiny_clips, whisper_shards, tmp_path, monkeypatch
):
    assert verify(whisper_shards)[0] == []
    corpus = Corpus("synthetic", "arkit", TINY_SIZE, TINY_SPLITS, "tests", "whisper")
    with monkeypatch.context() as patch:
        patch.setattr(
            Whisper, "hear", lambda self, samples: torch.rand(len(samples) // 640, 768).half().numpy()
        )
        pack_clips(tiny_clips, tmp_path / "wrong", corpus)
        patch.setattr(Whisper, "hear", lambda self, samples: np.zeros((3, 768), np.float16))
        pack_clips(tiny_clips, tmp_path / "short", corpus)
    for folder, fault in (("wrong", "not what Whisper hears"), ("short", r"whisper.npy is float16 (3, 768)")):
        faults = verify(tmp_path / folder)[0]
        assert len(faults) == len(tiny_clips) and all(fault in line for line in faults)


def test_all_that_is_heard_goes_through_the_shards(all_shards):
    module = SignalsDataModule(all_shards, num_workers=0)
    clips = {clip.key: clip for clip in module.clips("signals", "val")}
    for batch in batches(all_shards, "val"):
        for hears in HEARD:
            joined = speech_of(batch, hears)
            for row, key in enumerate(batch["key"]):
                wanted = hear(read_sound(clips[key]), hears)
                np.testing.assert_allclose(joined[row, : len(wanted)], wanted, atol=4e-2)
                np.testing.assert_array_equal(heard(clips[key], hears), joined[row, : len(wanted)])
    assert verify(all_shards)[0] == []


def test_shards_for_another_ear_are_refused(whisper_shards):
    with pytest.raises(UserError, match="--hears voice"):
        speech_of(batches(whisper_shards, "val")[0], "voice")


def test_the_check_names_a_wrong_pitch(tiny_clips, tmp_path, monkeypatch):
    corpus = Corpus("synthetic", "arkit", TINY_SIZE, TINY_SPLITS, "tests", "voice")
    with monkeypatch.context() as patch:
        patch.setattr(record, "pitch_columns", lambda samples: pitch_columns(samples[::-1].copy()))
        pack_clips(tiny_clips, tmp_path, corpus)
    faults = verify(tmp_path)[0]
    assert len(faults) == len(tiny_clips) and all("not the pitch of the sound" in line for line in faults)
