"""Every stage, small enough for a test, as configurations of the command line."""

from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.futures import Future
from torch.nn.parallel import DistributedDataParallel

from lit_emotalk.stages import AlignStage, HEFStage
from tests.stages import runs
from tests.stages.small_align import SMALL_SPACE

STEPS = 6
"""Batches of an epoch."""

STILL_SOUND = {"gain": 0, "noise": 0, "bands": 0, "speed": 0, "crop": 0, "masks": 0}
STILL_FACE = {"spread": 0, "rested": 0, "gain": 0, "noise": 0, "mirror": False}


class FirstPromptStage(AlignStage):
    """Stage align with every emotion's first prompt alone."""

    def draw_texts(self, emotion: Tensor) -> Tensor:
        """Codes (B, D)."""
        return self.network.bank[emotion.clamp(min=0), 0]


class GradientsStage(HEFStage):
    """Stage hef that keeps the first batch's gradients, of the generator and of the discriminator, beside the
    run; and how many numbers every collective of gradients had."""

    def on_train_start(self) -> None:
        """As the base's; DDP's own collectives of gradients are counted."""
        super().on_train_start()
        self.reduced: list[tuple[str, int]] = []
        if isinstance(self.trainer.model, DistributedDataParallel):
            self.trainer.model.register_comm_hook(self.reduced, counted_reduction)

    def average_gradients(self, network: nn.Module) -> None:
        """As the base's."""
        super().average_gradients(network)
        self.reduced.append(("by hand", sum(p.grad.numel() for p in network.parameters())))
        gradients = {
            name: value.grad.clone() for name, value in self.named_parameters() if value.grad is not None
        }
        if self.global_rank == 0 and self.batches_done == 0:
            file = Path(self.trainer.default_root_dir) / "gradients.pt"
            kept = torch.load(file) if file.exists() else {}
            torch.save(kept | gradients, file)
            torch.save(self.reduced, file.with_name("reduced.pt"))


def counted_reduction(reduced: list[tuple[str, int]], bucket: dist.GradBucket) -> Future[Tensor]:
    """DDP's reduction of a bucket of gradients, counted."""
    reduced.append(("by DDP", bucket.buffer().numel()))
    return allreduce_hook(None, bucket)


def _config(shards: Path, folder: Path, stage: str, model: dict[str, Any], data: dict[str, Any]) -> dict:
    content = runs.config(shards, folder)
    content["model"] = {"class_path": f"lit_emotalk.stages.{stage}", "init_args": {"warmup": 3, **model}}
    content["data"]["init_args"] |= {"batch_size": 4, "steps_per_epoch": STEPS} | data
    content["trainer"]["max_epochs"] = 2
    return content


def align(shards: Path, folder: Path, still: bool = False) -> dict[str, Any]:
    """Stage align; `still` draws nothing at random."""
    model: dict[str, Any] = {"network": SMALL_SPACE, "ema_decay": 0.9, "learning_rate": 5e-3}
    if still:
        model |= {"sound": STILL_SOUND, "face": STILL_FACE}
    content = _config(shards, folder, "AlignStage", model, {"frames": 10 if still else None})
    if still:
        content["model"]["class_path"] = "tests.stages.small_stages.FirstPromptStage"
    return content


def eac(shards: Path, folder: Path, space: Path, still: bool = False) -> dict[str, Any]:
    """Stage eac over the export of a stage align."""
    network = {"layers": 1, "heads": 2, "width": 32, "dropout": 0.0 if still else 0.2}
    model: dict[str, Any] = {"emotion_space": str(space), "network": network, "ema_decay": 0.9}
    if still:
        model |= {
            "codes": {
                "text": 0,
                "image": 0,
                "audio": 1,
                "dropout": 0,
                "swap": 0,
                "jitter": 0,
                "levelless": False,
            },
            "voice": STILL_SOUND,
        }
    return _config(shards, folder, "EACStage", model, {"frames": 12})


def hef(shards: Path, folder: Path) -> dict[str, Any]:
    """Stage hef with warping alone first, the discriminator from the third batch on and R1."""
    model = {
        "network": {"size": "tiny", "resolution": 16, "window": 9},
        "perceptual": "edges",
        "discriminator": {"channels": 4, "layers": 2, "scales": 1},
        "warp_batches": 2,
        "adversarial_start": 3,
        "r1_every": 2,
        "ema_decay": 0.9,
    }
    content = _config(shards, folder, "HEFStage", model, {"resolution": 16, "window": 9})
    content["data"]["class_path"] = "lit_emotalk.data.FramesDataModule"
    del content["data"]["init_args"]["frames"]
    return content


def sync(shards: Path, folder: Path) -> dict[str, Any]:
    """Stage sync."""
    model = {"network": {"width": 0.125, "crop": 64, "embedding": 32, "view": "mouth"}}
    data = {"resolution": 64, "frames": 25, "samples": 16000, "windows": 1, "view": "mouth", "batch_size": 2}
    content = _config(shards, folder, "SyncStage", model, data)
    content["data"]["class_path"] = "lit_emotalk.data.SyncDataModule"
    return content
