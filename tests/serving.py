"""A server of ours in a process of its own."""

import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
START_SECONDS = 120


@contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run `lit-emotalk ... --port 0` with more environment; yield the process and its port. Killed at the
    end."""
    command = [sys.executable, "-m", "lit_emotalk.cli", *arguments, "--port", "0"]
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment}
    process = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True)
    try:
        yield process, _port(process)
    finally:
        process.kill()
        process.wait()


def _port(process: subprocess.Popen[str]) -> int:
    """The port in the first line that the server prints."""
    assert process.stdout is not None
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        if select.select([process.stdout], [], [], 1)[0]:
            found = re.search(r"https?://127\.0\.0\.1:(\d+)", process.stdout.readline())
            if found:
                return int(found[1])
    raise RuntimeError("the server did not start")
