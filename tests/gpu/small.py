"""Every stage and its batches, small, without anything that is drawn at random on the device: two devices
then compute the same."""

from dataclasses import replace
from pathlib import Path

import torch
from torch.nn import functional as F

from lit_emotalk.data import FramesDataModule, ShardDataModule, SignalsDataModule
from lit_emotalk.data.sync import SyncDataModule
from lit_emotalk.models.audio_encoder import AudioEncoderConfig
from lit_emotalk.models.eac import EACConfig
from lit_emotalk.models.emotion_space import EmotionSpace, EmotionSpaceConfig
from lit_emotalk.models.handover import save_export
from lit_emotalk.models.hef.discriminator import DiscriminatorConfig
from lit_emotalk.models.hef.generator import HEFConfig
from lit_emotalk.models.syncnet import SyncNetConfig
from lit_emotalk.stages import EACStage, HEFStage, SyncStage
from lit_emotalk.stages.augment import FaceAugment, PictureAugment, SoundAugment, WaveAugment
from lit_emotalk.stages.base import Stage
from lit_emotalk.stages.eac import CodeDraw
from tests.stages.small_stages import STILL_FACE, STILL_SOUND, FirstPromptStage

STAGES = ("align", "eac", "hef", "sync")
SPACE = EmotionSpaceConfig(
    dim=32,
    prompts=24,
    units_width=32,
    units_dropout=0.0,
    audio=AudioEncoderConfig(layers=1, heads=2, width=32, dropout=0.0),
)
STILL_PICTURE = PictureAugment(shift=0, zoom=0, turn=0, light=0, contrast=0)


def drawn_space(config: EmotionSpaceConfig) -> EmotionSpace:
    """A space whose prompts' codes are random unit vectors: fitted, without the text tower."""
    space = EmotionSpace(config)
    generator = torch.Generator().manual_seed(1)
    space.bank.copy_(F.normalize(torch.randn(space.bank.shape, generator=generator), dim=-1))
    return space


def save_space(folder: Path, config: EmotionSpaceConfig = SPACE) -> Path:
    """Export such a space."""
    torch.manual_seed(1)
    save_export(folder, "align", drawn_space(config), None)
    return folder


def make(name: str, shards: Path, space: Path, compiled: bool = False) -> tuple[Stage, ShardDataModule]:
    """A stage by its name and its batches; weights follow from torch's seed."""
    sound = SoundAugment(**STILL_SOUND, states=0.0)  # type: ignore[arg-type]
    few = {"batch_size": 4, "steps_per_epoch": 3, "num_workers": 0}
    stage: Stage
    if name == "align":
        stage = FirstPromptStage(
            SPACE,
            sound=sound,
            face=FaceAugment(**STILL_FACE),  # type: ignore[arg-type]
            initialise_from=space,
            warmup=1,
        )
        return stage, SignalsDataModule(shards, 10, **few)
    if name == "eac":
        codes = CodeDraw(text=0, image=0, audio=1, dropout=0, swap=0, jitter=0, levelless=False)
        network = EACConfig(layers=1, heads=2, width=32, dropout=0.0)
        stage = EACStage(space, network, codes=codes, voice=sound, warmup=1)
        return stage, SignalsDataModule(shards, 12, **few)
    if name == "sync":
        network_of_sync = SyncNetConfig(width=0.125, crop=64, embedding=32, view="mouth")
        wave = WaveAugment(gain=0, colour=0, noise=0)
        stage = SyncStage(network_of_sync, picture=STILL_PICTURE, wave=wave, warmup=1)
        read = replace_batch(few, 2) | {"frames": 25, "samples": 16000, "windows": 1, "view": "mouth"}
        return stage, SyncDataModule(shards, resolution=64, **read)
    stage = HEFStage(
        replace(HEFConfig(), size="tiny", resolution=32, window=9),
        perceptual="edges",
        discriminator=DiscriminatorConfig(channels=4, layers=2, scales=1),
        r1_every=1,
        compiled=compiled,
        warmup=1,
    )
    return stage, FramesDataModule(shards, resolution=32, window=9, **few)


def replace_batch(few: dict, batch_size: int) -> dict:
    """The loader's settings with another batch."""
    return few | {"batch_size": batch_size}
