"""DDP as torchrun starts it: by NCCL on CUDA devices, by gloo on the CPU.

NCCL refuses two processes on one device, so on a machine with one device this is one process: all collectives
run and DDP wraps the network, but nothing is averaged. With two devices, two processes.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from tests import forked
from tests.forked import METHOD, ROOT, command
from tests.gpu.steps import distances
from tests.stages.runs import config, exported, fit, write_config

CALLBACKS = [{"class_path": "tests.gpu.backend.SayBackend"}]
FAR = 1e-3


@pytest.mark.ddp
@pytest.mark.parametrize("processes", [1, 2])
def test_training_by_torchrun(processes, device, tiny_shards, tmp_path):
    if device == "cuda" and torch.cuda.device_count() < processes:
        pytest.skip(f"NCCL needs a device for each of {processes} processes")
    accelerator = "gpu" if device == "cuda" else "cpu"
    network = {"width": 16, "dropout": 0.0}
    trained = {}
    for name in ("alone", "together"):
        content = config(tiny_shards, tmp_path / name, model={"network": network})
        content["trainer"] |= {"accelerator": accelerator, "max_epochs": 1}
        content["data"]["init_args"]["batch_size"] = 4 if name == "alone" else 4 // processes
        content["trainer"]["callbacks"] = CALLBACKS if name == "together" else []
        path = write_config(tmp_path / f"{name}.yaml", content)
        if name == "alone":
            fit(path)
        else:
            launch = forked_torchrun if (device, processes) == ("cpu", 2) else torchrun
            said = launch(processes, path)
            backend = "nccl" if device == "cuda" else "gloo"
            total = processes * (processes + 1) // 2
            assert f"speaks by {backend}, {processes} processes, sum {total}" in said
        trained[name] = exported(tmp_path / name / "toy" / "default")
    assert {
        key: far for key, far in distances(trained["together"], trained["alone"]).items() if far > FAR
    } == {}


def forked_torchrun(processes: int, path: Path) -> str:
    """What torchrun's launcher does once it has read its command line, with processes that are forked."""
    forked.begin()
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        start_method=METHOD,
        max_restarts=0,
    )
    said = path.with_suffix(".said")
    words = ("fit", "--config", str(path), "--trainer.devices", str(processes), "--trainer.strategy", "ddp")
    elastic_launch(config, heard)(str(said), *words)
    return said.read_text()


def heard(said: str, *words: str) -> None:
    """`lit-emotalk WORDS`, whose error stream is added to a file."""
    os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND), sys.stderr.fileno())
    command(*words)


def torchrun(processes: int, path: os.PathLike) -> str:
    """What `lit-emotalk fit` prints on so many processes; AssertionError where it fails."""
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes),
        "-m", "lit_emotalk.cli", "fit", "--config", str(path),
        "--trainer.devices", str(processes), "--trainer.strategy", "ddp",
    ]  # fmt: skip
    known = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    settings = {**os.environ, "PYTHONPATH": known, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr
