"""The experiments and all keys of their configuration, read from the YAML files and the constructors."""

import inspect
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from docs.generate.reference import Key, default_text, keys_of, table, type_text
from lit_emotalk import data, stages
from lit_emotalk.stages.base import Stage
from lit_emotalk.training.command import TRAINER_DEFAULTS, TrainingCLI

ROOT = Path(__file__).parents[2]
OTHERS = {
    "sweeps": "lit-emotalk sweep",
    "recipes": "lit-emotalk recipe",
    "tables": "lit-emotalk tables --output tables --spec",
    "studies": "lit-emotalk study build --output outputs/study --url https://study.example.org --spec",
}
"""Folders of experiments whose files are no trainings -> the command that takes them."""
CHANGES = "lit-emotalk fit --config EXPERIMENT --config"
"""The command for files of other folders: they are laid over a training's file."""
TRAINER_NOTES = {
    "max_epochs": "epochs of the training; what `final_rate` counts on",
    "log_every_n_steps": "batches between lines of `metrics.csv`",
    "num_sanity_val_steps": "validation batches before the training",
    "enable_model_summary": "whether layers are listed first",
    "devices": "devices of one machine; more than one by this key alone",
    "use_distributed_sampler": "false: the data module shares clips out itself",
}
SEED = Key("seed_everything", "int or true", "0", "seed of weights, data order and all that is drawn")


class Recorder:
    """Stands for a parser and notes the keys that are added to it."""

    def __init__(self) -> None:
        self.keys: list[Key] = []

    def add_argument(self, name: str, type: Any, default: Any, help: str) -> None:
        """Note one."""
        self.keys.append(Key(name.lstrip("-"), type_text(type), default_text(default), help))


def run_keys() -> list[Key]:
    """The keys of a run itself."""
    recorder = Recorder()
    TrainingCLI.add_arguments_to_parser(None, recorder)  # type: ignore[arg-type]
    return [SEED, *recorder.keys]


def trainer_keys() -> list[Key]:
    """Lightning's keys to which we give other defaults than Lightning."""
    return [
        Key(
            f"trainer.{name}",
            type(value).__name__,
            default_text(value),
            TRAINER_NOTES.get(name, "as Lightning has it"),
        )
        for name, value in TRAINER_DEFAULTS.items()
    ]


def classes() -> Iterator[tuple[str, str, type]]:
    """(section of the YAML, class path, class) of every stage and data module that a YAML can name."""
    for section, module in (("model", stages), ("data", data)):
        for name in module.__all__:
            cls = getattr(module, name)
            bases: tuple[type, ...] = (Stage, data.ShardDataModule)
            if inspect.isclass(cls) and issubclass(cls, bases) and cls not in bases:
                yield section, f"{module.__name__}.{name}", cls


@cache
def experiments() -> tuple[Path, ...]:
    """The trainings' YAML files: those that name a stage."""
    contents = ((path, yaml.safe_load(path.read_text())) for path in all_files())
    return tuple(path for path, content in contents if "class_path" in content.get("model", {}))


def all_files() -> list[Path]:
    """Every YAML file of the experiments."""
    return sorted((ROOT / "experiments").rglob("*.yaml"))


def comment(path: Path) -> str:
    """The comment at a YAML file's beginning."""
    lines: list[str] = []
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# "))
    return " ".join(lines)


def experiment_list() -> str:
    """Every training's file: what it is, its command, and the file itself folded away."""
    parts: list[str] = []
    for folder, files in groupby(experiments(), lambda path: path.parent):
        parts.append(f"### {folder.relative_to(ROOT)}\n")
        parts += [_folded(path, f"lit-emotalk fit --config {path.relative_to(ROOT)}") for path in files]
    return "\n".join(parts)


def other_files() -> str:
    """Sweeps, recipes, tables, studies and what else there is, likewise."""
    parts: list[str] = []
    trainings = set(experiments())
    for folder, files in groupby((p for p in all_files() if p not in trainings), lambda path: path.parent):
        command = OTHERS.get(folder.name, CHANGES)
        parts.append(f"### {folder.relative_to(ROOT)}\n")
        parts += [_folded(path, f"{command} {path.relative_to(ROOT)}") for path in files]
    return "\n".join(parts)


def _folded(path: Path, command: str) -> str:
    body = "\n".join(f"    {line}" for line in path.read_text().splitlines())
    body = body.replace("    \n", "\n")
    name = path.relative_to(ROOT)
    return f'**`{name}`** {comment(path)}\n\n??? example "`{command}`"\n\n    ```yaml\n{body}\n    ```\n'


def key_tables() -> str:
    """Every key of the run, the trainer, and each class that a configuration can name."""
    parts = ["### The run\n", table(run_keys()), "", "### The trainer\n", table(trainer_keys()), ""]
    for section, path, cls in classes():
        parts += [f"### {cls.__name__}\n", f"`{section}.class_path: {path}`\n", summary(cls), ""]
        parts += [table(keys_of(cls, f"{section}.init_args.")), ""]
    return "\n".join(parts)


def summary(cls: type) -> str:
    """The first paragraph of a class's docstring."""
    return " ".join((inspect.getdoc(cls) or "").split("\n\n")[0].split())


@cache
def class_keys(config: Path) -> dict[str, Key]:
    """Dotted name -> key of all that a training's file may set in its model and its data."""
    content = yaml.safe_load(config.read_text())
    by_path = {path: cls for _, path, cls in classes()}
    return {
        key.name: key
        for section in ("model", "data")
        for key in keys_of(by_path[content[section]["class_path"]], f"{section}.init_args.")
    }
