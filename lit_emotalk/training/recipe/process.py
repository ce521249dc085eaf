"""Runs one command of a recipe so that nothing of it outlives the recipe, and measures its time and memory.

The command runs under a guard, a small process of its own (this file, run as a program). The kernel tells the
guard when the recipe dies, even by kill -9; the guard then ends the command and every process that came of
it.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

SAMPLE_SECONDS = 1.0
GRACE_SECONDS = 20.0
"""Between SIGTERM, at which a training finishes its batch and writes a checkpoint, and SIGKILL."""
GIB = 2**30

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Result:
    """What came of a command: exit status, wall seconds, and the largest memory that its processes held
    together (shared pages counted once)."""

    status: int
    seconds: float
    peak_memory_bytes: int


def guarded(command: Sequence[str]) -> list[str]:
    """`command` under a guard, which ends it and all that came of it when it gets SIGTERM or this process
    dies."""
    return [sys.executable, "-I", __file__, str(os.getpid()), *command]


def run_process(command: Sequence[str], fingerprint: str) -> Result:
    """Run `command` with this process's streams and this environment's programs.

    When this process gets SIGTERM or Ctrl-C the command is ended before KeyboardInterrupt goes on.
    """
    import psutil

    bin_directory = str(Path(sys.executable).parent)
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([bin_directory, os.environ.get("PATH", "")]),
        "LIT_EMOTALK_FINGERPRINT": fingerprint,
        "PYTHONUNBUFFERED": "1",
    }
    start = time.monotonic()
    peak = 0
    previous = signal.signal(signal.SIGTERM, _interrupt)
    guard = subprocess.Popen(guarded(command), env=environment)
    try:
        watched = psutil.Process(guard.pid)
        while True:
            try:
                guard.wait(SAMPLE_SECONDS)
                break
            except subprocess.TimeoutExpired:
                peak = max(peak, _tree_memory(watched))
    finally:
        signal.signal(signal.SIGTERM, previous)
        if guard.poll() is None:
            guard.terminate()
            guard.wait()
    return Result(guard.returncode, time.monotonic() - start, peak)


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


def _tree_memory(root: "psutil.Process") -> int:
    """Proportional set size of all descendants of the guard, in bytes."""
    import psutil

    total = 0
    try:
        for process in root.children(recursive=True):
            try:
                total += process.memory_full_info().pss
            except (psutil.Error, AttributeError):
                continue
    except psutil.Error:
        return total
    return total


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _descendants(root: int) -> list[int]:
    """All processes below `root`, from /proc (the guard imports nothing beyond the standard library)."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                parents[int(entry.name)] = int(fields[1])
            except (OSError, IndexError):
                continue
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]


def _end_all(signum: int) -> None:
    for pid in _descendants(os.getpid()):
        try:
            os.kill(pid, signum)
        except OSError:
            continue


def _guard(recipe: int, command: Sequence[str]) -> int:
    """Run `command` until it ends or the recipe dies; leave no process behind. Returns its status."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    stop = False

    def on_signal(signum: int, frame: object) -> None:
        nonlocal stop
        stop = True

    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, on_signal)
    try:
        child = subprocess.Popen(command, start_new_session=True)
    except OSError as error:
        print(f"cannot start {command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    ending = 0.0
    while child.poll() is None:
        if (stop or os.getppid() != recipe) and not ending:
            ending = time.monotonic()
            _end_all(signal.SIGTERM)
        elif ending and time.monotonic() - ending > GRACE_SECONDS:
            _end_all(signal.SIGKILL)
        time.sleep(0.05)
    _end_all(signal.SIGKILL)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


if __name__ == "__main__":
    sys.exit(_guard(int(sys.argv[1]), sys.argv[2:]))
