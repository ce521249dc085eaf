"""Trainings of several processes: their strategy, how they start alike, and what is said when one dies."""

import json
import os
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightning as L
import torch
import torch.distributed as dist
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.strategies import DDPStrategy, ParallelStrategy

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


START_VARIABLE = "LIT_EMOTALK_START"
"""Environment variable by which the first process tells the start to those that Lightning launches from
it."""


@dataclass(frozen=True)
class Start:
    """How a training starts: whether the run is `fresh`, and the checkpoint to load (None: from nothing)."""

    fresh: bool
    checkpoint: str | None


def first_decides(trainer: L.Trainer, decide: Callable[[], Start]) -> Start:
    """What `decide` returns on the first rank, on every rank. A UserError there is raised on all of them."""
    strategy = trainer.strategy
    if not isinstance(strategy, ParallelStrategy) or trainer.num_nodes * trainer.num_devices == 1:
        return decide()
    environment = strategy.cluster_environment
    if isinstance(environment, LightningEnvironment):
        if environment.creates_processes_externally and START_VARIABLE in os.environ:
            return Start(**json.loads(os.environ[START_VARIABLE]))
        start = decide()
        os.environ[START_VARIABLE] = json.dumps(asdict(start))
        return start
    strategy.setup_environment()
    decided: Start | UserError | None = None
    if trainer.is_global_zero:
        try:
            decided = decide()
        except UserError as error:
            decided = error
    decided = strategy.broadcast(decided)
    if isinstance(decided, UserError):
        raise decided
    assert decided is not None
    return decided


class SameStart(Callback):
    """Ends a training of several processes where they would not all start alike, before any of them does."""

    def __init__(self, start: Start) -> None:
        self.start = start

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Raises UserError, on all ranks, where one of them has not the first one's checkpoint."""
        if not dist.is_initialized():
            return
        path = self.start.checkpoint
        mine = (socket.gethostname(), path if path is None or "://" in path or Path(path).is_file() else "")
        everyone: list[tuple[str, str | None]] = [mine] * dist.get_world_size()
        dist.all_gather_object(everyone, mine)
        for rank, (host, found) in enumerate(everyone):
            if found != everyone[0][1]:
                raise UserError(
                    f"process {rank} on {host} does not find the checkpoint that process 0 starts from "
                    f"({everyone[0][1] or path}); put the runs on a disk that all machines share"
                )


def raise_if_rank_died(error: Exception) -> None:
    """Raise UserError where `error` says that another process of a training is gone or does not answer."""
    said = str(error).lower()
    if isinstance(error, dist.DistError) or (dist.is_initialized() and any(word in said for word in LOST)):
        raise UserError(
            f"another process of this training died, or has not answered for {PATIENCE.seconds // 60} "
            "minutes; see its output; run the same command again to continue from the last checkpoint"
        ) from error
