"""A run's directory: what was begun in it, and whether a training may continue there."""

import importlib.metadata
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from lit_emotalk.errors import UserError
from lit_emotalk.io.files import write_text
from lit_emotalk.stages.loggers import sweep_run_id

FINGERPRINT_VARIABLE = "LIT_EMOTALK_FINGERPRINT"
"""Environment variable by which a recipe says what else a run depends on (code, inputs)."""

DISTRIBUTION = "lit-emotalk"
UNNAMED = "default"
WITHOUT_EFFECT = (
    "restart", "export_dir", "runs", "name", "ckpt_path", "config", "weights_only", "trainer.logger",
    "trainer.enable_progress_bar", "trainer.default_root_dir", "trainer.profiler",
    "trainer.log_every_n_steps", "data.init_args.num_workers",
    "data.init_args.bad_limit", "data.init_args.verify",
)  # fmt: skip
"""Configuration keys that do not change what a training computes."""


@dataclass(frozen=True)
class RunFacts:
    """What a run depends on and who made it: the resolved configuration, the shards' manifest hash, the
    recipe's fingerprint (empty outside a recipe), the command and the versions."""

    config: dict[str, Any]
    manifest: str
    fingerprint: str
    command: str
    versions: dict[str, str]

    @staticmethod
    def now(config: dict[str, Any], manifest: str) -> "RunFacts":
        """The facts of the command that is running."""
        command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
        return RunFacts(config, manifest, os.environ.get(FINGERPRINT_VARIABLE, ""), command, versions())

    def differences(self, other: "RunFacts") -> list[str]:
        """Names of what differs from `other` and changes the result; versions and command do not count."""
        mine, theirs = _flat(self.config), _flat(other.config)
        keys = sorted(
            key
            for key in mine.keys() | theirs.keys()
            if mine.get(key) != theirs.get(key) and not key.startswith(WITHOUT_EFFECT)
        )
        if self.manifest != other.manifest:
            keys.append("the shards' manifest")
        if self.fingerprint != other.fingerprint:
            keys.append("the code or inputs (recipe)")
        return keys


def versions() -> dict[str, str]:
    """Versions of Python, of this package and of all that it depends on, and this package's git revision
    (with `-dirty` where files were changed) where it runs from a checkout."""
    found = {"python": platform.python_version()}
    names = [re.split(r"[^\w.-]", line)[0] for line in importlib.metadata.requires(DISTRIBUTION) or ()]
    for name in (DISTRIBUTION, *names):
        with suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    described = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40"]
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(described, capture_output=True, text=True, timeout=10, check=True)
        found["revision"] = done.stdout.strip()
    return found


def is_first_rank() -> bool:
    """Whether this process is rank 0, also before a trainer exists: from what the launchers set."""
    return all(os.environ.get(name, "0") == "0" for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK"))


def run_name(name: str) -> str:
    """The name of the run whose configuration says `name`. A W&B agent starts every run of a sweep by the
    same command: there the run's id is part of the name, so that each has a directory of its own and finds it
    again when W&B resumes it."""
    identity = sweep_run_id()
    if identity is None:
        return name
    return identity if name == UNNAMED else f"{name}-{identity}"


class RunDirectory:
    """`RUNS/STAGE/NAME` and the files in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.last = self.checkpoints / "last.ckpt"
        self._facts_path = path / "run.yaml"

    def begin(self, facts: RunFacts, restart: str) -> bool:
        """Settle whether the training begins (true) or continues from `last`, and write `facts`.

        `restart` is never, changed or always. Under `never`, raises UserError where a checkpoint of a run
        with other facts is there. On a beginning the first rank removes what an earlier run left.
        """
        differences = self._differences(facts)
        if differences and restart == "never" and self.last.is_file():
            shown = ", ".join(differences[:4]) + (" ..." if len(differences) > 4 else "")
            raise UserError(
                f"{self.path} holds a run with another configuration ({shown}); choose another --name, or "
                "begin it anew with --restart changed"
            )
        fresh = bool(differences) or restart == "always" or not self.last.is_file()
        if is_first_rank():
            if fresh:
                self._clear()
            self._write(facts)
        return fresh

    def _clear(self) -> None:
        shutil.rmtree(self.checkpoints, ignore_errors=True)
        (self.path / "metrics.csv").unlink(missing_ok=True)

    def _write(self, facts: RunFacts) -> None:
        rest = {name: value for name, value in asdict(facts).items() if name != "config"}
        write_text(self.path / "config.yaml", yaml.safe_dump(facts.config, sort_keys=False))
        write_text(self._facts_path, yaml.safe_dump(rest, sort_keys=False))

    def _differences(self, facts: RunFacts) -> list[str]:
        try:
            config = yaml.safe_load((self.path / "config.yaml").read_text(encoding="utf-8"))
            rest = yaml.safe_load(self._facts_path.read_text(encoding="utf-8"))
            return facts.differences(RunFacts(config=config, **rest))
        except (OSError, yaml.YAMLError, TypeError):
            return ["run.yaml"]


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {prefix: value}
    inner = {
        key: item for name, part in value.items() for key, item in _flat(part, f"{prefix}.{name}").items()
    }
    return {key.removeprefix("."): item for key, item in inner.items()}
