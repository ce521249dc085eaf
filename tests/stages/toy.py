"""A stage small enough to train in a test; its dropout makes every random state matter."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from lit_emotalk.models import handover as export
from lit_emotalk.stages.base import Stage

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
