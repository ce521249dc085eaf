"""Two gloo processes, as torchrun would start them."""

import os
import socket
from collections.abc import Callable

from tests.forked import Forked


def ranks(function: Callable[..., None], *arguments: str, **environment: str) -> list[Forked]:
    """Two processes that call a module's function, in a process group of their own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {
        **os.environ, "WORLD_SIZE": "2", "GROUP_RANK": "0", "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "test",
        "WANDB_MODE": "disabled", **environment,
    }  # fmt: skip
    started: list[Forked] = []
    for rank in range(2):
        own = common | {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        started.append(Forked(function, *arguments, environment=own, group=started[0].pid if started else 0))
    return started
