"""How fast each way of drawing is on this machine: measured once, remembered, chosen from.

float32   every number in float32
bfloat16  the features in bfloat16 (`QuickHEF`): over 40 dB from float32; slow on CPUs that lack it
compiled  the faster of both through torch.compile: pays for long videos alone
auto      the fastest of these that is worth its cost
"""

import hashlib
import json
import platform
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch

from lit_emotalk.errors import UserError
from lit_emotalk.inference.options import SPEEDS
from lit_emotalk.io.files import write_text
from lit_emotalk.io.version import __version__

COMPILE = "compile"
"""Key of the seconds that it took to compile when it was done last: few where torch has kept the results."""

WORTH = 0.9
"""A way must take at most this share of a simpler one's time."""

MEMORY_NAME = "speed.json"


def checked_speed(speed: str) -> str:
    """`speed`; UserError where it is none of `SPEEDS`."""
    if speed not in SPEEDS:
        raise UserError(f"the speed must be one of {', '.join(SPEEDS)}, not '{speed}'")
    return speed


class Timings:
    """Seconds a frame of every way that was measured, kept in `folder` under what they hold for."""

    def __init__(self, folder: Path, holds_for: object) -> None:
        facts = [str(torch.__version__), __version__, _processor(), torch.get_num_threads()]
        self._key = hashlib.sha256(repr((facts, holds_for)).encode()).hexdigest()[:16]
        self._path = folder / MEMORY_NAME
        self.seconds: dict[str, float] = self._all().get(self._key, {})

    def keep(self, **seconds: float) -> None:
        """Remember more; where the folder cannot be written it holds for this process alone."""
        self.seconds |= {name: round(value, 5) for name, value in seconds.items()}
        with suppress(UserError):
            write_text(self._path, json.dumps(self._all() | {self._key: self.seconds}, indent=1) + "\n")

    def eager(self, measure: Callable[[str], float]) -> str:
        """The faster of float32 and bfloat16; what is not known is measured (seconds a frame)."""
        for way in ("float32", "bfloat16"):
            if way not in self.seconds:
                self.keep(**{way: measure(way)})
        return "bfloat16" if self.seconds["bfloat16"] < WORTH * self.seconds["float32"] else "float32"

    def pays_to_compile(self, eager: str, frames: int, done: bool = False) -> bool:
        """Whether so many frames win back what compiling took when it was last done here; False where it
        never was. `done`: in this process it is."""
        if not {"compiled", COMPILE} <= self.seconds.keys():
            return False
        won = frames * (self.seconds[eager] - self.seconds["compiled"])
        return self.seconds["compiled"] < WORTH * self.seconds[eager] and (
            done or won > self.seconds[COMPILE]
        )

    def _all(self) -> dict[str, dict[str, float]]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            return {str(key): {str(name): float(each[name]) for name in each} for key, each in found.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            return {}


def _processor() -> str:
    """What this processor can do, where the system says it, else its name."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("flags"):
                return line
    return platform.processor() or platform.machine()
