"""What happens around a stage's training: atomic checkpoints, progress, throughput and memory, NaN."""

import pickle
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, ProgressBar, TQDMProgressBar
from lightning.pytorch.plugins.io import TorchCheckpointIO

from lit_emotalk.errors import UserError
from lit_emotalk.io.files import atomic_path
from lit_emotalk.io.progress import LOG_INTERVAL_SECONDS

CUDA_CHECK_INTERVAL = 25
"""Batches between two looks at losses on CUDA: each waits for the device."""
NUMBERS_SECONDS = 1.0
GIB = 2**30
UNREADABLE = (RuntimeError, EOFError, KeyError, ValueError, AttributeError, pickle.UnpicklingError)
"""What torch.load raises on files that it did not write, or that are cut short."""


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint under another name and renames it: one killed while writing keeps the last."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write `checkpoint`; raises UserError where the disk is full or cannot be written."""
        try:
            with atomic_path(Path(path)) as temporary, open(temporary, "wb") as handle:
                torch.save(checkpoint, handle)
        except RuntimeError as error:
            raise UserError(f"cannot write checkpoint {path}: {error} (disk full?)") from error

    def load_checkpoint(self, path: Any, *arguments: Any, **named: Any) -> dict[str, Any]:
        """Read a checkpoint; raises UserError where the file is cut short or something else."""
        try:
            checkpoint: dict[str, Any] = super().load_checkpoint(path, *arguments, **named)
            whole = {"state_dict", "pytorch-lightning_version"} <= checkpoint.keys()
        except UNREADABLE as error:
            reason = " ".join(str(error).split())[:100]
            raise UserError(f"{path} is cut short or no checkpoint: it cannot be read ({reason})") from error
        if not whole:
            raise UserError(f"{path} is no checkpoint of a training")
        return checkpoint


class LogProgress(ProgressBar):
    """Progress where stderr is no terminal: every ten seconds a line with rate and time left."""

    def __init__(self) -> None:
        super().__init__()
        self._enabled = True
        self._last = self._start = 0.0
        self._done = 0

    def disable(self) -> None:
        """Print nothing (Lightning calls this on all ranks but the first)."""
        self._enabled = False

    def enable(self) -> None:
        """Print again."""
        self._enabled = True

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Begin to measure."""
        self._start = self._last = time.monotonic()
        self._done = 0

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Print a line if it is time, and at the end of every training."""
        self._done += 1
        now = time.monotonic()
        if self._enabled and now - self._last >= LOG_INTERVAL_SECONDS:
            self._last = now
            self._print(trainer, pl_module, batch_idx + 1)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Print the last line."""
        if self._enabled and self._done:
            self._print(trainer, pl_module, int(trainer.num_training_batches))

    def _print(self, trainer: L.Trainer, pl_module: L.LightningModule, batch: int) -> None:
        batches, epochs = int(trainer.num_training_batches), trainer.max_epochs or -1
        rate = self._done / max(time.monotonic() - self._start, 1e-6)
        epoch = min(trainer.current_epoch + 1, epochs) if epochs > 0 else trainer.current_epoch + 1
        left = max(epochs - epoch, 0) * batches + batches - batch
        parts = [
            f"epoch {epoch}/{epochs if epochs > 0 else '?'}",
            f"batch {batch}/{batches}",
            f"{rate:.2f} it/s",
        ]
        parts += [f"{left / rate:.0f} s left"] if epochs > 0 else []
        parts.append(f"{max(memory().values()):.1f} GiB")
        metrics = self.get_metrics(trainer, pl_module)
        parts += [f"{name} {value:.4g}" for name, value in metrics.items() if isinstance(value, float)]
        print(f"{getattr(pl_module, 'stage', 'fit')}: " + ", ".join(parts), file=sys.stderr, flush=True)


class TerminalProgress(TQDMProgressBar):
    """Lightning's bar, whose numbers are read from the device once a second at most."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: dict[str, Any] = {}
        self._read = -NUMBERS_SECONDS

    def get_metrics(self, trainer: L.Trainer, pl_module: L.LightningModule) -> dict[str, Any]:
        """The numbers beside the bar."""
        if time.monotonic() - self._read >= NUMBERS_SECONDS:
            self._shown = super().get_metrics(trainer, pl_module)
            self._read = time.monotonic()
        return self._shown


def memory() -> dict[str, float]:
    """The most memory held so far, in GiB: by this process, and on CUDA by its tensors."""
    held = {"run/peak_memory_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB}
    if torch.cuda.is_available():
        held["run/peak_gpu_memory_gib"] = torch.cuda.max_memory_allocated() / GIB
    return held


class RunMonitor(Callback):
    """Measures samples a second, the share of the time spent waiting for batches (on a CPU also making what
    loaders leave to the device), and peak memory.

    They are logged after each epoch as `run/samples_per_second` (all ranks together), `run/loader_wait`
    (0..1), `run/peak_memory_gib` (of this process; on CUDA also `run/peak_gpu_memory_gib`) and
    `run/skipped_clips` (so far, on this rank), and printed once at the end.
    """

    def __init__(self) -> None:
        self._begin_epoch()
        self._batches = self._seconds = self._waited = 0.0

    def _begin_epoch(self) -> None:
        self._epoch_start = self._batch_end = time.perf_counter()
        self._epoch_wait = 0.0
        self._epoch_seconds = 0.0
        self._epoch_batches = 0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Begin to measure where a run goes on within an epoch."""
        self._begin_epoch()

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Begin to measure."""
        self._begin_epoch()

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Count the time since the last batch ended as waiting."""
        self._epoch_wait += time.perf_counter() - self._batch_end

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the batch; validation that may follow is not counted."""
        self._batch_end = time.perf_counter()
        self._epoch_seconds = self._batch_end - self._epoch_start
        self._epoch_batches += 1

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Log the epoch's numbers."""
        self._batches += self._epoch_batches
        self._seconds += self._epoch_seconds
        self._waited += self._epoch_wait
        numbers = self._numbers(trainer, self._epoch_batches, self._epoch_seconds, self._epoch_wait)
        for logger in trainer.loggers:
            logger.log_metrics(numbers, step=trainer.fit_loop.epoch_loop._batches_that_stepped - 1)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Print the summary."""
        if self._batches and trainer.is_global_zero:
            numbers = self._numbers(trainer, self._batches, self._seconds, self._waited)
            print(
                f"{getattr(pl_module, 'stage', 'fit')}: "
                f"{self._batches:.0f} batches in {self._seconds:.0f} s, "
                f"{numbers['run/samples_per_second']:.1f} samples/s, "
                f"loader wait {numbers['run/loader_wait']:.1%}, "
                f"peak memory {' and on the GPU '.join(f'{held:.2f} GiB' for held in memory().values())}, "
                f"{numbers['run/skipped_clips']:.0f} clips skipped",
                file=sys.stderr,
                flush=True,
            )

    def _numbers(self, trainer: L.Trainer, batches: float, seconds: float, waited: float) -> dict[str, float]:
        module: Any = getattr(trainer, "datamodule", None)
        samples = batches * getattr(module, "batch_size", 1) * trainer.world_size
        return {
            "run/samples_per_second": samples / max(seconds, 1e-9),
            "run/loader_wait": waited / max(seconds, 1e-9),
            "run/skipped_clips": float(len(getattr(trainer.train_dataloader, "bad", ()))),
            **memory(),
        }


class StopOnNaN(Callback):
    """Stops a run whose `train/loss` is not finite, naming the clips; the last checkpoint stays."""

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look at the loss after every batch, on CUDA after every 25th (each look waits for the device)."""
        if pl_module.device.type == "cuda" and batch_idx % CUDA_CHECK_INTERVAL:
            return  # before asking for metrics: Lightning then reads the progress bar's from the device
        loss = trainer.callback_metrics.get("train/loss")
        if loss is not None and not torch.isfinite(loss):
            keys = ", ".join(batch.get("key", ())) if isinstance(batch, dict) else ""
            raise UserError(
                f"the loss is {float(loss)} at epoch {trainer.current_epoch}, batch {batch_idx}; the last "
                f"checkpoint is untouched; lower the learning rate or check these clips: {keys}"
            )


class AfterEpochs(Callback):
    """Calls `write` after every `every` training epochs, on the first rank."""

    def __init__(self, every: int, write: Callable[[], object]) -> None:
        self.every, self.write = every, write

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write if it is time."""
        if trainer.is_global_zero and (trainer.current_epoch + 1) % self.every == 0:
            self.write()


class EveryMinutes(Callback):
    """Calls `write`, on the first rank, after the first batch that ends so many minutes after the last."""

    def __init__(
        self, minutes: float, write: Callable[[], object], now: Callable[[], float] = time.monotonic
    ) -> None:
        self.minutes, self.write, self.now = minutes, write, now
        self._last = now()

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Begin to measure."""
        self._last = self.now()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write if it is time."""
        if trainer.is_global_zero and self.now() - self._last >= 60 * self.minutes:
            self.write()
            self._last = self.now()


def progress_callback(is_terminal: Callable[[], bool] = sys.stderr.isatty) -> list[Callback]:
    """The progress bar: Lightning's on a terminal, lines for a log."""
    return [TerminalProgress() if is_terminal() else LogProgress()]
