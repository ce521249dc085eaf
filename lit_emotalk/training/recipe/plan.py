"""A recipe's steps, and what each depends on: command, inputs, code, packages."""

import importlib.metadata
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from lit_emotalk.errors import UserError
from lit_emotalk.io.files import sha256_text, write_text
from lit_emotalk.io.sources import Sources
from lit_emotalk.training.recipe.code import modules_of
from lit_emotalk.training.recipe.file import read_recipe
from lit_emotalk.training.recipe.needs import Need, read_need

IGNORED_PARTS = ("__pycache__",)
SHOWN = 2
"""Names of changed things in a line."""

Parts = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Step:
    """One step: a command, what it depends on and what it makes; paths from the working directory.

    The project's code that the command runs is found by itself; `code` names other files.
    """

    name: str
    command: str
    inputs: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """A recipe: its name (the file's), the directory of its state and summary, and its steps in order.

    `summary` maps keys of the summary to JSON files that the steps make; `needs` must be there before the
    first step.
    """

    name: str
    out: Path
    packages: tuple[str, ...]
    steps: tuple[Step, ...]
    summary: dict[str, Path] = field(default_factory=dict)
    needs: tuple[Need, ...] = ()

    def step(self, name: str) -> Step:
        """The step called `name`; raises UserError listing the steps."""
        for step in self.steps:
            if step.name == name:
                return step
        raise UserError(f"{self.name} has no step '{name}'; it has: {', '.join(s.name for s in self.steps)}")

    def needed_by(self, *names: str) -> tuple[Step, ...]:
        """The steps of these names and all that they need, directly or not, in order."""
        wanted = {self.step(name).name for name in names}
        for step in reversed(self.steps):
            if step.name in wanted:
                wanted |= set(step.needs)
        return tuple(step for step in self.steps if step.name in wanted)


def load_recipe(path: Path, settings: dict[str, str] | None = None) -> Recipe:
    """Read and check a recipe; `settings` replace its variables.

    Raises UserError where the file is missing or no YAML, for unknown keys, repeated names, `needs` that do
    not come before, and packages that are not installed.
    """
    content = read_recipe(path, settings or {})
    summary = content.get("summary", {})
    if not isinstance(summary, dict) or "steps" in summary:
        raise UserError(f"{path}: 'summary' must map names (not 'steps') to JSON files")
    steps = tuple(_step(values, path) for values in content["steps"] if _wanted(values))
    names = [step.name for step in steps]
    for index, step in enumerate(steps):
        if names.index(step.name) != index:
            raise UserError(f"{path} has two steps named {step.name}")
        late = [name for name in step.needs if name not in names[:index]]
        if late:
            raise UserError(f"{path}: step {step.name} needs {late[0]}, which does not come before it")
    for package in content.get("packages", ()):
        _version(package)
    return Recipe(
        path.stem,
        Path(content["out"]),
        tuple(content.get("packages", ())),
        steps,
        {str(key): Path(file) for key, file in summary.items()},
        tuple(read_need(values, path) for values in content.get("requires") or ()),
    )


def _wanted(values: Any) -> bool:
    """Whether a step is to be done: not where the path of its key `when` is not there."""
    return not isinstance(values, dict) or "when" not in values or Path(str(values.pop("when"))).exists()


def _step(values: Any, path: Path) -> Step:
    known = [each.name for each in fields(Step)]
    if not isinstance(values, dict) or not {"name", "command"} <= set(values):
        raise UserError(f"{path}: every step needs a name and a command")
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise UserError(
            f"{path}: step {values['name']} has unknown keys: {', '.join(unknown)}; known: {', '.join(known)}"
        )
    for name in known[2:]:
        if not isinstance(values.get(name, []), list):
            raise UserError(f"{path}: '{name}' of step {values['name']} must be a list")
    lists = {name: tuple(str(item) for item in values.get(name, ())) for name in known[2:]}
    return Step(str(values["name"]), " ".join(str(values["command"]).split()), **lists)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError as error:
        raise UserError(f"the recipe names the package {package}, which is not installed") from error


def fingerprint(parts: Parts) -> str:
    """One hash of all that a step depends on."""
    return sha256_text(json.dumps(parts, sort_keys=True))


def difference(before: Parts, after: Parts) -> str | None:
    """What of a step's parts changed, in words; None where nothing did."""
    said = []
    for kind in after:
        old, new = before.get(kind, {}), after[kind]
        names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
        if names:
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            said.append(f"{kind} changed{': ' if names[0] else ''}{', '.join(names[:SHOWN])}{more}")
    return "; ".join(said) or None


class Fingerprints:
    """What steps depend on, as hashes; a file is read again only when its size or time changed."""

    def __init__(self, cache: Path, packages: Sequence[str]) -> None:
        self.cache = cache
        self.versions = {package: _version(package) for package in packages}
        try:
            self.known: dict[str, list[Any]] = json.loads(cache.read_text())
        except (OSError, json.JSONDecodeError):
            self.known = {}
        self.saved = dict(self.known)
        self.sources = Sources(self.known)

    def parts(self, step: Step, command: str) -> Parts:
        """What a step depends on: kind -> name -> digest, for the command, the files of its inputs, the code
        that the command runs, and the packages' versions."""
        parts = {
            "command": {"": command},
            "input": self.contents(step.inputs),
            "code": self.sources.digests(modules_of(command)) | self.contents(step.code),
            "package": self.versions,
        }
        self._keep()
        return parts

    def matches(self, pattern: str) -> list[Path]:
        """The files that a path (a file; a directory without hidden files) or a glob stands for."""
        path = Path(pattern)
        roots = [path] if path.exists() else sorted(Path().glob(pattern)) if not path.is_absolute() else []
        files = [file for root in roots for file in (root.rglob("*") if root.is_dir() else [root])]
        return sorted(file for file in files if file.is_file() and not self._ignored(file, roots))

    def contents(self, patterns: Sequence[str]) -> dict[str, str]:
        """One hash of names and contents for each path or glob; empty where it matches nothing."""
        hashes = {}
        for pattern in patterns:
            files = [[str(file), self.sources.file_digest(file)] for file in self.matches(pattern)]
            hashes[pattern] = sha256_text(json.dumps(files)) if files else ""
        self._keep()
        return hashes

    def _keep(self) -> None:
        if self.known != self.saved:
            write_text(self.cache, json.dumps(self.known))
            self.saved = dict(self.known)

    @staticmethod
    def _ignored(file: Path, roots: list[Path]) -> bool:
        root = next(root for root in roots if root == file or root in file.parents)
        inner = file.relative_to(root).parts
        return any(part in IGNORED_PARTS or part.startswith(".") for part in inner)
