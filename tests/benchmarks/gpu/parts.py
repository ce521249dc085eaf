"""The parts of the check, in their order, and how one is run within its time."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.gpu.results import read_json

ROOT = Path(__file__).parents[3]
GRACE_SECONDS = 5.0
POLL_SECONDS = 0.5
LEAST_SECONDS = 10.0
"""A part is not begun where less is left."""
TAIL = 1500
HERE = "tests.benchmarks.gpu"
STAGES = ("hef", "hef-starter", "align", "eac", "sync")


@dataclass(frozen=True)
class Part:
    """A name, the module behind it, its arguments and most seconds; `again`: run in every call."""

    name: str
    module: str
    seconds: float
    arguments: tuple[str, ...] = ()
    again: bool = False


PARTS = (
    Part("tests", f"{HERE}.gpu_tests", 180),
    *(Part(f"speed-{name}", f"{HERE}.stage_speed", 60, ("--name", name)) for name in STAGES),
    Part("drawing", f"{HERE}.drawing_speed", 100),
    Part("train", f"{HERE}.train", 600, again=True),
)
TOY_SECONDS = 400.0


def command(part: Part, folder: Path, shards: Path, seconds: float, toy: bool) -> list[str]:
    """What runs a part."""
    words = [sys.executable, "-m", part.module, *part.arguments, "--rows", str(rows_path(folder, part.name))]
    if part.name.startswith("speed-"):
        words += ["--folder", str(folder / "speed")]
    if part.name == "train":
        words += ["--folder", str(folder), "--shards", str(shards), "--seconds", f"{seconds:.0f}"]
    return [*words, "--toy"] if toy else words


def rows_path(folder: Path, name: str) -> Path:
    """Where a part keeps its figures."""
    return folder / "parts" / f"{name}.rows.json"


def environment(folder: Path) -> dict[str, str]:
    """Of every part: this tree and what travelled are importable; what is compiled is kept."""
    path = os.pathsep.join(filter(None, [str(ROOT), str(folder / "site"), os.environ.get("PYTHONPATH")]))
    more = {"PYTHONPATH": path, "WANDB_MODE": "disabled", "PYTHONUNBUFFERED": "1"}
    return {**os.environ, **more, "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor")}


def run(
    words: list[str], log: Path, folder: Path, seconds: float, meanwhile: Callable[[], None]
) -> dict[str, Any]:
    """Run a command for at most so long, then end it and all that it started; how that went."""
    log.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with open(log, "ab") as handle:
        child = subprocess.Popen(
            words, cwd=ROOT, env=environment(folder), stdout=handle, stderr=handle, process_group=0
        )
        try:
            while child.poll() is None and time.monotonic() - began < seconds:
                time.sleep(POLL_SECONDS)
                meanwhile()
            over = child.poll() is None
        finally:
            end(child)
    state = f"killed after {seconds:.0f} s" if over else "done" if child.returncode == 0 else "failed"
    result: dict[str, Any] = {"state": state, "seconds": round(time.monotonic() - began, 1)}
    if state != "done":
        text = log.read_text(encoding="utf-8", errors="replace")
        result |= {"status": child.returncode, "log_tail": text[-TAIL:]}
    return result


def end(child: subprocess.Popen[bytes]) -> None:
    """End a process and its descendants, at first by SIGTERM."""
    if child.poll() is not None:
        return
    family = psutil.Process(child.pid).children(recursive=True)
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    for process in family:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def finished(folder: Path, part: Part) -> Any:
    """The result of a part that ended in an earlier call, None where it has to run."""
    return None if part.again else read_json(folder / "parts" / f"{part.name}.json")
