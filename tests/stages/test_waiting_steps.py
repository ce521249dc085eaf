"""What every stage computes in a training step, on CUDA tensors that are not there: the losses bring nothing
to the device that could have been kept there, and wait for nothing."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from lit_emotalk.data import FramesDataModule, ShardDataModule, SignalsDataModule, SyncDataModule
from lit_emotalk.models.audio_encoder import AudioEncoderConfig
from lit_emotalk.models.eac import EACConfig
from lit_emotalk.models.emotion_classifier import EmotionClassifierConfig
from lit_emotalk.models.hef.discriminator import DiscriminatorConfig
from lit_emotalk.models.hef.generator import HEFConfig
from lit_emotalk.models.syncnet import SyncNetConfig
from lit_emotalk.models.text import OpenClip
from lit_emotalk.schema import ENTRY_SIZES
from lit_emotalk.stages import AlignStage, ClassifyStage, EACStage, HEFStage, SyncStage
from lit_emotalk.stages.augment import SoundAugment
from lit_emotalk.stages.base import Stage
from lit_emotalk.stages.hef_weights import HEFWeights
from tests.fake_cuda import Counted, fake_cuda, on_cuda
from tests.gpu.small import SPACE, save_space
from tests.small_clip import write_open_clip

EVEN = SoundAugment(speed=0.0)
"""The speed is drawn by the processor, which has to know how many frames there will be: a fake one cannot."""
VOICE = AudioEncoderConfig(width=16, hears="voice")
SMALL = EACConfig(layers=1, heads=2, width=16)
WORDS = ["lift_fresh", "_to_copy"]
"""Codes of what the labels say: they come as words, and their codes go to the device once."""
CASES = ("align", "align-voice", "eac-space", "eac-one_hot", "eac-none", "classify", "sync", "hef")


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_space(tmp_path_factory.mktemp("space") / "align")


@pytest.fixture(scope="module")
def made(tiny_shards: Path, space: Path) -> Any:
    """Stage and batches by the case's name."""
    few: dict[str, Any] = {"batch_size": 4, "steps_per_epoch": 1, "num_workers": 0}

    def make(case: str) -> tuple[Stage, ShardDataModule]:
        name, _, kind = case.partition("-")
        if name == "sync":
            network = SyncNetConfig(width=0.125, crop=64, embedding=32, view="mouth")
            runs = {"frames": 10, "samples": 6640, "windows": 1, "view": "mouth"}
            return SyncStage(network), SyncDataModule(tiny_shards, resolution=64, **few, **runs)
        if name == "hef":
            stage = HEFStage(
                HEFConfig("tiny", 32, window=9),
                HEFWeights(temporal=1.0, detail=1.0),
                perceptual="edges",
                discriminator=DiscriminatorConfig(channels=4, layers=2, scales=1),
                emphasis=1.0,
            )
            return stage, FramesDataModule(tiny_shards, resolution=32, window=9, following=True, **few)
        signals = SignalsDataModule(tiny_shards, 12, **few)
        if name == "classify":
            return ClassifyStage(EmotionClassifierConfig(SPACE.audio), sound=EVEN), signals
        if name == "eac":
            return EACStage(space, replace(SMALL, codes=kind)), signals
        config = replace(SPACE, audio=VOICE) if kind else SPACE
        return AlignStage(config, sound=EVEN), signals

    return make


def first_batch(data: ShardDataModule) -> dict[str, Any]:
    """The first training batch, finished."""
    data.setup("fit")
    return data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)


def alone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a training around it: nothing is logged and no optimiser steps."""
    stage._trainer = SimpleNamespace(strategy=None, is_last_batch=False, world_size=1)  # type: ignore[assignment]
    monkeypatch.setattr(stage, "log_losses", lambda *_, **__: None)
    for name in ("optimizers", "toggle_optimizer", "untoggle_optimizer"):
        monkeypatch.setattr(stage, name, lambda *_, **__: [None, None])
    monkeypatch.setattr(stage, "manual_backward", lambda loss: None)
    if isinstance(stage, HEFStage):
        stage.accumulate, stage.batches_done = 1000, 1
    if isinstance(stage, EACStage):
        halves = {"text": slice(0, 2), "image": slice(2, 3), "audio": slice(3, 4)}
        drawn = lambda samples: {name: samples[rows] for name, rows in halves.items()}  # noqa: E731
        monkeypatch.setattr(stage, "draw_modalities", drawn)


@pytest.mark.parametrize("case", CASES)
def test_a_step_neither_brings_constants_nor_waits(case: str, made: Any, monkeypatch) -> None:
    stage, data = made(case)
    batch = first_batch(data)
    if case == "align-voice":
        batch["pitch"] = torch.zeros(*batch["mel"].shape[:2], ENTRY_SIZES["pitch"])
    alone(stage, monkeypatch)
    with fake_cuda() as mode:
        for module in (stage, *getattr(stage, "_frozen", [])):
            on_cuda(module, mode)
        monkeypatch.setattr(type(stage), "device", torch.device("cuda"))
        there = {k: mode.from_tensor(v).cuda() if torch.is_tensor(v) else v for k, v in batch.items()}
        with Counted() as counted:
            stage.training_step(there, 0)
    assert counted.brought == (WORDS if case == "eac-one_hot" else []) and counted.waited == []


def test_a_look_by_open_clip_brings_nothing(tmp_path: Path) -> None:
    pytest.importorskip("open_clip")
    tower = OpenClip(*write_open_clip(tmp_path))
    with fake_cuda() as mode:
        there = on_cuda(tower._model, mode)
        there.to = lambda device: there  # type: ignore[method-assign, assignment]
        with Counted() as counted:
            tower.embed_image(torch.zeros(2, 3, 48, 48, device="cuda"))
    assert counted.brought == [] and counted.waited == []
