"""Gradients of a stage that optimises several networks by hand, in several processes and on a device that
should not be waited for."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from lightning.pytorch.strategies import ParallelStrategy, Strategy
from torch import Tensor, nn

from lit_emotalk.errors import UserError
from lit_emotalk.io.files import atomic_path


@contextmanager
def unreduced(strategy: Strategy) -> Iterator[None]:
    """Inside, backward passes leave each process its own gradients: DDP would reduce those of every network
    of the stage in each of them. See `average_gradients`."""
    if isinstance(strategy, ParallelStrategy):
        with strategy.block_backward_sync():
            yield
    else:
        yield


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Make the gradients the means over all processes, by one collective; all processes must have those of
    the same parameters."""
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return
    gradients = [each.grad for each in parameters if each.grad is not None]
    if gradients:
        everything = torch.cat([each.flatten() for each in gradients])
        dist.all_reduce(everything)
        everything /= dist.get_world_size()
        parts = everything.split([each.numel() for each in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view(gradient.shape))


class Losses(NamedTuple):
    """A batch's losses (`loss` is their sum), its number and its clips' keys."""

    batch: int
    values: dict[str, Tensor]
    keys: list[str]

    def error(self, batch: dict[str, Any] | None, path: Path) -> UserError:
        """What is said where they are not finite. `batch` is kept at `path` where it is these losses'."""
        kept = ""
        if batch is not None and list(batch["key"]) == self.keys:
            with atomic_path(path) as temporary:
                torch.save({"losses": self.values, "batch": batch}, temporary)
            kept = f"that batch is in {path}; "
        named = ", ".join(name for name, value in self.values.items() if not torch.isfinite(value))
        return UserError(
            f"the losses {named} are not finite at batch {self.batch} ({', '.join(self.keys)}); {kept}"
            "lower learning_rate or look at those clips, then run again from the last checkpoint"
        )


class FiniteLosses:
    """Finds the first batch whose loss is not finite. Losses wait until they are looked at together: on CUDA
    each look waits for the device."""

    def __init__(self) -> None:
        self.waiting: list[Losses] = []

    def add(self, batch: int, losses: dict[str, Tensor], keys: Any) -> None:
        """Remember a batch's losses."""
        values = {name: value.detach() for name, value in losses.items()}
        self.waiting.append(Losses(batch, values, list(keys)))

    def look(self) -> Losses | None:
        """The first that is not finite of those that were added since the last look."""
        waiting, self.waiting = self.waiting, []
        if not waiting:
            return None
        finite = torch.isfinite(torch.stack([each.values["loss"] for each in waiting])).tolist()
        return next((each for each, fine in zip(waiting, finite, strict=True) if not fine), None)
