"""Runs of code on CUDA tensors that are not there, and what is counted of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

FROM_PYTHON = ("lift_fresh", "lift")
WAITING = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero")
"""Operations that wait for the device: their result's value or shape is needed by the processor."""
INDEXING = ("index", "index_put", "index_put_", "_unsafe_index", "_index_put_impl_")
"""Operations that look for the rows of a mask first, where they are given one."""
VIEWS = (
    "view",
    "expand",
    "transpose",
    "permute",
    "slice",
    "select",
    "unsqueeze",
    "squeeze",
    "detach",
    "split",
)


def tensors(values: Any) -> list[Tensor]:
    """The tensors in lists and dictionaries of whatever depth."""
    return [value for value in pytree.tree_leaves(values) if isinstance(value, Tensor)]


class Counted(TorchDispatchMode):
    """What is done while it is active: operations that bring something from the processor to the device
    (`brought`), operations that wait for the device (`waited`), and bytes that operations write (`written`,
    by type of number)."""

    def __init__(self) -> None:
        super().__init__()
        self.brought: list[str] = []
        self.waited: list[str] = []
        self.written: dict[torch.dtype, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count and call."""
        name = func.overloadpacket.__name__
        if name in INDEXING and any(t.dtype == torch.bool for t in tensors(args[1])):
            self.waited.append(name)
        out = func(*args, **(kwargs or {}))
        given, made = tensors((args, kwargs)), tensors(out)
        from_host = any(t.device.type == "cpu" and t.ndim for t in given)
        if name in FROM_PYTHON or (from_host and any(t.device.type == "cuda" for t in made)):
            self.brought.append(name)
        moved = name == "_to_copy" and made[0].device != given[0].device
        if name in WAITING or (moved and not (kwargs or {}).get("non_blocking")):
            self.waited.append(name)
        inputs = {t.untyped_storage()._cdata for t in given}
        for tensor in made:
            if tensor.untyped_storage()._cdata not in inputs or name.endswith("_"):
                self.written[tensor.dtype] = self.written.get(tensor.dtype, 0) + tensor.nbytes
        return out


@contextmanager
def fake_cuda() -> Iterator[FakeTensorMode]:
    """Inside, tensors that are made have shapes and devices but no values; `on_cuda` takes modules there."""
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        yield mode


def on_cuda(module: nn.Module, mode: FakeTensorMode) -> nn.Module:
    """The module with fake CUDA tensors for its parameters and buffers."""
    for part in module.modules():
        for name, value in part._parameters.items():
            if value is not None:
                part._parameters[name] = nn.Parameter(
                    mode.from_tensor(value.data).cuda(), value.requires_grad
                )
        for name, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[name] = mode.from_tensor(buffer).cuda()
    return module
