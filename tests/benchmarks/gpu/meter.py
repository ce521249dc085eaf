"""A callback that measures a training's steady state and then ends it."""

import time
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch.utils.flop_counter import FlopCounterMode

from tests.benchmarks.gpu.compiled import compile_networks, graphs
from tests.benchmarks.gpu.peaks import bf16_peak
from tests.benchmarks.gpu.results import write_json
from tests.benchmarks.hef import matrix_peak

COUNTED = 1


class Meter(Callback):
    """Writes to `output` what a training does in a second once it is warm.

    The operations of batch `COUNTED` are counted (forward and backward, eager; without R1 in stage hef), then
    the networks are compiled where `compiled` asks for it; the next `warm` batches do not count; then batches
    are measured for `seconds`, at least `least` of them, and the training ends.

    `compiled` is torch.compile's backend, None for eager networks; `compiled_while_measured` counts graphs
    that came late. `loader_wait` is the share of the time between the end of a batch and the beginning of the
    next, with the transfer to the device; `busy` that in which the device's stream was within a batch.
    """

    def __init__(
        self,
        output: str,
        compiled: str | None = None,
        warm: int = 10,
        seconds: float = 8.0,
        least: int = 5,
    ) -> None:
        self.output, self.compiled = Path(output), compiled
        self.warm, self.seconds, self.least = warm, seconds, least
        self._batch = self._samples = 0
        self._began = self._ended = self._waited = self._compile_seconds = 0.0
        self._counter: FlopCounterMode | None = None
        self._flops = self._graphs = 0
        self._events: list[tuple[torch.cuda.Event, torch.cuda.Event]] = []
        self._inside = 0.0

    @property
    def _cuda(self) -> bool:
        return self._device == "cuda"

    @property
    def _measured(self) -> int:
        return self._batch - COUNTED - 1 - self.warm

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Begin at batch 0."""
        self._device = pl_module.device.type

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Begin to count operations, or to measure."""
        now = time.perf_counter()
        if self._batch == COUNTED:
            self._counter = FlopCounterMode(display=False)
            self._counter.__enter__()
            return
        if self._batch <= COUNTED + self.warm:
            self._batch_began = now
            return
        self._waited += now - self._ended
        self._batch_began = now
        if self._cuda:
            self._events.append((_event(), _event()))
            self._events[-1][0].record()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """End of a batch, of warming or of the whole."""
        self._batch += 1
        if self._counter is not None:
            self._counter.__exit__(None, None, None)
            self._flops, self._counter = self._counter.get_total_flops(), None
            if self.compiled is not None:
                compile_networks(pl_module, self.compiled)
            return
        if self._batch <= COUNTED + 1 + self.warm:
            self._warmed()
            return
        self._samples += len(batch["key"])
        if self._cuda:
            self._events[-1][1].record()
        self._ended = time.perf_counter()
        self._inside += self._ended - self._batch_began
        if self._ended - self._began >= self.seconds and self._measured >= self.least:
            self._write(pl_module)
            trainer.should_stop = True

    def _warmed(self) -> None:
        if self._cuda:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        self._graphs = graphs()
        self._began = self._ended = time.perf_counter()
        if self._batch > COUNTED + 1:
            self._compile_seconds = max(self._compile_seconds, self._began - self._batch_began)

    def _write(self, stage: L.LightningModule) -> None:
        if self._cuda:
            torch.cuda.synchronize()
        took = time.perf_counter() - self._began
        batches = self._measured
        inside = self._inside
        if self._cuda:
            inside = sum(first.elapsed_time(last) for first, last in self._events) / 1000
        name = torch.cuda.get_device_name() if self._cuda else "cpu"
        peak, source = bf16_peak(name)
        rate = self._flops * batches / took
        product = 1e9 * matrix_peak(self._device, "bf16")
        figures = {
            "precision": str(stage.trainer.precision),
            "batch": self._samples // batches,
            "batches": batches,
            "samples_per_second": round(self._samples / took, 1),
            "ms_per_batch": round(1000 * took / batches, 2),
            "loader_wait": round(self._waited / took, 4),
            "busy": round(inside / took, 4),
            "gflop_per_sample": round(self._flops * batches / self._samples / 1e9, 3),
            "tflop_per_second": round(rate / 1e12, 3),
            "share_of_bf16_peak": None if peak is None else round(rate / peak, 4),
            "share_of_bf16_peak_while_busy": None if peak is None else round(rate * took / inside / peak, 4),
            "peak_source": source,
            "share_of_measured_product": round(rate / product, 4),
            "compiled": self.compiled,
            "compiled_while_measured": graphs() - self._graphs,
            "slowest_warm_batch_s": round(self._compile_seconds, 2),
            "peak_memory_gib": round(torch.cuda.max_memory_allocated() / 2**30, 2) if self._cuda else None,
            "parameters": sum(p.numel() for p in stage.parameters()),
        }
        write_json(self.output, figures)


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)
