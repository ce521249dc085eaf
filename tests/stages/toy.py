"""A stage small enough to train in a test; its dropout makes every random state matter."""

import multiprocessing
import os
import signal
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from lit_emotalk import export
from lit_emotalk.stages.base import Stage

DIE_AT, DIE_BY = "TOY_DIE_AT", "TOY_DIE_BY"
"""Environment variables: the batch at which the process sends itself a signal, and its number."""

LOADER_DIES_AT = "TOY_LOADER_DIES_AT"
"""Environment variable: the batch at which the loader processes are killed."""

export.NETWORKS.setdefault("toy", "tests.stages.toy:Toy")


@dataclass(frozen=True)
class ToyConfig:
    """Width and dropout."""

    width: int = 8
    dropout: float = 0.3
    sizes: tuple[int, ...] = (80, 57)


class Toy(nn.Module):
    """Mel of a frame to its coefficients."""

    Config = ToyConfig

    def __init__(self, config: ToyConfig = ToyConfig()) -> None:
        super().__init__()
        self.config = config
        mel, coefficients = config.sizes
        self.layers = nn.Sequential(
            nn.Linear(mel, config.width),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.width, coefficients),
        )

    def forward(self, mel: Tensor) -> Tensor:
        return self.layers(mel[:, ::4])


class ToyStage(Stage):
    """Least squares on real frames."""

    stage: ClassVar[str] = "toy"

    def __init__(
        self, network: ToyConfig = ToyConfig(), poison_batch: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(Toy(network), **kwargs)
        self.poison_batch = poison_batch

    def loss(self, network: nn.Module, batch: dict[str, Any]) -> Tensor:
        error = (network(batch["mel"]) - batch["coeffs"]).square().mean(-1)
        return error[batch["mask"]].mean()

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        if os.environ.get(DIE_AT) == str(self.batches_done):
            os.kill(os.getpid(), int(os.environ[DIE_BY]))
        if os.environ.get(LOADER_DIES_AT) == str(self.batches_done):
            for process in multiprocessing.active_children():
                os.kill(process.pid or 0, signal.SIGKILL)
        loss = self.loss(self.network, batch)
        if self.batches_done == self.poison_batch:
            loss = loss * float("nan")
        self.log_losses({"loss": loss})
        return loss

    def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        loss = self.loss(self.inference_network, batch)
        self.log_losses({"loss": loss}, "val", len(batch["key"]))

    def test_step(self, batch: dict[str, Any], batch_idx: int) -> None:
        self.log_losses({"loss": self.loss(self.inference_network, batch)}, "test", len(batch["key"]))
