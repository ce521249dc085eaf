"""Stage eac: it learns from tiny shards, draws its codes as told, and is compared with mean faces."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.emotions import EMOTIONS
from lit_emotalk.errors import UserError
from lit_emotalk.models.audio_encoder import AudioEncoderConfig
from lit_emotalk.models.eac import EAC, EACConfig
from lit_emotalk.models.emotion_space import EmotionSpace, EmotionSpaceConfig
from lit_emotalk.models.handover import load_export, save_export
from lit_emotalk.stages.augment import draw_intensity
from lit_emotalk.stages.eac import MODALITIES, CodeDraw, EACStage, another_of_its_kind
from tests.small_clip import SIZE, write_open_clip
from tests.stages import runs

SMALL: dict[str, Any] = {"layers": 2, "heads": 2, "width": 64, "dropout": 0.0}


def eac_config(shards: Path, folder: Path, space: Path) -> dict[str, Any]:
    """A small EAC on tiny shards."""
    content = runs.config(shards, folder, data={"batch_size": 8, "steps_per_epoch": 30, "frames": 30})
    arguments = {"emotion_space": str(space), "network": SMALL, "learning_rate": 5e-3, "warmup": 4}
    content["model"] = {"class_path": "lit_emotalk.stages.EACStage", "init_args": arguments}
    content["trainer"]["max_epochs"] = 3
    return content


@pytest.fixture(scope="module")
def run(tiny_shards, align_run, tmp_path_factory) -> Path:
    """The run directory of a small EAC trained through the command line."""
    folder = tmp_path_factory.mktemp("eac")
    runs.fit(runs.write_config(folder / "eac.yaml", eac_config(tiny_shards, folder, align_run / "export")))
    return folder / "eac" / "default"


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Iterator[None]:
    """No W&B files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "disabled")
        yield


class Stopped(Exception):
    """Stands for a killed process."""


def test_interrupted_and_resumed_equals_uninterrupted(run, tiny_shards, align_run, tmp_path, monkeypatch):
    path = runs.write_config(tmp_path / "eac.yaml", eac_config(tiny_shards, tmp_path, align_run / "export"))
    step = EACStage.training_step

    def stop(self: EACStage, batch: dict, batch_idx: int) -> torch.Tensor:
        if self.batches_done == 65:
            raise Stopped
        return step(self, batch, batch_idx)

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(EACStage, "training_step", stop)
        runs.fit(path)
    runs.fit(path)
    resumed = runs.exported(tmp_path / "eac" / "default")
    for name, value in runs.exported(run).items():
        assert torch.equal(value, resumed[name]), name
    assert column(tmp_path / "eac" / "default", "val/text_error") == column(run, "val/text_error")


def column(run: Path, name: str) -> list[float]:
    """The values of a column of a run's metrics.csv."""
    with open(run / "metrics.csv", newline="") as handle:
        return [float(row[name]) for row in csv.DictReader(handle) if row.get(name)]


def test_it_follows_the_jaw_of_an_unseen_speaker(run):
    opening = column(run, "val/text_opening")
    assert opening[-1] > 0.6
    assert column(run, "val/text_lips")[-1] < column(run, "val/text_mean_lips")[-1]
    errors = column(run, "train/coefficients")
    assert min(errors[-3:]) < 0.6 * errors[0]


def test_every_modality_is_validated_beside_the_mean_face(run):
    for modality in MODALITIES:
        for name in ("error", "error_all", "gain", "opening", "lips", "mean_error", "level_error"):
            assert column(run, f"val/{modality}_{name}")
    baselines = {column(run, f"val/{modality}_mean_error")[-1] for modality in MODALITIES}
    assert len(baselines) == 1


def test_the_export_takes_its_code_width_from_the_space(run, align_run):
    eac = load_export(run / "export", "eac")
    assert isinstance(eac, EAC)
    assert eac.config == EACConfig(code_dim=32, **SMALL)


def test_a_checkpoint_holds_no_emotion_space(run):
    state = torch.load(run / "checkpoints" / "last.ckpt", weights_only=False)["state_dict"]
    assert not any(("units" in name and "unit_weights" not in name) or "audio" in name for name in state)
    assert "mean_faces.sums" in state


@pytest.fixture
def stage(align_run) -> EACStage:
    torch.manual_seed(0)
    return EACStage(align_run / "export", EACConfig(layers=1, heads=2, width=16, dropout=0.0))


def batch(frames: int = 20) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(0)
    size = 4
    return {
        "mel": torch.randn(size, 4 * frames, 80, generator=generator) - 5,
        "mask": torch.ones(size, frames, dtype=torch.bool),
        "closed": torch.zeros(size, frames, dtype=torch.bool),
        "emotion": torch.tensor([2, 2, 4, -1]),
        "label": ["happy", "happy", "angry", "sadly angry"],
        "intensity": torch.tensor([1 / 3, 1.0, 1.0, 1.0]),
        "single": torch.rand(size, frames, 51, generator=generator),
        "coeffs": torch.rand(size, frames, 57, generator=generator),
        "key_frame": torch.full((size,), 10),
        "key_single": torch.rand(size, 51, generator=generator),
        "seen": torch.ones(size, dtype=torch.bool),
    }


def test_codes_come_from_the_modalities_asked_for(stage):
    data, space = batch(), stage.space
    stage.codes = CodeDraw(text=0, image=0, audio=1, dropout=0, swap=0)
    codes, drop = stage.draw_codes(data)
    assert_close(codes, space.encode_audio(data["mel"], data["mask"]))
    assert not drop.any()
    stage.codes = CodeDraw(text=1, image=0, audio=0, dropout=0, swap=0)
    codes, drop = stage.draw_codes(data)
    bank = space.bank[EMOTIONS.index("happy")]
    assert any(torch.equal(codes[0], prompt) for prompt in bank)
    assert drop.tolist() == [False, False, False, True]
    stage.codes = replace(stage.codes, dropout=1.0)
    assert stage.draw_codes(data)[1].all()


def test_one_hot_labels_stand_in_for_every_modality(align_run):
    torch.manual_seed(0)
    config = EACConfig(layers=1, heads=2, width=16, codes="one_hot")
    stage = EACStage(align_run / "export", config, codes=CodeDraw(dropout=0.0))
    data = batch()
    codes, drop = stage.draw_codes(data)
    assert codes.shape == (4, len(EMOTIONS)) and codes[2].argmax() == EMOTIONS.index("angry")
    assert drop.tolist() == [False, False, False, True]
    for modality in MODALITIES:
        assert_close(stage.encode(data, modality, training=False), codes)
    assert stage.losses(data)["coefficients"].isfinite()


def test_codes_may_come_from_another_clip_of_the_emotion_only(stage):
    data = batch()
    stage.codes = CodeDraw(text=0, image=0, audio=1, dropout=0, swap=1.0)
    own = stage.space.encode_audio(data["mel"], data["mask"])
    seen = set()
    for _ in range(20):
        codes, _ = stage.draw_codes(data)
        assert_close(codes[2:], own[2:])
        seen.add(bool(torch.allclose(codes[0], own[1], atol=1e-6)))
    assert seen == {True, False}
    assert set(another_of_its_kind(torch.tensor([-1, -1, 3])).tolist()) == {0, 1, 2}


def test_what_has_no_levels_is_drawn_at_every_intensity_and_the_rest_near_its_own() -> None:
    torch.manual_seed(0)
    names = ("neutral", "calm", "happy", "angry")
    emotion = torch.tensor([EMOTIONS.index(name) for name in names for _ in range(500)] + [-1])
    drawn = draw_intensity(torch.full(emotion.shape, 2 / 3), emotion, 0.05)
    for levelless in drawn[:1000].split(500):
        assert levelless.min() < 0.05 and levelless.max() > 0.95 and abs(float(levelless.mean()) - 0.5) < 0.05
    assert (drawn[1000:] - 2 / 3).abs().max() <= 0.05 and drawn[1000:].std() > 0.02
    assert draw_intensity(torch.ones(4), torch.full((4,), -1), 0.05).max() <= 1


def test_every_clip_of_an_emotion_is_drawn_as_often():
    torch.manual_seed(0)
    emotion = torch.tensor([2, 7, 2, -1, 2, 7])
    drawn = torch.stack([another_of_its_kind(emotion) for _ in range(3000)])
    shares = torch.stack([(drawn == clip).float().mean(0) for clip in range(6)])
    expected = (emotion[:, None] == emotion).float()
    assert_close(shares, expected / expected.sum(0), rtol=0, atol=0.04)


def test_validation_codes_of_a_compound_label_lie_between_its_parts(stage):
    codes = stage.encode(batch(), "text", training=False)
    space = stage.space
    assert_close(codes[3], space.encode_label(["sadly angry"])[0])
    assert_close(codes[0], space.encode_label(["happy"])[0])


def test_the_emotion_loss_is_zero_for_the_true_face_and_moves_the_made_one(stage):
    data = batch()
    true = data["coeffs"][..., ARKIT.expression]
    assert float(stage.emotion_distance(true, true, data["mask"])) == pytest.approx(0.0, abs=1e-5)
    made = torch.rand_like(true).requires_grad_()
    stage.emotion_distance(made, true, data["mask"]).backward()
    assert made.grad is not None and made.grad.abs().sum() > 0
    assert all(p.grad is None for p in stage.space.parameters())


def test_nothing_reads_the_padding(stage):
    data = batch()
    data["mask"][1, 12:] = False
    losses = []
    for filler in (0.0, 0.9):
        data["coeffs"][1, 12:] = filler
        data["mel"][1, 48:] = 30 * filler
        torch.manual_seed(1)
        losses.append(stage.losses(data))
    for name, value in losses[0].items():
        assert_close(value, losses[1][name], rtol=1e-4, atol=1e-5)


def test_acted_coefficients_train_but_are_no_part_of_the_mean_faces(
    run, tiny_shards, acted_shards, align_run, tmp_path
):
    content = eac_config(tiny_shards, tmp_path, align_run / "export")
    data = content["data"]["init_args"]
    del data["shards"]
    data |= {"corpora": [{"shards": str(tiny_shards)}, {"shards": str(acted_shards)}], "steps_per_epoch": 8}
    content["data"]["class_path"] = "lit_emotalk.data.MixedSignalsDataModule"
    content["trainer"]["max_epochs"] = 1
    runs.fit(runs.write_config(tmp_path / "eac.yaml", content))
    weights = torch.load(tmp_path / "eac/default/checkpoints/last.ckpt", weights_only=False)["state_dict"]
    counted = weights["mean_faces.counts"][EMOTIONS.index("happy")].nonzero().flatten().tolist()
    assert counted == [0, 2], "the acted clips have level 2"


def test_a_missing_space_and_a_corpus_of_sound_are_named(tmp_path, stage):
    with pytest.raises(UserError, match="no export of stage 'align'"):
        EACStage(tmp_path)
    sound = {name: value for name, value in batch().items() if name in ("mel", "mask", "emotion")}
    with pytest.raises(UserError, match="sound only"):
        stage.training_step(sound, 0)


def test_bfm_is_learned_without_what_only_arkit_has(align_run, open_clip_space):
    basel = EACConfig(layers=1, heads=2, width=16, dropout=0.0, layout="bfm")
    with pytest.raises(UserError, match="arkit's units, which bfm lacks"):
        EACStage(align_run / "export", basel)
    torch.manual_seed(0)
    stage = EACStage(open_clip_space, basel)
    data = batch() | {
        "coeffs": torch.randn(4, 20, 70),
        "single": torch.randn(4, 20, 64),
        "image": torch.rand(4, 3, 48, 48) * 2 - 1,
    }
    losses = stage.losses(data)
    assert set(losses) == {"coefficients", "velocity", "spread"}
    assert all(value.isfinite() for value in losses.values())
    stage.mean_faces.update(data["coeffs"][..., :64], data["mask"], data["emotion"], data["intensity"])
    stage.validation_step(data, 0)
    figures = stage.error_of("image").compute()
    assert set(figures) == {"error", "velocity", "mean_error", "gain", "level_error", "level_gain"}
    with pytest.raises(UserError, match="speaks bfm, 70 numbers a frame; these shards hold 57"):
        stage.losses(batch())


@pytest.fixture
def open_clip_space(tmp_path) -> Path:
    """The export of an untrained space of a tiny open_clip model's raw codes."""
    name, weights = write_open_clip(tmp_path)
    audio = AudioEncoderConfig(layers=1, heads=2, width=16)
    config = EmotionSpaceConfig(SIZE, "open_clip", "open_clip", name, weights, 4, raw=True, audio=audio)
    space = EmotionSpace(config)
    space.fit_text()
    save_export(tmp_path / "align", "align", space, None)
    return tmp_path / "align"


def test_training_goes_on_after_a_validation_that_came_first(stage):
    """The space moves with the stage, not in the middle of a validation: what is moved under inference_mode
    cannot be trained through. Double precision stands for another device."""
    stage.double()
    data = {
        name: value.double() if isinstance(value, torch.Tensor) and value.is_floating_point() else value
        for name, value in batch().items()
    }
    with torch.inference_mode():
        stage.encode(data, "audio", training=False)
    true = data["coeffs"][..., ARKIT.expression]
    made = torch.rand_like(true).requires_grad_()
    stage.emotion_distance(made, true, data["mask"]).backward()
    assert made.grad is not None and made.grad.abs().sum() > 0
    assert not stage.space.bank.is_inference()
