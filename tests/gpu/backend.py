"""A callback that says by which library the processes of a training speak."""

import sys

import lightning as L
import torch.distributed as dist
from lightning.pytorch.callbacks import Callback


class SayBackend(Callback):
    """Prints backend, number of processes and a sum over them."""

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Print once, on the first process."""
        total = pl_module.all_gather(trainer.global_rank + 1).sum()
        if trainer.is_global_zero:
            said = f"speaks by {dist.get_backend()}, {dist.get_world_size()} processes, sum {int(total)}"
            print(said, file=sys.stderr, flush=True)
