"""A plugin of pytest under which nothing can be imported but what the machine with the GPU holds and what
travels to it: python -m pytest -p tests.gpu.lacking."""

import sys
from collections.abc import Iterator
from importlib import metadata
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

from packaging.utils import canonicalize_name

from tests.benchmarks.gpu.pack import ROOT, present_there
from tests.benchmarks.gpu.wheels import closure, project_requirements

PROJECT = "lit-emotalk"
OTHER_NAMES = {"opencv-contrib-python": "opencv-python-headless"}
"""Distributions here -> those that bring the same module there."""


def allowed() -> set[str]:
    """Distributions there; also what those that it holds require in the versions that are installed here."""
    there = set(map(canonicalize_name, present_there(None)))
    here = {canonicalize_name(found.metadata["Name"]) for found in metadata.distributions()}
    travels = closure(project_requirements(ROOT / "pyproject.toml"), there)
    return {*there, *closure(there & here, ()), *travels}


class Lacking:
    """Python's finder of modules by path, which finds none of a distribution that is not allowed."""

    def __init__(self) -> None:
        self.there = there = allowed()
        self.absent = {
            module
            for module, names in metadata.packages_distributions().items()
            if module not in sys.stdlib_module_names
            and not {canonicalize_name(OTHER_NAMES.get(name, name)) for name in names} & there
        } - {"lit_emotalk", "data_prep", "tests", "docs"}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """None for what is absent there."""
        return None if name.partition(".")[0] in self.absent else PathFinder.find_spec(name, path, target)

    def find_distributions(self, context: Any) -> Iterator[metadata.Distribution]:
        """Those that are allowed, and this package where it is described, not installed."""
        for found in metadata.MetadataPathFinder.find_distributions(context):
            name = canonicalize_name(found.metadata["Name"] or "")
            if name in self.there or (name == PROJECT and not found.read_text("RECORD")):
                yield found

    def invalidate_caches(self) -> None:
        """As the finder's."""
        PathFinder.invalidate_caches()


def remove() -> None:
    """From now on nothing that is absent there is found."""
    finders: list[Any] = sys.meta_path
    finders[finders.index(PathFinder)] = Lacking()


remove()
