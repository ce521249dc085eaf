"""What a training need not be started for is said before Lightning is imported; nothing else imports it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from lit_emotalk.errors import UserError
from lit_emotalk.training import early
from lit_emotalk.training.run_directory import RunDirectory, RunFacts
from tests.forked import ROOT

PROGRAM = """
import gc, json, sys
gc.disable()  # imports leave none behind, and the process is short
from lit_emotalk import cli
for words in json.loads(sys.argv[1]):
    sys.argv = ["lit-emotalk", *words]
    status = 0
    try:
        cli.main()
    except SystemExit as stop:
        status = stop.code or 0
    heavy = [name for name in ("lightning", "torchmetrics", "wandb", "torch") if name in sys.modules]
    print(json.dumps([status, heavy]), file=sys.stderr)
"""
COMMANDS = ("animate", "evaluate", "tables", "emotion", "serve", "figures", "weights")
"""Commands that train nothing; the first one imports no torch for its help."""


def ran(*commands: list[str]) -> list[str]:
    """What commands say on stderr, one after the other in one interpreter; after each, its exit status and
    the heavy packages that it or one before it imported."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(commands)], cwd=ROOT, capture_output=True, text=True
    )
    return done.stderr.strip().splitlines()


@pytest.fixture(scope="module")
def helped() -> dict[str, tuple[int, list[str]]]:
    """Exit status of every command's help, and what was heavy of what was imported up to it."""
    said = ran(*([name, "--help"] for name in COMMANDS))
    rows = [json.loads(line) for line in said if line.startswith("[")]
    assert len(rows) == len(COMMANDS), said
    return dict(zip(COMMANDS, rows, strict=True))


def config(**model: Any) -> dict[str, Any]:
    return {
        "seed_everything": 1,
        "model": {"class_path": "lit_emotalk.stages.HEFStage", "init_args": {"warmup": 3} | model},
        "data": {"class_path": "lit_emotalk.data.FramesDataModule", "init_args": {"batch_size": 4}},
        "trainer": {"max_epochs": 2},
    }


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a run of stage hef that has a checkpoint, and its configuration as run.yaml."""
    monkeypatch.chdir(tmp_path)
    directory = RunDirectory(tmp_path / "runs" / "hef" / "default")
    directory.begin(RunFacts(config(learning_rate=2e-3), "", "", "fit", {}), "never")
    directory.checkpoints.mkdir(parents=True)
    directory.last.touch()
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(config()))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("fit --config run.yaml --model.init_args.warmup 4", r"configuration \(model.init_args.warmup\)"),
        ("fit --config run.yaml --model.init_args.warmup=4", r"configuration \(model.init_args.warmup\)"),
        ("fit --config run.yaml --seed_everything 2", r"configuration \(seed_everything\)"),
        ("fit --config run.yaml --data.init_args.batch_size 8", r"data.init_args.batch_size"),
        ("fit --config nowhere.yaml", r"--config nowhere.yaml: there is no such file"),
        ("fit --config empty.yaml", r"empty, or not keys with values"),
        ("fit --config broken.yaml", r"broken.yaml is no readable YAML"),
        (
            "test --config run.yaml --ckpt_path nowhere.ckpt",
            r"--ckpt_path nowhere.ckpt: there is no such file",
        ),
    ],
)
def test_refused_at_once(begun: Path, arguments: str, message: str) -> None:
    (begun / "empty.yaml").touch()
    (begun / "broken.yaml").write_text("a: [")
    with pytest.raises(UserError, match=message):
        early.main(arguments.split())


@pytest.mark.parametrize(
    "arguments",
    [
        "fit --config run.yaml",
        "fit --config run.yaml --model.init_args.learning_rate 0.002 --model.init_args.warmup 3.0",
        "fit --config run.yaml --trainer.max_epochs 5 --data.init_args.num_workers 2",
        "fit --config run.yaml --model.init_args.warmup 4 --restart changed",
        "fit --config run.yaml --model.init_args.warmup 4 --name other",
        "fit --config run.yaml --model.init_args.warmup 4 --print_config",
        "fit --config run.yaml --model lit_emotalk.stages.SyncStage --model.init_args.warmup 4",
        "fit --config run.yaml --model.init_args.warmup ${seed_everything}",
        "validate --config run.yaml --model.init_args.warmup 4",
    ],
)
def test_left_to_the_start(begun: Path, arguments: str) -> None:
    early.main(arguments.split())


def test_a_refusal_imports_neither_torch_nor_lightning(begun: Path) -> None:
    place = ["--config", str(begun / "run.yaml"), "--runs", str(begun / "runs")]
    said, last = ran(["fit", *place, "--model.init_args.warmup", "4"])
    assert json.loads(last) == [2, []] and "(model.init_args.warmup)" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_that_train_nothing_do_not_import_lightning(
    command: str, helped: dict[str, tuple[int, list[str]]]
) -> None:
    status, heavy = helped[command]
    assert status == 0
    assert not {"lightning", "torchmetrics", "wandb"} & set(heavy)
    assert command != "animate" or not heavy


STEPS = """
import gc, sys
gc.disable()

def there(*names):
    print([name for name in names if name in sys.modules])

from lit_emotalk.data import read_manifest, index_split
from lit_emotalk.evaluate import shards
there("lightning", "wandb")
from lit_emotalk.training import early
early.import_torchmetrics()
from lightning_utilities.core.imports import RequirementCache
assert RequirementCache("torch")
import lightning, lit_emotalk.metrics.shape_error
there("torchvision", "transformers", "librosa")
"""


@pytest.fixture(scope="module")
def imported() -> list[str]:
    """What an interpreter has imported once it can read shards, and once it has Lightning as well."""
    done = subprocess.run([sys.executable, "-c", STEPS], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_shards_are_read_without_lightning(imported: list[str]) -> None:
    assert imported[0] == "[]"


def test_torchmetrics_comes_without_what_nobody_uses(imported: list[str]) -> None:
    assert imported[1] == "[]"
