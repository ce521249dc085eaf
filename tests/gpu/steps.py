"""The gradients of a stage's first batch on one device, and how far those of another are from them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from lit_emotalk.data import ShardDataModule
from lit_emotalk.stages.base import Stage
from tests.benchmarks.gpu.compiled import compile_networks
from tests.gpu.small import make

SEED = 5
FLOOR = 1e-3
"""Gradients that are smaller than this share of the largest are compared with that."""

Gradients = dict[str, Tensor]


class KeepGradients(Callback):
    """Keeps every parameter's gradient after each backward pass, in float32 on the CPU."""

    def __init__(self) -> None:
        self.kept: Gradients = {}

    def on_after_backward(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Copy what there is."""
        for name, parameter in pl_module.named_parameters():
            if parameter.grad is not None:
                self.kept[name] = parameter.grad.detach().float().cpu().clone()


@contextmanager
def other_kernels(device: str) -> Iterator[None]:
    """On the CPU torch's own kernels in place of oneDNN's, so that its rounding is another's."""
    with torch.backends.mkldnn.flags(enabled=device != "cpu"):
        yield


def trainer(device: str, folder: Path, precision: str = "32-true", **more: object) -> L.Trainer:
    """A trainer of one epoch that keeps nothing."""
    return L.Trainer(
        accelerator="gpu" if device == "cuda" else "cpu",
        devices=1,
        max_epochs=1,
        precision=precision,  # type: ignore[arg-type]
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        num_sanity_val_steps=0,
        **more,  # type: ignore[arg-type]
    )


def first_batch(
    name: str,
    shards: Path,
    space: Path,
    device: str,
    folder: Path,
    precision: str = "32-true",
    compiled: bool = False,
) -> tuple[float, Gradients]:
    """The loss and gradients of stage `name`'s first batch on `device`."""
    L.seed_everything(SEED, verbose=False)
    stage, data = make(name, shards, space)
    if compiled:
        compile_networks(stage)
    return batch_of(stage, data, device, folder, precision)


def batch_of(
    stage: Stage, data: ShardDataModule, device: str, folder: Path, precision: str
) -> tuple[float, Gradients]:
    """The loss and gradients of the first batch of `data`."""
    keep = KeepGradients()
    run = trainer(device, folder, precision, limit_train_batches=1, limit_val_batches=0, callbacks=[keep])
    run.fit(stage, data)
    return float(run.callback_metrics["train/loss"]), keep.kept


def distances(one: Gradients, other: Gradients) -> dict[str, float]:
    """|one - other| / |other| of every tensor; infinite where one has no gradient or is not a number."""
    largest = max(float(value.norm()) for value in other.values())
    found = {}
    for name in one.keys() | other.keys():
        if name not in one or name not in other:
            found[name] = float("inf")
            continue
        far = float((one[name] - other[name]).norm()) / max(float(other[name].norm()), FLOOR * largest)
        found[name] = far if far == far else float("inf")
    return found


def cosine(one: Gradients, other: Gradients) -> float:
    """The cosine of all gradients together."""
    first, second = (torch.cat([side[name].flatten() for name in sorted(other)]) for side in (one, other))
    return float(torch.cosine_similarity(first, second, 0))
