"""Everything that has to be tried on a CUDA device, in ten minutes: experiments/gpu/check.sh, which is
python -m tests.benchmarks.gpu.command [--folder outputs/gpu] [--back DIR] [--minutes 9.5] [--parts ...]
[--toy].

The parts run one after another, each in a process of its own, which is ended when its time is over. Their
results are files; the same command does what is missing. The last part trains for the rest of the time, in
every call. `check.json` in the folder holds all of it, also while the check runs; `--back` is a folder to
which it, the logs and the trained generator are copied as they come.
"""

import argparse
import io
import shutil
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

from lit_emotalk.errors import UserError, run_main
from lit_emotalk.io.files import atomic_path
from tests.benchmarks.gpu.carried import receive
from tests.benchmarks.gpu.parts import (
    HERE,
    LEAST_SECONDS,
    PARTS,
    TOY_SECONDS,
    Part,
    command,
    finished,
    rows_path,
    run,
)
from tests.benchmarks.gpu.results import read_json, write_json

MACHINE_SECONDS = 90.0
LOG_BYTES = 200_000
SYNC_SECONDS = 5.0


class Check:
    """A folder with a check in it. `deadline` on the monotonic clock."""

    def __init__(self, folder: Path, back: Path | None, deadline: float, toy: bool) -> None:
        self.folder, self.back, self.deadline, self.toy = folder, back, deadline, toy
        self.content: dict[str, Any] = {"toy": toy, "parts": {}}
        self._synced = 0.0

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.monotonic()

    def write(self) -> None:
        """Write check.json and copy what goes back."""
        write_json(self.folder / "check.json", self.content)
        self._synced = 0.0
        self.sync()

    def sync(self) -> None:
        """Copy what is new to `back`, every few seconds."""
        if self.back is None or time.monotonic() - self._synced < SYNC_SECONDS:
            return
        self._synced = time.monotonic()
        pack_logs(self.folder / "logs", self.folder / "back" / "logs.tar")
        for path in (self.folder / "check.json", *sorted((self.folder / "back").glob("*.tar"))):
            target = self.back / path.name
            if path.is_file() and (not target.is_file() or target.stat().st_mtime < path.stat().st_mtime):
                with atomic_path(target) as temporary:
                    shutil.copyfile(path, temporary)

    def start(self) -> None:
        """What came, and what machine this is."""
        began = time.monotonic()
        self.content["carried"] = receive(self.folder)
        path = self.folder / "parts" / "machine.json"
        words = [sys.executable, "-m", f"{HERE}.machine", "--output", str(path)]
        done = run(words, self.folder / "logs" / "machine.log", self.folder, MACHINE_SECONDS, self.sync)
        self.content["machine"] = read_json(path) or done
        self.content["start_seconds"] = round(time.monotonic() - began, 1)
        self.write()

    def do(self, part: Part, shards: Path) -> None:
        """Run a part unless its result is there."""
        result = finished(self.folder, part)
        if result is None:
            seconds = min(TOY_SECONDS if self.toy else part.seconds, self.left)
            result = self._run(part, shards, seconds)
            if result["state"] != "no time left":
                write_json(self.folder / "parts" / f"{part.name}.json", result)
        self.content["parts"][part.name] = {
            **result,
            "figures": read_json(rows_path(self.folder, part.name)) or {},
        }
        self.write()
        print(f"{part.name}: {result['state']}, {result.get('seconds', 0)} s", flush=True)

    def _run(self, part: Part, shards: Path, seconds: float) -> dict[str, Any]:
        if seconds < LEAST_SECONDS:
            return {"state": "no time left"}
        if part.name == "train" and not (shards / "manifest.json").is_file():
            return {"state": "no shards came", "seconds": 0.0}
        words = command(part, self.folder, shards, seconds, self.toy)
        # A training ends by itself; it is killed only where it does not.
        limit = seconds + (LEAST_SECONDS if part.name == "train" else 0.0)
        return run(words, self.folder / "logs" / f"{part.name}.log", self.folder, limit, self.sync)


def pack_logs(logs: Path, target: Path) -> None:
    """The ends of all logs in one file."""
    with atomic_path(target) as temporary, tarfile.open(temporary, "w") as tar:
        for path in sorted(logs.glob("*.log")):
            content = path.read_bytes()[-LOG_BYTES:]
            entry = tarfile.TarInfo(path.name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def chosen(names: list[str] | None) -> list[Part]:
    """The parts that are asked for; UserError for one that there is not."""
    known = {part.name: part for part in PARTS}
    if unknown := [name for name in names or () if name not in known]:
        raise UserError(f"no such part: {', '.join(unknown)}; there are {', '.join(known)}")
    return [part for part in PARTS if names is None or part.name in names]


def forget(folder: Path, names: list[str]) -> None:
    """Remove how parts ended, so that they go on where they were."""
    for part in chosen(names):
        (folder / "parts" / f"{part.name}.json").unlink(missing_ok=True)


def main() -> None:
    """Run the check; status 1 where a part did not come to its end."""
    began = time.monotonic()
    parser = argparse.ArgumentParser(
        "python -m tests.benchmarks.gpu.command",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--folder", type=Path, default=Path("outputs/gpu"), help="(default: outputs/gpu)")
    parser.add_argument("--back", type=Path, help="folder for what goes back")
    parser.add_argument("--minutes", type=float, default=9.5, help="for everything (default: 9.5)")
    parser.add_argument("--parts", nargs="+", help="these alone (default: all)")
    parser.add_argument("--retry", nargs="+", default=[], help="parts that go on though they ended before")
    parser.add_argument("--shards", type=Path, help="for the training (default: what was carried)")
    parser.add_argument("--toy", action="store_true", help="small networks and few batches, on any machine")
    arguments = parser.parse_args()
    if not arguments.minutes > 0:
        raise UserError("--minutes must be above 0")
    parts, folder = chosen(arguments.parts), arguments.folder.absolute()
    forget(folder, arguments.retry)
    deadline = began + 60 * arguments.minutes
    check = Check(folder, arguments.back and arguments.back.absolute(), deadline, arguments.toy)
    earlier = read_json(folder / "check.json") or {}
    check.content["parts"] = earlier.get("parts", {})
    check.start()
    for part in parts:
        check.do(part, (arguments.shards or folder / "shards").absolute())
    check.content["call_seconds"] = round(time.monotonic() - began, 1)
    check.write()
    states = {name: result["state"] for name, result in check.content["parts"].items()}
    print(
        f"{folder / 'check.json'}: {check.content['machine'].get('device', {}).get('name', 'unknown device')}"
    )
    if any(state != "done" for state in states.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    run_main(main, "tests.benchmarks.gpu", continues=True)
