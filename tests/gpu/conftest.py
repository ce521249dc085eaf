"""The device that a check runs on. On the CPU, where it compares with other kernels of the CPU, the same code
runs with the other tests; on CUDA it is marked `gpu`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.gpu.small import save_space


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> str:
    """`cpu` or `cuda`."""
    name: str = request.param
    if name == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    return name


@pytest.fixture(scope="session")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An emotion space whose texts are drawn."""
    return save_space(tmp_path_factory.mktemp("space") / "align")


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No W&B, convolutions on CUDA in whole single precision, and as many threads after a test as before."""
    threads = torch.get_num_threads()
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    yield
    torch.set_num_threads(threads)
