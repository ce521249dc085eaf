"""A training that is told to stop (SIGTERM: `timeout`, SLURM, a shutdown) writes a checkpoint first."""

import random
import signal
import threading
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
import torch.distributed as dist
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities.exceptions import SIGTERMException

AGREED_EVERY = 8
"""Steps of several processes between two agreements."""


class Preemption:
    """Listens for SIGTERM in place of Lightning, whose handler starts a collective in the middle of whatever
    the ranks are doing, and would lose the epoch.

    The ranks agree whether any of them was asked to stop, so that all of them stop after the same batch; they
    do so after every `AGREED_EVERY`th step and at epochs' ends, since it is a collective that waits for the
    device.
    """

    def __init__(self) -> None:
        self.asked = False
        self.stopping = False
        self.steps = 0

    def listen(self) -> None:
        """From now on SIGTERM is only remembered (until Lightning puts back the handlers after the fit)."""
        self.asked = self.stopping = False
        self.steps = 0
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._remember)

    def _remember(self, signum: int, frame: object) -> None:
        self.asked = True

    def agreed(self, trainer: L.Trainer) -> bool:
        """Whether any rank was asked to stop."""
        return trainer.strategy.reduce_boolean_decision(self.asked or trainer.received_sigterm, all=False)

    def due(self, trainer: L.Trainer) -> bool:
        """Whether to stop after this step: `agreed`, among several processes only when they agree."""
        self.steps += 1
        return (trainer.world_size == 1 or self.steps % AGREED_EVERY == 0) and self.agreed(trainer)

    def stop(self, trainer: L.Trainer) -> None:
        """Log the batch at hand, as Lightning would after it; write `last.ckpt` where the run keeps
        checkpoints; then end the fit with SIGTERMException."""
        self.stopping = True
        trainer._logger_connector.update_train_step_metrics()
        kept = trainer.checkpoint_callback
        if isinstance(kept, ModelCheckpoint) and kept.dirpath is not None:
            trainer.save_checkpoint(Path(kept.dirpath) / "last.ckpt")
        raise SIGTERMException


def random_states() -> list[dict[str, Any]]:
    """The states of torch's, numpy's and Python's random generators on every rank, by rank."""
    name, keys, *rest = np.random.get_state(legacy=True)
    own: dict[str, Any] = {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
        "numpy": (name, np.asarray(keys).tolist(), *rest),
        "python": random.getstate(),
    }
    if not dist.is_initialized():
        return [own]
    states: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(states, own)
    return states


def restore_random_states(states: list[dict[str, Any]], rank: int) -> None:
    """Put back what `random_states` gave for `rank`."""
    state = states[rank]
    torch.set_rng_state(state["torch"].cpu())
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"].cpu())
    np.random.set_state(tuple(state["numpy"]))
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
