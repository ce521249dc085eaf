"""A callback that sends signals at a chosen batch, as environment variables say."""

import multiprocessing
import os
import signal
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

DIE_AT, DIE_BY = "TEST_DIE_AT", "TEST_DIE_BY"
"""The batch (counted over the whole training) before which the process gets a signal, and its number."""

DIE_HOW = "TEST_DIE_HOW"
"""Who gets it: this process alone (unset), `group` (the process group), `loader` (the loader processes)."""

DIE_RANK = "TEST_DIE_RANK"
"""The rank that sends it (0 where unset)."""


def dying(at: int, by: signal.Signals, how: str = "", rank: int = 0) -> dict[str, str]:
    """The environment of a training that dies so."""
    return {DIE_AT: str(at), DIE_BY: str(int(by)), DIE_HOW: how, DIE_RANK: str(rank)}


class Die(Callback):
    """Does what the environment says, once."""

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Send the signal if this is the batch and the rank."""
        mine = os.environ.get(DIE_RANK, "0") == str(trainer.global_rank)
        if not mine or os.environ.get(DIE_AT) != str(getattr(pl_module, "batches_done", None)):
            return
        del os.environ[DIE_AT]
        number = signal.Signals(int(os.environ[DIE_BY]))
        how = os.environ.get(DIE_HOW)
        if how == "group":
            os.killpg(0, number)
        elif how == "loader":
            for process in multiprocessing.active_children():
                os.kill(process.pid or 0, number)
        else:
            os.kill(os.getpid(), number)
