"""Trainings of several processes: their strategy, and what is said when one of them dies."""

from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from lightning.pytorch.strategies import DDPStrategy

from lit_emotalk.errors import UserError

PATIENCE = timedelta(minutes=10)
"""How long a process waits for the others, which may write checkpoints and pictures, or compile."""

DDP = ("auto", "ddp", "ddp_find_unused_parameters_true", "ddp_find_unused_parameters_false")
LOST = ("gloo", "connection closed by peer", "connection reset by peer", "process group")
"""Words of errors that say that another process is gone, in lower case."""


def ddp_strategy(trainer: dict[str, Any], every_parameter: bool) -> Any:
    """The strategy for the `trainer` part of a configuration: DDP that waits no longer than `PATIENCE` where
    it asks for DDP, or for several devices and nothing in particular; else what it says.

    `every_parameter` says whether each parameter gets a gradient from every batch; where not, DDP looks for
    those without one.
    """
    strategy = trainer.get("strategy") or "auto"
    if strategy not in DDP or (strategy == "auto" and not _several(trainer)):
        return strategy
    unused = strategy == DDP[2] or (strategy != DDP[3] and not every_parameter)
    return DDPStrategy(find_unused_parameters=unused, timeout=PATIENCE)


def _several(trainer: dict[str, Any]) -> bool:
    devices = trainer.get("devices") or "auto"
    if (trainer.get("num_nodes") or 1) > 1:
        return True
    if devices in ("auto", -1, "-1"):
        return trainer.get("accelerator") != "cpu" and torch.cuda.device_count() > 1
    if isinstance(devices, str):
        return "," in devices or int(devices) > 1
    return devices > 1 if isinstance(devices, int) else len(devices) > 1


def raise_if_rank_died(error: Exception) -> None:
    """Raise UserError where `error` says that another process of a training is gone or does not answer."""
    said = str(error).lower()
    if isinstance(error, dist.DistError) or (dist.is_initialized() and any(word in said for word in LOST)):
        raise UserError(
            f"another process of this training died, or has not answered for {PATIENCE.seconds // 60} "
            "minutes; see its output; run the same command again to continue from the last checkpoint"
        ) from error
