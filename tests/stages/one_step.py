"""One optimizer step of a stage whose training step is one weighted sum of losses, alone or on several
processes."""

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from lit_emotalk.stages import AlignStage, EACStage


class Step(nn.Module):
    """The stage's weighted loss as a module's forward, for DistributedDataParallel."""

    def __init__(self, stage: AlignStage | EACStage) -> None:
        super().__init__()
        self.network = stage.network
        self._stage = [stage]

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        stage = self._stage[0]
        return torch.stack([getattr(stage.weights, k) * v for k, v in stage.losses(batch).items()]).sum()


def one_step(stage: AlignStage | EACStage, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of this process' rows, and the weights after one step of the stage's AdamW."""
    step: nn.Module = Step(stage)
    if dist.is_initialized():
        step = DistributedDataParallel(step)
    optimizer = stage.configure_optimizers()
    loss = step(batch)
    loss.backward()
    optimizer.step()
    return loss.detach(), {name: value.detach() for name, value in stage.network.named_parameters()}
