"""What every stage's LightningModule shares: seeding, schedule, averaged weights, logging and export."""

import math
import random
from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar

import lightning as L
import numpy as np
import torch
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import Tensor, nn

from lit_emotalk.data.order import global_seed
from lit_emotalk.errors import UserError
from lit_emotalk.models.handover import load_weights
from lit_emotalk.stages.preemption import Preemption, random_states, restore_random_states

Batch = dict[str, Any]


def reseed(*numbers: int) -> None:
    """Seed torch (CPU and CUDA), numpy's global generator and `random` from a hash of `numbers`."""
    words = np.random.SeedSequence(numbers).generate_state(3)
    torch.manual_seed(int(words[0]))
    np.random.seed(int(words[1]))
    random.seed(int(words[2]))


class Averaged(nn.Module):
    """Exponential moving average of a network's parameters; buffers are copied.

    `decay` in (0, 1) is reached gradually: at batch n it is min(decay, (1 + n) / (10 + n)), so that a short
    run's average is not its initial weights (our choice, after TensorFlow's ExponentialMovingAverage).
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__()
        self.module = deepcopy(network).requires_grad_(False).eval()
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, batch: int) -> None:
        """Move towards `network`; `batch` counts the training batches before this one."""
        decay = min(self.decay, (1 + batch) / (10 + batch))
        averages: list[Tensor] = list(self.module.parameters())
        torch._foreach_lerp_(averages, [p.detach() for p in network.parameters()], 1 - decay)
        for average, buffer in zip(self.module.buffers(), network.buffers(), strict=True):
            average.copy_(buffer)

    def train(self, mode: bool = True) -> "Averaged":
        """Stay in evaluation mode."""
        return super().train(False)


class Stage(L.LightningModule):
    """Base class of the stages.

    A subclass sets `stage` (a key of `lit_emotalk.models.handover.NETWORKS`), passes its trained network to
    the constructor, and writes `training_step`, `validation_step` and, where one AdamW over the network is
    not enough, `configure_optimizers`.

    Learning rates follow a linear warm-up of `warmup` batches and a cosine to `final_rate` of the base rate
    at the end of training. They are a function of `batches_done`, the number of training batches of this
    stage, which is in the checkpoint and does not count each optimizer's steps as `global_step` does under
    manual optimisation; so there are no scheduler objects, and manual optimisation needs no scheduler calls.

    All random numbers of a training epoch follow from (seed, epoch, rank): a run that is resumed at an
    epoch's start draws what an uninterrupted one would have drawn. A run that is stopped by SIGTERM writes a
    checkpoint after the batch at hand, with the random states of all ranks, and goes on from that batch.

    Arguments:
        network: the module that is trained and exported.
        learning_rate: base rate of AdamW, the one `adamw` uses where none is given.
        weight_decay: AdamW's decay, on matrices and kernels only (parameters of two or more dimensions).
        warmup: batches of linear warm-up.
        final_rate: share of the base rate left at the end of training, in [0, 1].
        ema_decay: decay of the averaged weights in (0, 1); None keeps no average.
        initialise_from: directory of an export of this stage whose weights training starts from; not a
            resume.
    """

    stage: ClassVar[str]
    every_parameter: ClassVar[bool] = True
    """Whether every batch gives every parameter a gradient (DDP must know)."""

    def __init__(
        self,
        network: nn.Module,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.01,
        warmup: int = 100,
        final_rate: float = 0.05,
        ema_decay: float | None = None,
        initialise_from: Path | None = None,
    ) -> None:
        super().__init__()
        if initialise_from is not None:
            load_weights(network, initialise_from, self.stage)
        self.network = network
        self.ema = None if ema_decay is None else Averaged(network, ema_decay)
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.warmup = warmup
        self.final_rate = final_rate
        self.batches_done = 0
        self.preemption = Preemption()
        self._logged: dict[str, None] = {}
        self._random_states: list[dict[str, Any]] | None = None

    @property
    def inference_network(self) -> Any:
        """The network for validation and export: the averaged one where there is one."""
        return self.network if self.ema is None else self.ema.module

    def exported(self) -> nn.Module:
        """The module whose weights and `config` are written at the end of training."""
        return self.inference_network

    def get_extra_state(self) -> dict[str, int]:
        """The batch count, kept in the checkpoint."""
        return {"batches_done": self.batches_done}

    def set_extra_state(self, state: dict[str, int]) -> None:
        """Restore the batch count."""
        self.batches_done = state["batches_done"]

    def adamw(
        self,
        module: nn.Module | None = None,
        learning_rate: float | None = None,
        betas: tuple[float, float] = (0.9, 0.99),
    ) -> torch.optim.AdamW:
        """AdamW over the trainable parameters of `module` (default: the network); vectors are not decayed."""
        module = self.network if module is None else module
        parameters = [p for p in module.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": self.weight_decay},
            {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
        ]
        rate = self.learning_rate if learning_rate is None else learning_rate
        return torch.optim.AdamW([g for g in groups if g["params"]], lr=rate, betas=betas)

    def configure_optimizers(self) -> Any:
        """One AdamW over the network."""
        return self.adamw()

    def total_batches(self) -> int | None:
        """Training batches of the whole run on one rank, or None where the run has no end."""
        epochs = self.trainer.max_epochs
        if epochs is None or epochs < 0:
            return self.trainer.max_steps if self.trainer.max_steps > 0 else None
        return int(epochs * self.trainer.num_training_batches)

    def rate_factor(self, batch: int) -> float:
        """Learning rate at `batch` (counted from 0) as a share of the base rate."""
        if batch < self.warmup:
            return (batch + 1) / self.warmup
        total = self.total_batches()
        if total is None:
            return 1.0
        progress = min((batch - self.warmup) / max(total - self.warmup, 1), 1.0)
        return self.final_rate + (1 - self.final_rate) * 0.5 * (1 + math.cos(math.pi * progress))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the random states where a run stops within an epoch."""
        if self.preemption.stopping:
            checkpoint["random_states"] = random_states()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Find the random states of a run that stopped within an epoch."""
        self._random_states = checkpoint.get("random_states")

    def on_train_start(self) -> None:
        """Listen for SIGTERM; go on with the random numbers of a run that stopped within an epoch. Raises
        UserError where that run had another number of processes."""
        self.preemption.listen()
        if self._random_states is not None:
            before, now = len(self._random_states), self.trainer.world_size
            if before != now:
                raise UserError(
                    f"this run was stopped within an epoch on {before} processes and cannot go on there with "
                    f"{now}: give it {before} until an epoch has ended"
                )
            restore_random_states(self._random_states, self.global_rank)
            self._random_states = None

    def on_train_epoch_start(self) -> None:
        """Reseed, so that the epoch's random numbers follow from (seed, epoch, rank); end the run where
        SIGTERM came while the last epoch was validated and saved."""
        if self.preemption.agreed(self.trainer):
            raise SIGTERMException
        reseed(global_seed(), self.current_epoch, self.global_rank)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Set the learning rates of this batch."""
        factor = self.rate_factor(self.batches_done)
        for optimizer in self._optimizers():
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", group["lr"])
                group["lr"] = group["initial_lr"] * factor

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Update the averaged weights and count the batch; stop here after SIGTERM."""
        if self.ema is not None:
            self.ema.update(self.network, self.batches_done)
        self.batches_done += 1
        whole_epoch = self.trainer.is_last_batch
        if not whole_epoch and self.has_stepped(batch_idx) and self.preemption.due(self.trainer):
            self.preemption.stop(self.trainer)

    def has_stepped(self, batch_idx: int) -> bool:
        """Whether no gradient is being accumulated after batch `batch_idx` of the epoch."""
        return (batch_idx + 1) % self.trainer.accumulate_grad_batches == 0

    def log_losses(
        self, losses: dict[str, Tensor], prefix: str = "train", batch_size: int | None = None
    ) -> None:
        """Log every scalar as `prefix/name`, and `prefix/loss` on the progress bar as well.

        In training every batch's own value, where a row is written the mean over the ranks, and NaN for what
        earlier batches had and this one lacks; in validation the mean over the epoch and all ranks, weighted
        by `batch_size`.
        """
        training = prefix == "train"
        for name, value in (self._of_this_batch(losses) if training else losses).items():
            self.log(
                f"{prefix}/{name}",
                value.detach(),
                prog_bar=name == "loss",
                on_step=training,
                on_epoch=not training,
                sync_dist=not training,
                batch_size=batch_size,
            )

    def _of_this_batch(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """Lightning's rows repeat the last value of what is not logged again, and hold the first rank's."""
        if self.trainer.world_size > 1 and self.trainer._logger_connector.should_update_logs:
            values = torch.stack([value.detach().float() for value in losses.values()])
            losses = dict(zip(losses, self.trainer.strategy.reduce(values, reduce_op="mean"), strict=True))
        lacking = {
            name: torch.full((), math.nan, device=self.device) for name in self._logged if name not in losses
        }
        self._logged.update(dict.fromkeys(losses))
        return losses | lacking

    def _optimizers(self) -> Iterable[torch.optim.Optimizer]:
        return self.trainer.optimizers
