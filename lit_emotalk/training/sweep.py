"""Sweeps: `lit-emotalk sweep FILE` runs a grid of trainings from a file in W&B's own sweep format.

Where the user has logged in to W&B, the sweep is created there and agents are started. Else, or with
`--local`, the same grid runs here, one run after another or one per GPU; finished runs are skipped, and an
interrupted one continues.
"""

import argparse
import hashlib
import itertools
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lit_emotalk.errors import UserError
from lit_emotalk.io.files import read_yaml, write_text
from lit_emotalk.io.progress import track
from lit_emotalk.training.recipe.process import guarded

KNOWN_KEYS = {
    "program", "command", "method", "name", "description", "project", "entity", "metric", "parameters",
    "early_terminate", "run_cap",
}  # fmt: skip
"""Top-level keys of W&B's sweep format (docs.wandb.ai, sweep configuration)."""
PARAMETER_KEYS = {
    "value", "values", "distribution", "min", "max", "mu", "sigma", "q", "probabilities", "parameters",
}  # fmt: skip
"""Keys of one parameter in that format."""
GOALS = ("minimize", "maximize")
METHODS = ("grid", "random", "bayes")
POLL_SECONDS = 0.5
ARGS, PROGRAM, ENVIRONMENT = "${args}", "${program}", "${env}"
PROGRAM_NAME = "lit-emotalk"


@dataclass(frozen=True)
class Run:
    """One point of a grid: its name, and the command that trains it."""

    name: str
    command: list[str]

    @property
    def digest(self) -> str:
        """What the run depends on: its command and the bytes of the experiment files that it names."""
        facts = hashlib.sha256(json.dumps(self.command).encode())
        for word in self.command:
            if word.endswith(".yaml") and Path(word).is_file():
                facts.update(Path(word).read_bytes())
        return facts.hexdigest()


def read_sweep(path: Path) -> dict[str, Any]:
    """A sweep file, checked; raises UserError where it is missing or not in W&B's format."""
    sweep = read_yaml(path, "sweep")
    if not isinstance(sweep, dict):
        raise UserError(f"{path} is not a sweep: it must have the keys method, parameters and command")
    for key in ("method", "parameters", "command"):
        if key not in sweep:
            raise UserError(f"{path} has no '{key}'")
    if unknown := sorted(sweep.keys() - KNOWN_KEYS):
        raise UserError(f"{path}: unknown key '{unknown[0]}'; known: {', '.join(sorted(KNOWN_KEYS))}")
    if sweep["method"] not in METHODS:
        raise UserError(f"{path}: method must be one of {', '.join(METHODS)}, not '{sweep['method']}'")
    if not isinstance(sweep["parameters"], dict) or not sweep["parameters"]:
        raise UserError(f"{path}: parameters must name at least one parameter")
    for name, parameter in sweep["parameters"].items():
        if isinstance(parameter, dict) and (unknown := sorted(parameter.keys() - PARAMETER_KEYS)):
            known = ", ".join(sorted(PARAMETER_KEYS))
            raise UserError(f"{path}: parameter {name} has the unknown key '{unknown[0]}'; known: {known}")
    metric = sweep.get("metric", {"name": "", "goal": GOALS[0]})
    if not isinstance(metric, dict) or "name" not in metric or metric.get("goal", GOALS[0]) not in GOALS:
        raise UserError(f"{path}: metric needs a name, and as goal one of {', '.join(GOALS)}")
    if not isinstance(sweep["command"], list) or ARGS not in sweep["command"]:
        raise UserError(f"{path}: command must be a list that holds {ARGS}")
    return sweep


def grid_runs(path: Path, sweep: dict[str, Any]) -> list[Run]:
    """Every point of a grid, in the order of the file; raises UserError for what is not a grid."""
    if sweep["method"] != "grid":
        raise UserError(f"{path}: method {sweep['method']} needs W&B (wandb login); only grids run here")
    axes = []
    for name, parameter in sweep["parameters"].items():
        if not isinstance(parameter, dict) or not ({"value", "values"} & parameter.keys()):
            raise UserError(f"{path}: parameter {name} needs 'values' (or 'value') to be run as a grid")
        values = parameter["values"] if "values" in parameter else [parameter["value"]]
        if not isinstance(values, list) or not values:
            raise UserError(f"{path}: the values of {name} must be a list with at least one value")
        axes.append([(name, value, len(values) > 1) for value in values])
    runs = []
    for point in itertools.product(*axes):
        varied = [f"{name.rsplit('.', 1)[-1]}={_slug(value)}" for name, value, many in point if many]
        name = "-".join([sweep.get("name", path.stem), *varied])
        values = [f"--{key}={_word(value)}" for key, value, _ in point]
        runs.append(Run(name, [*_filled(sweep, values), "--name", name]))
    return runs


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _slug(value: Any) -> str:
    """A value as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9.+-]+", "_", _word(value)).strip("_")


def _filled(sweep: dict[str, Any], values: list[str]) -> list[str]:
    command: list[str] = []
    for word in sweep["command"]:
        if word == ARGS:
            command += values
        elif word == PROGRAM:
            command.append(str(sweep.get("program", PROGRAM_NAME)))
        elif word != ENVIRONMENT:
            command.append(str(word))
    return command


def slots() -> list[dict[str, str]]:
    """Environments in which runs go side by side: one per GPU that this process may see, or a single one."""
    import torch

    gpus = torch.cuda.device_count()
    names = [*map(str, range(gpus))]
    if given := os.environ.get("CUDA_VISIBLE_DEVICES"):
        names = [name.strip() for name in given.split(",")][:gpus]
    return [{"CUDA_VISIBLE_DEVICES": name} for name in names] or [{}]


def run_grid(runs: list[Run], directory: Path, places: list[dict[str, str]], extra: list[str]) -> list[str]:
    """Train every run that is not done, as many at once as there are `places`; names of those that failed.
    When this process is ended, in whatever way, so are the runs.

    `directory` gets one file per finished run, which says what it was made from, and each run's output.
    """
    waiting = [run for run in runs if not _is_done(run, directory, extra)]
    for run in runs:
        if run not in waiting:
            print(f"{run.name}: done before, skipped", file=sys.stderr)
    failed: list[str] = []
    free = list(places)
    busy: dict[subprocess.Popen[bytes], tuple[Run, dict[str, str]]] = {}
    progress = iter(track(range(len(waiting)), "sweep", len(waiting), "runs"))
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while waiting or busy:
            while waiting and free:
                run, place = waiting.pop(0), free.pop(0)
                busy[_start(run, place, directory, extra)] = (run, place)
            for process in [process for process in busy if process.poll() is not None]:
                run, place = busy.pop(process)
                free.append(place)
                if process.returncode == 0:
                    write_text(directory / f"{run.name}.json", json.dumps({"digest": _digest(run, extra)}))
                else:
                    failed.append(run.name)
                    print(f"{run.name}: failed, see {directory / (run.name + '.log')}", file=sys.stderr)
                next(progress, None)
            time.sleep(POLL_SECONDS)
    finally:
        for process in busy:
            process.terminate()
        for process in busy:
            process.wait()
        signal.signal(signal.SIGTERM, previous)
    next(progress, None)
    return failed


def _digest(run: Run, extra: list[str]) -> str:
    return Run(run.name, [*run.command, *extra]).digest


def _is_done(run: Run, directory: Path, extra: list[str]) -> bool:
    try:
        done = json.loads((directory / f"{run.name}.json").read_text(encoding="utf-8"))
        return bool(done["digest"] == _digest(run, extra))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def portable(command: list[str], interpreter: list[str]) -> list[str]:
    """`command` with `lit-emotalk`, which need not be on PATH, as a module of the interpreter's."""
    if command[0] != PROGRAM_NAME:
        return command
    return [*interpreter, "-m", "lit_emotalk.cli", *command[1:]]


def _start(run: Run, place: dict[str, str], directory: Path, extra: list[str]) -> subprocess.Popen[bytes]:
    directory.mkdir(parents=True, exist_ok=True)
    command = portable([*run.command, *extra], [sys.executable])
    print(f"{run.name}: {' '.join(run.command[1:])}", file=sys.stderr)
    environment = {**os.environ, **place, "WANDB_RUN_GROUP": directory.name}
    with open(directory / f"{run.name}.log", "wb") as log:
        return subprocess.Popen(guarded(command), env=environment, stdout=log, stderr=subprocess.STDOUT)


def for_agents(sweep: dict[str, Any], extra: list[str]) -> dict[str, Any]:
    """The sweep as W&B keeps it: `extra` goes to every run, and agents on any machine start the package by
    their own Python. Runs are named by `lit_emotalk.training.run_directory.run_name`."""
    command = [str(word) for word in sweep["command"] if word != ENVIRONMENT]
    if command[0] == PROGRAM:
        command[0] = str(sweep.get("program", PROGRAM_NAME))
    return {**sweep, "command": [*portable(command, [ENVIRONMENT, "${interpreter}"]), *extra]}


def run_online(sweep: dict[str, Any], places: list[dict[str, str]], extra: list[str]) -> None:
    """Create the sweep at W&B and start one agent per place, whose `python` is this one; raises UserError
    where W&B refuses. When this process is ended, so are the agents."""
    import wandb

    project = sweep.get("project", "lit-emotalk")
    try:
        identity = wandb.sweep(for_agents(sweep, extra), project=project)
    except Exception as error:
        raise UserError(f"W&B did not take the sweep ({' '.join(str(error).split())[:200]})") from error
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    command = [sys.executable, "-m", "wandb", "agent", "--project", project, identity]
    agents = [
        subprocess.Popen(guarded(command), env={**os.environ, **place, "PATH": path}) for place in places
    ]
    if any([agent.wait() for agent in agents]):
        raise UserError("a W&B agent ended with an error; see its output above")


def main(argv: list[str]) -> None:
    """Command line of sweeps."""
    from lit_emotalk.stages.loggers import logged_in

    parser = argparse.ArgumentParser(prog="lit-emotalk sweep", description=__doc__)
    parser.add_argument("sweep", type=Path, help="a file in W&B's sweep format")
    parser.add_argument("--local", action="store_true", help="run the grid here though W&B is logged in")
    parser.add_argument("--output", type=Path, default=Path("outputs/sweeps"), help="logs and what is done")
    parser.add_argument("--plan", action="store_true", help="print the runs' commands and run nothing")
    parser.add_argument("extra", nargs="*", metavar="-- ARG", help="arguments for every run")
    own = argv.index("--") if "--" in argv else len(argv)
    arguments = parser.parse_args(argv[:own])
    arguments.extra += argv[own + 1 :]
    sweep = read_sweep(arguments.sweep)
    if not arguments.plan and not arguments.local and logged_in():
        run_online(sweep, slots(), arguments.extra)
        return
    runs = grid_runs(arguments.sweep, sweep)
    if arguments.plan:
        for run in runs:
            print(shlex.join([*run.command, *arguments.extra]))
        return
    directory = arguments.output / str(sweep.get("name", arguments.sweep.stem))
    failed = run_grid(runs, directory, slots(), arguments.extra)
    if failed:
        raise UserError(f"{len(failed)} of {len(runs)} runs failed: {', '.join(failed)}")
    print(f"all {len(runs)} runs of {arguments.sweep} are done; logs in {directory}")
