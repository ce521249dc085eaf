"""`lit-emotalk evaluate` on shards: which clips, baselines, every condition of (untrained) models, resuming
by model."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from lit_emotalk.data import Clip
from lit_emotalk.data.decode import read_array
from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.command import main
from lit_emotalk.evaluate.generate import Generator
from lit_emotalk.evaluate.reads import filled, reference_crops
from lit_emotalk.evaluate.settings import sync_name
from lit_emotalk.evaluate.shards import load_clip, shard_clips, spread
from lit_emotalk.evaluate.store import SET_KEY, read_results
from lit_emotalk.models.audio_encoder import AudioEncoderConfig
from lit_emotalk.models.eac import EAC, EACConfig
from lit_emotalk.models.emotion_space import EmotionSpace, EmotionSpaceConfig
from lit_emotalk.models.handover import save_export
from lit_emotalk.models.hef.generator import HEF, HEFConfig
from lit_emotalk.models.syncnet import SyncNet, SyncNetConfig
from lit_emotalk.weights import fetch as weights

CONDITIONS = ["text", "image", "audio", "own", "none"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Exports of small untrained networks for all stages."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models")
    audio = AudioEncoderConfig(layers=1, heads=2, width=16)
    space = EmotionSpace(EmotionSpaceConfig(dim=32, prompts=24, units_width=16, audio=audio)).eval()
    space.fit_text()
    networks = {
        "align": space,
        "eac": EAC(EACConfig(code_dim=32, layers=1, heads=2, width=16)),
        "hef": HEF(HEFConfig(size="tiny", resolution=64)),
        "sync": SyncNet(SyncNetConfig(width=0.125, crop=64, embedding=16)),
    }
    for stage, network in networks.items():
        save_export(folder / stage, stage, network, "cafe" * 16)
    return folder


def evaluate(shards: Path, output: Path, *arguments: object) -> dict[tuple[str, str], dict]:
    """Run the command in this process and give its rows by method and key."""
    if not weights.available("face_landmarker"):
        pytest.skip("the face landmarker's model is not here: lit-emotalk weights fetch face_landmarker")
    given = ["--shards", shards, "--output", output, "--workers", 1, "--stride", 20, *arguments]
    main([str(word) for word in given])
    rows = {(row["method"], row["key"]): row for row in read_results(output)[1]}
    return {name: row for name, row in rows.items() if name[1] != SET_KEY}


def test_rows_of_baselines_and_conditions(tiny_shards, models, tmp_path, capsys):
    arguments = [
        "--models",
        models,
        "--condition",
        "image",
        "none",
        "--baseline",
        "ground_truth",
        "--split",
        "train",
    ]
    rows = evaluate(tiny_shards, tmp_path / "r.jsonl", *arguments, "--limit", 2)
    assert {method for method, _ in rows} == {"image", "none", "ground_truth"}
    assert {key.split("_")[1] for _, key in rows} == {"angry", "happy"}
    failed = [row for row in rows.values() if "error" in row]
    assert ["no other clip" in row["error"] for row in failed] == [True], "one clip alone is angry"
    for (method, _), row in rows.items():
        if "error" not in row:
            assert row["frames"]["used"] in (36, 40, 50) and row["frames"]["side"] == 64
            assert ("made_by" in row) == (method != "ground_truth")
            assert (row["metrics"]["psnr"] == 100) == (method == "ground_truth")
    capsys.readouterr()
    evaluate(tiny_shards, tmp_path / "r.jsonl", *arguments, "--limit", 2)
    assert "0 rows added, 1 failed, 5 were there" in capsys.readouterr().out


def test_new_models_are_scored_anew(tiny_shards, models, tmp_path, capsys):
    arguments = ["--models", models, "--condition", "none", "--baseline", "copy_source", "--limit", 1]
    output = tmp_path / "r.jsonl"
    evaluate(tiny_shards, output, *arguments)
    save_export(models / "hef", "hef", HEF(HEFConfig(size="tiny", resolution=64)), None)
    evaluate(tiny_shards, output, *arguments)
    assert "1 rows added, 0 failed, 1 were there" in capsys.readouterr().out
    save_export(models / "sync", "sync", SyncNet(SyncNetConfig(width=0.125, crop=64, embedding=16)), None)
    with pytest.raises(UserError, match="sync differ"):
        evaluate(tiny_shards, output, *arguments)
    evaluate(tiny_shards, output, *arguments, "--restart")
    assert "2 rows added" in capsys.readouterr().out


def test_every_condition_has_its_own_code(tiny_shards, models):
    maker = Generator(models, "cpu")
    clip = next(c for c in shard_clips(tiny_shards, "train", None) if c.facts["emotion"] == "happy")
    codes = [maker.code(clip, condition) for condition in CONDITIONS]
    assert codes[-1] is None
    given = torch.stack([code for code in codes if code is not None])
    assert torch.allclose(given.norm(dim=-1), torch.ones(4), atol=1e-5)
    assert torch.equal(given[3], given[0]), "the label in words"
    assert torch.pdist(given[:3]).min() > 0.05
    nameless = replace(clip, facts=clip.facts | {"emotion": None})
    own = maker.code(nameless, "own")
    single = read_array(clip.signals, "single.npy", (clip.signals.record["frames"], 51))
    shown = torch.from_numpy(single[clip.signals.record["key_frame"]][None])
    assert torch.equal(own, maker.face.space.encode_units(shown)[0]), "its own picture"
    assert (
        given[0] @ maker.face.space.encode_label(["happy"])[0]
        > given[0] @ maker.face.space.encode_label(["sad"])[0]
    )


def test_a_missing_export_is_named_before_anything_is_written(tiny_shards, tmp_path):
    with pytest.raises(UserError, match="align"):
        evaluate(tiny_shards, tmp_path / "r.jsonl", "--models", tmp_path, "--condition", "text")
    assert not (tmp_path / "r.jsonl").exists()


def test_clips_are_loaded_whole_and_scaled(tiny_shards, tiny_clips):
    clips = {clip.key: clip for clip in shard_clips(tiny_shards, "test", None)}
    packed = {clip.record["key"]: clip for clip in tiny_clips if clip.record["speaker"] == "M003"}
    assert clips.keys() == packed.keys()
    for key, clip in clips.items():
        loaded, total = load_clip(clip, 32), packed[key].record["frames"]
        assert loaded.frames.shape == (total, 32, 32, 3) and loaded.frames.dtype == np.uint8
        assert np.allclose(loaded.coefficients, packed[key].coeffs, atol=1e-6)
        assert loaded.mel.shape == (4 * total, 80) and loaded.samples.shape == (640 * total,)
    assert load_clip(next(iter(clips.values()))).frames.shape[1:] == (64, 64, 3)


def test_the_picture_is_another_clips(tiny_shards):
    for clip in shard_clips(tiny_shards, "train", None):
        if clip.other is not None:
            assert clip.other.key != clip.key
            assert clip.other.record["emotion"] == clip.facts["emotion"]


def clip_named(speaker: str, emotion: str, name: int) -> Clip:
    """A clip that only has a record."""
    key = f"{speaker}_{emotion}_{name}"
    return Clip(Path("none"), key, {"speaker": speaker, "emotion": emotion, "level": 1}, {})


def test_a_limit_spreads_over_speakers_and_emotions():
    kinds = [(s, e) for s in ("M1", "W2") for e in ("angry", "happy", "sad", "fear")]
    clips = [clip_named(s, e, n) for s, e in kinds for n in range(3)]
    chosen = spread(clips, 8)
    assert {(c.record["speaker"], c.record["emotion"]) for c in chosen} == set(kinds)
    few = spread(clips, 4)
    assert {c.record["speaker"] for c in few} == {"M1", "W2"}
    assert len({c.record["emotion"] for c in few}) >= 2
    assert spread(clips, None) == spread(clips, 99) == sorted(clips, key=lambda c: c.key)


def test_reference_crops_follow_the_reference_rule():
    frames = np.zeros((20, 100, 120, 3), np.uint8)
    frames[:, :, :] = np.arange(120)[None, None, :, None]
    boxes = np.tile([50.0, 40.0, 70.0, 60.0], (20, 1))
    boxes[9] += 30
    crops = reference_crops(frames, boxes, 28)
    assert (crops == crops[10]).all(), "the median filter removes a single jump"
    assert crops[10, 14, 0, 0] == 60 - 14 and crops[10, 14, -1, 0] == 60 + 13
    outside = reference_crops(frames, np.tile([-10.0, 40.0, 10.0, 60.0], (20, 1)), 28)
    assert (outside[10, :, :12] == 110).all()


def test_frames_without_a_face_take_their_neighbours_place():
    landmarks = np.full((5, 478, 3), np.nan, np.float32)
    landmarks[1], landmarks[4] = 1, 4
    assert filled(landmarks)[:, 0, 0].tolist() == [1, 1, 1, 4, 4]


def test_a_sync_export_without_a_view_shows_the_face(models, tmp_path):
    shutil.copytree(models / "sync", tmp_path / "sync")
    card = tmp_path / "sync" / "model.yaml"
    content = yaml.safe_load(card.read_text())
    del content["config"]["view"]
    card.write_text(yaml.safe_dump(content))
    assert "face at 64 pixels" in sync_name(str(tmp_path / "sync"))
