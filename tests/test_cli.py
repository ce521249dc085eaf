import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lit_emotalk import cli
from lit_emotalk.errors import UserError
from lit_emotalk.training import command as training
from tests.forked import ROOT, Forked, command
from tests.stages.runs import config, write_config

EXPERIMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for stage in ("align", "classify", "eac", "hef", "starter", "sync")
    for path in (ROOT / "experiments" / stage).glob("*.yaml")
)


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "lit_emotalk.cli", *arguments]
    return subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60)


def test_help_lists_all_commands_without_importing_torch():
    code = "import sys; from lit_emotalk import cli; sys.argv = ['x', '--help']; cli.main(); "
    code += "assert 'torch' not in sys.modules"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert finished.returncode == 0, finished.stderr
    assert all(f"  {name} " in finished.stdout for name in cli.COMMANDS)


def test_unknown_command_is_one_line_and_status_2():
    finished = run("fitt")
    assert (
        finished.returncode == 2
        and finished.stderr.count("\n") == 1
        and "unknown command 'fitt'" in finished.stderr
    )


def test_a_key_with_a_typo_is_one_line_and_status_2(tiny_shards, tmp_path):
    path = write_config(tmp_path / "a.yaml", config(tiny_shards, tmp_path, model={"warmupp": 3}))
    finished = Forked(command, "fit", "--config", str(path), environment=dict(os.environ))
    _, said = finished.communicate(timeout=60)
    assert finished.returncode == 2
    assert said.count("\n") == 1 and "Option 'warmupp' is not accepted" in said
    assert not (tmp_path / "toy").exists()


WRONG = {
    "model.init_args.network.widht": (4, "'widht'"),
    "model.init_args.network.width": ("broad", "network.width.*int.*broad"),
    "model.class_path": ("tests.stages.toy.Tyo", "no attribute 'Tyo'"),
    "data.init_args.steps_per_epok": (4, "'steps_per_epok'"),
    "data.init_args.batch_size": (0, "batch_size"),
    "data.init_args.shards": ("/nowhere", "no shards at /nowhere"),
    "trainer.max_epoch": (4, "trainer.max_epoch"),
    "trainer.max_epochs": ("${data.init_args.nothing}", "nothing"),
    "sed_everything": (4, "sed_everything"),
    "seed_everything": ("x", "seed_everything"),
    "restart": ("sometimes", "restart"),
}


@pytest.mark.parametrize("key", WRONG)
def test_wrong_configurations_are_named(tiny_shards, tmp_path, key):
    value, message = WRONG[key]
    content = config(tiny_shards, tmp_path)
    *parents, last = key.split(".")
    target = content
    for parent in parents:
        target = target[parent]
    target[last] = value
    with pytest.raises(UserError, match=message) as caught:
        training.main(["fit", "--config", str(write_config(tmp_path / "a.yaml", content))])
    assert "Traceback" not in str(caught.value)
    assert not (tmp_path / "toy").exists()


@pytest.mark.parametrize("text", ["a: [", "just text", ""])
def test_a_file_that_is_no_configuration_is_said(tmp_path, text):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UserError):
        training.main(["fit", "--config", str(tmp_path / "a.yaml")])


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        training.main(["fit", "--config", str(tmp_path / "none.yaml")])


def test_files_compose_and_interpolation_sees_the_final_values(tiny_shards, tmp_path, capsys):
    first = write_config(tmp_path / "a.yaml", config(tiny_shards, tmp_path))
    second = write_config(
        tmp_path / "b.yaml",
        {"model": {"init_args": {"warmup": "${data.init_args.batch_size}"}}, "trainer": {"max_epochs": 9}},
    )
    arguments = [
        "--config",
        str(first),
        "--config",
        str(second),
        "--data.init_args.batch_size",
        "6",
        "--print_config",
    ]
    with pytest.raises(SystemExit):
        training.main(["fit", *arguments])
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["model"]["init_args"]["warmup"] == 6 and printed["trainer"]["max_epochs"] == 9
    assert printed["model"]["init_args"]["network"]["width"] == 16


@pytest.mark.parametrize("path", EXPERIMENTS)
def test_every_experiment_parses(path, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit) as ended:
        training.main(["fit", "--config", path, "--print_config"])
    assert not ended.value.code
    printed = yaml.safe_load(capsys.readouterr().out)
    assert "${" not in str(printed)


def test_validate_and_test_take_the_runs_checkpoint(tiny_shards, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    path = str(write_config(tmp_path / "a.yaml", config(tiny_shards, tmp_path, trainer={"max_epochs": 1})))
    with pytest.raises(UserError, match=r"last.ckpt is missing; train first"):
        training.main(["validate", "--config", path])
    training.main(["fit", "--config", path, "--export_dir", str(tmp_path / "models" / "toy")])
    assert (tmp_path / "models" / "toy" / "model.yaml").is_file() and not (
        tmp_path / "toy/default/export"
    ).exists()
    for word, metric in (("validate", "val/loss"), ("test", "test/loss")):
        training.main([word, "--config", path])
        assert metric in capsys.readouterr().out


def test_offline_wandb_files_are_written_without_a_login(tiny_shards, tmp_path, monkeypatch):
    for name in ("WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    path = write_config(tmp_path / "a.yaml", config(tiny_shards, tmp_path, trainer={"max_epochs": 1}))
    training.main(["fit", "--config", str(path)])
    assert list((tmp_path / "toy" / "default" / "wandb").glob("offline-run-*/*.wandb"))
