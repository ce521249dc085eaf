"""Stage sync: its losses by hand, and that it learns which sound belongs to which drawn lips."""

import math

import lightning as L
import pytest
import torch

from lit_emotalk.data import SyncDataModule
from lit_emotalk.errors import UserError
from lit_emotalk.models.syncnet import SyncNetConfig
from lit_emotalk.stages import SyncStage
from lit_emotalk.stages.augment import PictureAugment, WaveAugment, augment_picture, augment_wave

SMALL = SyncNetConfig(width=0.125, crop=64, embedding=32, view="mouth")


def test_losses_by_hand():
    stage = SyncStage(SMALL, scale=2.0 * SMALL.embedding)
    video = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    sound = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1))
    losses = stage.losses(video, sound)

    def cross_entropy(distances: list[float], true: int) -> float:
        return 2 * distances[true] + math.log(sum(math.exp(-2 * d) for d in distances))

    own, everyone = [], []
    lips, voices = ((f - f.mean(1, keepdim=True)).flatten(0, 1) for f in (video, sound))
    for i in range(6):
        to_voices = [float((lips[i] - v).norm()) ** 2 for v in voices]
        to_lips = [float((v - voices[i]).norm()) ** 2 for v in lips]
        clip = slice(i // 3 * 3, i // 3 * 3 + 3)
        everyone += [cross_entropy(to_voices, i), cross_entropy(to_lips, i)]
        own += [cross_entropy(to_voices[clip], i % 3), cross_entropy(to_lips[clip], i % 3)]
    assert losses["all"].item() == pytest.approx(sum(everyone) / 12, rel=1e-4)
    assert losses["own"].item() == pytest.approx(sum(own) / 12, rel=1e-4)
    assert losses["loss"].item() == pytest.approx((sum(own) + sum(everyone)) / 24, rel=1e-4)


def test_matching_features_cost_least():
    stage = SyncStage(SMALL)
    features = 5 * torch.randn(2, 6, 16, generator=torch.Generator().manual_seed(0))
    elsewhere = features + torch.arange(2)[:, None, None] * 7 + 3
    assert stage.losses(features, features)["loss"] < 0.01
    assert stage.losses(features, elsewhere)["loss"] < 0.01, "what stays the same in a run does not matter"
    assert stage.losses(features, features.roll(1, 1))["own"] > 2


def test_the_validation_s_loss_does_not_depend_on_how_clips_are_batched(monkeypatch):
    torch.manual_seed(0)
    stage = SyncStage(SMALL).eval()
    features = torch.randn(4, 6, 16), torch.randn(4, 6, 16)
    batches: dict[int, list[float]] = {4: [], 2: []}
    for size, losses in batches.items():
        for first in range(0, 4, size):
            part = [each[first : first + size] for each in features]
            monkeypatch.setattr(stage.network, "forward", lambda *_, part=part: part)
            monkeypatch.setattr(
                stage, "log_losses", lambda logged, *_, losses=losses: losses.append(float(logged["loss"]))
            )
            stage.validation_step({"frames": None, "samples": None}, 0)
    assert sum(batches[2]) / 2 == pytest.approx(batches[4][0], rel=1e-5)


def test_wrong_options_are_one_line():
    with pytest.raises(UserError, match="scale"):
        SyncStage(SMALL, scale=0)


def test_a_run_is_varied_as_one():
    torch.manual_seed(0)
    face = torch.rand(8, 1, 3, 24, 24).mul(2).sub(1)
    run = face.expand(-1, 5, -1, -1, -1)
    varied = augment_picture(run.flatten(1, 2), PictureAugment()).view_as(run)
    torch.testing.assert_close(varied, varied[:, :1].expand_as(varied))
    assert (varied - run).abs().flatten(1).mean(1).min() > 0.01


def test_varied_sound_keeps_its_timing():
    torch.manual_seed(0)
    click = torch.zeros(6, 4000)
    click[:, 1000:1040] = torch.randn(6, 40)
    same = augment_wave(click, WaveAugment(gain=0, colour=0, noise=0))
    torch.testing.assert_close(same, click)
    varied = augment_wave(click, WaveAugment())
    loudest = varied.abs().argmax(1)
    assert ((loudest >= 995) & (loudest < 1045)).all()
    assert (varied - click).abs().max(1).values.min() > 0.01
    level = augment_wave(click, WaveAugment(gain=6, colour=0, noise=0)) / click
    kept = level[:, 1000:1040]
    torch.testing.assert_close(kept, kept[:, :1].expand_as(kept))
    assert kept[:, 0].log10().mul(20).std() > 2


def test_it_learns_on_drawn_faces(tiny_shards):
    L.seed_everything(0)
    data = SyncDataModule(
        tiny_shards,
        batch_size=3,
        steps_per_epoch=30,
        resolution=64,
        frames=25,
        samples=16000,
        windows=1,
        view="mouth",
        num_workers=0,
    )
    stage = SyncStage(SMALL, warmup=5, learning_rate=2e-3)
    trainer = L.Trainer(
        max_epochs=3, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip
    before = trainer.validate(stage, data, verbose=False)[0]
    trainer.fit(stage, data)
    after = trainer.validate(stage, data, verbose=False)[0]
    assert after["val/own"] < math.log(20) - 0.25
    assert after["val/own"] < before["val/own"] - 0.25
    assert after["val/offset_rank"] <= 3
    assert set(after) >= {"val/loss", "val/all", "val/offset_accuracy"}
    assert stage.exported().config == SMALL
