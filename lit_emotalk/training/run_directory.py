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
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from lit_emotalk.errors import UserError
from lit_emotalk.io.files import write_text
from lit_emotalk.io.sweep_run import sweep_run_id

FINGERPRINT_VARIABLE = "LIT_EMOTALK_FINGERPRINT"
"""Environment variable by which a recipe says what else a run depends on (code, inputs)."""

DISTRIBUTION = "lit-emotalk"
UNNAMED = "default"
WITHOUT_EFFECT = (
    "restart", "export_dir", "export_epochs", "export_minutes", "runs", "name",
    "ckpt_path", "config", "weights_only",
    "trainer.logger", "trainer.enable_progress_bar", "trainer.default_root_dir", "trainer.profiler",
    "trainer.devices", "trainer.num_nodes", "trainer.strategy",
    "trainer.log_every_n_steps", "data.init_args.num_workers",
    "data.init_args.bad_limit", "data.init_args.verify",
)  # fmt: skip
"""Beginnings of configuration keys that do not change what a training computes; what the devices change is
the number of processes, which is recorded beside them."""

PROCESSES = "processes"
CONTINUABLE = (
    "trainer.max_epochs", "trainer.min_epochs", "trainer.max_steps", "trainer.min_steps", "trainer.max_time",
    "trainer.accelerator", "trainer.precision",
    "trainer.deterministic", "trainer.benchmark", "trainer.limit_val_batches", "trainer.inference_mode",
    "trainer.check_val_every_n_epoch", "trainer.val_check_interval", "trainer.num_sanity_val_steps",
    "trainer.enable_model_summary", PROCESSES,
)  # fmt: skip
"""Beginnings of what may change when a run is continued: how long it trains, on what, and how it is
validated."""


@dataclass(frozen=True)
class RunFacts:
    """What a run depends on and who made it: the resolved configuration, the shards' manifest hash, the
    recipe's fingerprint (empty outside a recipe), the command, the versions and the number of processes."""

    config: dict[str, Any]
    manifest: str
    fingerprint: str
    command: str
    versions: dict[str, str]
    processes: int = 1

    @staticmethod
    def now(config: dict[str, Any], manifest: str, processes: int) -> "RunFacts":
        """The facts of the command that is running."""
        command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
        fingerprint = os.environ.get(FINGERPRINT_VARIABLE, "")
        return RunFacts(config, manifest, fingerprint, command, dict(versions()), processes)

    def differences(self, other: "RunFacts") -> dict[str, str]:
        """What differs from `other` and changes the result: names, each with "other's value -> this one's".
        Versions and command do not count."""
        mine, theirs = flat(self.config), flat(other.config)
        mine[PROCESSES], theirs[PROCESSES] = self.processes, other.processes
        found = {
            key: f"{theirs.get(key)} -> {mine.get(key)}"
            for key in sorted(mine.keys() | theirs.keys())
            if mine.get(key) != theirs.get(key) and not key.startswith(WITHOUT_EFFECT)
        }
        begun_from = [config.get("ckpt_path") for config in (other.config, self.config)]
        if all(begun_from) and begun_from[0] != begun_from[1]:
            found["ckpt_path"] = " -> ".join(map(str, begun_from))
        if self.manifest != other.manifest:
            found["the shards' manifest"] = "other shards"
        if self.fingerprint != other.fingerprint:
            found["the code or inputs (recipe)"] = "others"
        return found


@cache
def versions() -> dict[str, str]:
    """Versions of Python, of this package and of all that it depends on, and this package's git revision
    (with `-dirty` where files were changed) where it runs from a checkout: of what this process runs, so that
    they are looked up once."""
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
    names = ("RANK", "SLURM_PROCID", "LOCAL_RANK", "NODE_RANK")
    return all(os.environ.get(name, "0") == "0" for name in names)


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

    def begin(self, facts: RunFacts, restart: str) -> tuple[bool, list[str]]:
        """Settle, on the first rank, whether the training begins (true) or continues from `last`, and write
        `facts`; with what has changed in a run that continues (such as "trainer.max_epochs 3 -> 5").

        `restart` is never, changed or always. Under `never`, raises UserError where a checkpoint of a run
        with other facts is there, apart from `CONTINUABLE` ones. On a beginning what an earlier run left is
        removed.
        """
        differences = self._differences(facts)
        refused = [name for name in differences if not name.startswith(CONTINUABLE)]
        if refused and restart == "never" and self.last.is_file():
            raise self.refusal(refused)
        anew = restart == "always" or (restart == "changed" and bool(differences))
        fresh = anew or not self.last.is_file()
        if fresh:
            self._clear()
        self._write(facts)
        return fresh, [] if fresh else [f"{name} {change}" for name, change in differences.items()]

    def refusal(self, changed: list[str]) -> UserError:
        """The error for a run of another configuration, by the names of what has changed."""
        shown = ", ".join(changed[:4]) + (" ..." if len(changed) > 4 else "")
        return UserError(
            f"{self.path} holds a run with another configuration ({shown}); choose another --name, or "
            "begin it anew with --restart changed"
        )

    def _clear(self) -> None:
        shutil.rmtree(self.checkpoints, ignore_errors=True)
        (self.path / "metrics.csv").unlink(missing_ok=True)

    def _write(self, facts: RunFacts) -> None:
        rest = {name: value for name, value in asdict(facts).items() if name != "config"}
        write_text(self.path / "config.yaml", yaml.safe_dump(facts.config, sort_keys=False))
        write_text(self._facts_path, yaml.safe_dump(rest, sort_keys=False))

    def config(self) -> dict[str, Any]:
        """The run's configuration by dotted keys; empty where it cannot be read."""
        try:
            content = yaml.safe_load((self.path / "config.yaml").read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError):
            return {}
        return flat(content) if isinstance(content, dict) else {}

    def _differences(self, facts: RunFacts) -> dict[str, str]:
        try:
            config = yaml.safe_load((self.path / "config.yaml").read_text(encoding="utf-8"))
            rest = yaml.safe_load(self._facts_path.read_text(encoding="utf-8"))
            return facts.differences(RunFacts(config=config, **rest))
        except (OSError, yaml.YAMLError, TypeError):
            return {"run.yaml": "unreadable"}


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, by dotted keys."""
    if not isinstance(value, dict):
        return {prefix: value}
    inner = {
        key: item for name, part in value.items() for key, item in flat(part, f"{prefix}.{name}").items()
    }
    return {key.removeprefix("."): item for key, item in inner.items()}
