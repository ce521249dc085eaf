"""What a recipe needs besides its steps: files, a GPU, room on the disk, third-party weights, packages."""

import importlib.util
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lit_emotalk.errors import UserError
from lit_emotalk.weights import fetch as weights

GIGABYTE = 1e9


@dataclass(frozen=True)
class Need:
    """One thing: its `kind` (a key of `KINDS`), the `value` asked for, what it is there for, whether the
    recipe goes on without it, and the variables of the recipe that are others then."""

    kind: str
    value: str
    why: str = ""
    optional: bool = False
    without: dict[str, str] = field(default_factory=dict)

    def met(self, out: Path) -> bool:
        """Whether it is there, for a recipe that writes to `out`."""
        return KINDS[self.kind](self.value, out)

    def __str__(self) -> str:
        name = {"path": "", "disk": "free disk, GB: "}.get(self.kind, f"{self.kind} ")
        return f"{name}{self.value}" + (f" ({self.why})" if self.why else "")

    @property
    def replacement(self) -> str:
        """What is used in its place where it is absent, as far as that is known; else empty."""
        return weights.entry(self.value).replacement if self.kind == "weights" else ""


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
    """A need from an item of `requires`: one of `KINDS`, and perhaps `why`, `optional` and `without`.
    UserError where it is something else."""
    kinds = [key for key in values if key in KINDS] if isinstance(values, dict) else []
    unknown = sorted(set(values) - {*KINDS, "why", "optional", "without"}) if kinds else []
    without = values.get("without", {}) if kinds else {}
    if len(kinds) != 1 or unknown or not isinstance(without, dict):
        raise UserError(
            f"{place}: 'requires' has {values}; give one of {', '.join(KINDS)}, and perhaps why, optional "
            "and without (variables)"
        )
    kind = kinds[0]
    optional = bool(values.get("optional", False))
    changed = {str(name): str(value) for name, value in without.items()}
    return Need(kind, str(values[kind]), str(values.get("why", "")), optional, changed)


def report(needs: tuple[Need, ...], out: Path) -> tuple[list[str], list[Need]]:
    """A line on each need, and the needs without which the recipe cannot go on."""
    lines, lacking = [], []
    for need in needs:
        met = need.met(out)
        line = f"  {'there' if met else 'not here' if need.optional else 'LACKING':<9}{need}"
        stands_in = need.replacement if not met and need.optional else ""
        lines.append(f"{line}; in its place: {stands_in}" if stands_in else line)
        if not met and not need.optional:
            lacking.append(need)
    return lines, lacking
