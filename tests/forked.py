"""Processes of a test's own, forked from one that has already imported what they run.

An interpreter takes seconds to import torch, Lightning and the stages. The standard library's fork server,
alone in its process and without threads, imports them once for all tests of a worker; what it forks differs
from a fresh interpreter in nothing that these tests look at. Tests of the start itself use interpreters.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import forkserver
from pathlib import Path

from torch.multiprocessing import ProcessContext, start_processes

from lit_emotalk import cli

ROOT = Path(__file__).parent.parent
METHOD = "forkserver"
PRELOADED = "tests.preloaded"


def begin() -> None:
    """Start the server, unless it runs."""
    forkserver.set_forkserver_preload([PRELOADED])
    variables = dict(os.environ)
    os.environ |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    try:
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(variables)


class Forked:
    """A process that calls a module's function, with the few methods of `subprocess.Popen` that tests use."""

    def __init__(
        self,
        function: Callable[..., None],
        *arguments: str,
        environment: dict[str, str],
        group: int = 0,
        folder: Path | None = None,
    ) -> None:
        """`group`: the process group to join, a new one for 0. `folder`: the working directory."""
        begin()
        said, name = tempfile.mkstemp()
        os.close(said)
        self._said = Path(name)
        context = multiprocessing.get_context(METHOD)
        where = str(folder or Path.cwd())
        self._process = context.Process(
            target=_called, args=(function, arguments, environment, group, where, name)
        )
        self._process.start()
        while group == 0 and self._process.is_alive() and os.getpgid(self.pid) != self.pid:
            time.sleep(0.005)

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit status; minus a signal's number where that ended it; None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def wait(self, timeout: float) -> int:
        """Its exit status, once it ended."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            self._process.kill()
            raise subprocess.TimeoutExpired(str(self._process), timeout)
        return self._process.exitcode

    def communicate(self, timeout: float) -> tuple[None, str]:
        """As Popen's, once it ended: nothing, and what it wrote to its error stream."""
        self.wait(timeout)
        return None, self._said.read_text()


def begun(function: Callable[..., None], *arguments: object) -> ProcessContext:
    """Two processes that call `function(rank, *arguments)`."""
    begin()
    context = start_processes(function, arguments, nprocs=2, join=False, start_method=METHOD)
    assert context is not None
    return context


def ended(processes: ProcessContext) -> None:
    """Wait for both; raises what one of them raised."""
    while not processes.join():
        pass


def command(*words: str) -> None:
    """`lit-emotalk WORDS`."""
    sys.argv = [cli.PROGRAM, *words]
    cli.main()


def _called(
    function: Callable[..., None],
    arguments: tuple[str, ...],
    environment: dict[str, str],
    group: int,
    folder: str,
    said: str,
) -> None:
    os.setpgid(0, group)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    os.dup2(os.open(said, os.O_WRONLY | os.O_APPEND), sys.stderr.fileno())
    function(*arguments)
