"""What a recipe needs besides its steps: files, a GPU, room on the disk, third-party weights, packages."""

import importlib.util
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lit_emotalk.errors import UserError
from lit_emotalk.weights import fetch as weights

GIGABYTE = 1e9


@dataclass(frozen=True)
class Need:
    """One thing: its `kind` (a key of `KINDS`), the `value` asked for, what it is there for, and whether the
    recipe goes on without it."""

    kind: str
    value: str
    why: str = ""
    optional: bool = False

    def met(self, out: Path) -> bool:
        """Whether it is there, for a recipe that writes to `out`."""
        return KINDS[self.kind](self.value, out)

    def __str__(self) -> str:
        name = {"path": "", "disk": "free disk, GB: "}.get(self.kind, f"{self.kind} ")
        return f"{name}{self.value}" + (f" ({self.why})" if self.why else "")


def _has_path(value: str, out: Path) -> bool:
    return Path(value).exists()


def _has_device(value: str, out: Path) -> bool:
    import torch

    return value == "cpu" or torch.cuda.is_available()


def _has_disk(value: str, out: Path) -> bool:
    place = out.absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free >= float(value) * GIGABYTE


def _has_weights(value: str, out: Path) -> bool:
    return weights.available(value)


def _has_package(value: str, out: Path) -> bool:
    return importlib.util.find_spec(value) is not None


KINDS: dict[str, Callable[[str, Path], bool]] = {
    "path": _has_path,
    "device": _has_device,
    "disk": _has_disk,
    "weights": _has_weights,
    "package": _has_package,
}
"""Kinds of needs: a file or folder, `cuda`, free GB, one of `lit-emotalk weights`, an importable package."""


def read_need(values: Any, place: Path) -> Need:
    """A need from an item of `requires`: one of `KINDS`, and perhaps `why` and `optional`. UserError where it
    is something else."""
    kinds = [key for key in values if key in KINDS] if isinstance(values, dict) else []
    unknown = sorted(set(values) - {*KINDS, "why", "optional"}) if kinds else []
    if len(kinds) != 1 or unknown:
        raise UserError(
            f"{place}: 'requires' has {values}; give one of {', '.join(KINDS)}, and perhaps why and optional"
        )
    kind = kinds[0]
    return Need(kind, str(values[kind]), str(values.get("why", "")), bool(values.get("optional", False)))


def report(needs: tuple[Need, ...], out: Path) -> tuple[list[str], list[Need]]:
    """A line on each need, and the needs without which the recipe cannot go on."""
    lines, lacking = [], []
    for need in needs:
        met = need.met(out)
        lines.append(f"  {'there' if met else 'not here' if need.optional else 'LACKING':<9}{need}")
        if not met and not need.optional:
            lacking.append(need)
    return lines, lacking
