"""Starts Python code on two gloo processes."""

import os
import socket
import subprocess
import sys

from tests.stages.runs import ROOT


def ranks(code: str, *arguments: str, **environment: str) -> list[subprocess.Popen[str]]:
    """Two processes as torchrun would start them, in a process group of their own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {
        **os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "WORLD_SIZE": "2", "GROUP_RANK": "0",
        "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port,
        "TORCHELASTIC_RUN_ID": "test", "WANDB_MODE": "disabled", **environment,
    }  # fmt: skip
    started: list[subprocess.Popen[str]] = []
    for rank in range(2):
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", code, *arguments],
                env=common | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
                stderr=subprocess.PIPE,
                text=True,
                process_group=0 if not started else started[0].pid,
            )
        )
    return started
