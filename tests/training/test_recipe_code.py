"""A step depends on the code that its command runs, found by following imports: nothing is listed by hand."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lit_emotalk.errors import UserError
from lit_emotalk.io import sources
from lit_emotalk.io.sources import PROJECT, Sources
from lit_emotalk.training.recipe.code import modules_of
from lit_emotalk.training.recipe.plan import Fingerprints, difference, load_recipe

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "experiments" / "recipes" / "demo.yaml"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project's sources, which tests change one after the other."""
    folder = tmp_path_factory.mktemp("copy")
    ignored = shutil.ignore_patterns("__pycache__")
    for package in PROJECT:
        shutil.copytree(ROOT / package, folder / package, ignore=ignored)
    return folder


@pytest.fixture
def copied(copy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The copy, which stands for the sources; the working directory is the project's."""
    monkeypatch.setattr(sources, "_home", {package: copy / package for package in PROJECT}.get)
    monkeypatch.chdir(ROOT)
    return copy


def due(copied: Path, edit) -> dict[str, str | None]:
    """Step of the demo -> what changed for it when `edit` was done to the copied sources."""
    steps = load_recipe(DEMO).steps

    def parts():
        known = Fingerprints(copied / "hashes.json", ())
        return {step.name: known.parts(step, step.command) for step in steps}

    before = parts()
    edit()
    after = parts()
    return {name: difference(before[name], after[name]) for name in before}


def test_a_loss_makes_its_stage_due_and_no_other(copied: Path) -> None:
    file = copied / "lit_emotalk" / "losses" / "lips.py"
    changed = due(copied, lambda: file.write_text(file.read_text() + "\nNEW = 1\n"))
    assert changed["train-eac"] == "code changed: lit_emotalk/losses/lips.py"
    assert [name for name, what in changed.items() if what] == ["train-eac"]


def test_package_data_counts(copied: Path) -> None:
    file = copied / "data_prep" / "synthetic" / "speech" / "sentences.txt"
    changed = due(copied, lambda: file.write_text(file.read_text() + "One more sentence.\n"))
    assert [name for name, what in changed.items() if what] == ["corpus", "voices"]


def test_a_comment_makes_nothing_due(copied: Path) -> None:
    file = copied / "lit_emotalk" / "schema.py"
    changed = due(copied, lambda: file.write_text("# a comment\n" + file.read_text()))
    assert not any(changed.values())


def test_commands_name_their_modules(tmp_path: Path) -> None:
    assert modules_of("lit-emotalk tables --spec x") == ["lit_emotalk.evaluate.tables.command"]
    module = modules_of("python -m data_prep.synthetic --output x")
    assert module == ["data_prep.synthetic", "data_prep.synthetic.__main__"]
    chosen = modules_of("lit-emotalk fit --data lit_emotalk.data.SyncDataModule --name x")
    assert chosen == ["lit_emotalk.data.SyncDataModule", "lit_emotalk.training.command"]
    assert modules_of("cp -r a b") == modules_of("lit-emotalk") == modules_of("python -m json.tool x") == []
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [")
    with pytest.raises(UserError, match=r"broken\.yaml is no readable YAML"):
        modules_of(f"lit-emotalk fit --config {broken}")


STAGES = ("align", "eac", "hef", "sync")
IMPORTS = """
import gc, os, sys
from pathlib import Path

gc.disable()  # imports leave none behind, and the processes are short
from lit_emotalk.training.early import import_torchmetrics

import_torchmetrics()
import lightning.pytorch.cli

for name in [name for name in sys.modules if name.split(".")[0] == "lit_emotalk"]:
    del sys.modules[name]
folder, *commands = sys.argv[1:]
assert not {name.split(".")[0] for name in sys.modules} & {"lit_emotalk", "data_prep"}
for number, command in enumerate(commands):
    child = os.fork()
    if not child:
        sys.argv = command.split()
        from lit_emotalk.cli import main
        try:
            main()
            status = 0
        except SystemExit as end:
            status = end.code or 0
        (Path(folder) / str(number)).write_text(" ".join(sys.modules))
        os._exit(status)
    assert os.waitpid(child, 0)[1] == 0, command
"""
"""Carries out every command in a process of its own, forked where Lightning is imported and nothing of the
project; which modules it had in the end lies in a file of its number."""


def training(stage: str) -> str:
    return f"lit-emotalk fit --config experiments/{stage}/demo.yaml --print_config"


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The project's modules that the training of each stage imports."""
    folder = tmp_path_factory.mktemp("modules")
    command = [sys.executable, "-c", IMPORTS, str(folder), *map(training, STAGES)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    names = {stage: (folder / str(number)).read_text().split() for number, stage in enumerate(STAGES)}
    return {
        stage: {name for name in found if name.split(".")[0] in PROJECT} for stage, found in names.items()
    }


@pytest.mark.parametrize("stage", STAGES)
def test_no_module_that_a_training_imports_is_forgotten(stage: str, imported: dict[str, set[str]]) -> None:
    traced = Sources().digests([*modules_of(training(stage)), "lit_emotalk.cli"])
    files = {path: name for name in imported[stage] if (path := sources.module_file(name))}
    missing = [name for path, name in files.items() if sources.project_path(path) not in traced]
    assert f"lit_emotalk.stages.{stage}" in imported[stage] and not missing
