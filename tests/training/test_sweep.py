"""Sweep files, and grids run on this machine with small commands in place of trainings."""

import json
import os
import shlex
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from lit_emotalk.errors import UserError
from lit_emotalk.training import command as training
from lit_emotalk.training import sweep
from lit_emotalk.training.sweep import Run, grid_runs, main, read_sweep, run_grid
from tests.forked import Forked, command

SWEEPS = sorted((Path(__file__).parents[2] / "experiments" / "sweeps").glob("*.yaml"))


def write(path: Path, **changes: object) -> Path:
    """A small sweep file; a change of None removes a key."""
    content: dict = {
        "name": "small",
        "method": "grid",
        "parameters": {
            "model.init_args.a": {"values": [1, 2]},
            "b": {"values": ["x", "y"]},
            "c": {"value": 0.5},
        },
        "command": ["lit-emotalk", "fit", "--config", "e.yaml", "${args}"],
    } | changes
    kept = {name: value for name, value in content.items() if value is not None}
    path.write_text(yaml.safe_dump(kept, sort_keys=False))
    return path


def test_a_grid_has_every_point_once_named_by_what_varies(tmp_path: Path) -> None:
    path = write(tmp_path / "s.yaml")
    runs = grid_runs(path, read_sweep(path))
    assert [run.name for run in runs] == [f"small-a={a}-b={b}" for a in (1, 2) for b in "xy"]
    assert runs[1].command == [
        "lit-emotalk", "fit", "--config", "e.yaml",
        "--model.init_args.a=1", "--b=y", "--c=0.5", "--name", "small-a=1-b=y",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": None}, "no 'method'"),
        ({"method": "guess"}, "one of grid, random, bayes"),
        ({"parameter": {}}, "unknown key 'parameter'"),
        ({"parameters": {}}, "at least one parameter"),
        ({"command": ["lit-emotalk", "fit"]}, "holds"),
        ({"parameters": {"a": {"min": 0, "max": 1}}}, "needs 'values'"),
        ({"parameters": {"a": {"values": []}}}, "at least one value"),
        ({"method": "random"}, "needs W&B"),
        ({"parameters": {"a": {"valeus": [1]}}}, "unknown key 'valeus'"),
        ({"metric": {"name": "val/psnr", "goal": "up"}}, "minimize, maximize"),
        ({"metric": "val/psnr"}, "metric needs a name"),
    ],
)
def test_wrong_files_are_one_line(tmp_path: Path, changes: dict, message: str) -> None:
    path = write(tmp_path / "s.yaml", **changes)
    with pytest.raises(UserError, match=message):
        grid_runs(path, read_sweep(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such sweep"), (b"a: [", "not a readable sweep"), (b"\xff\xfe\x00", "not UTF-8 text")],
)
def test_no_file_of_yaml_is_one_line(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "s.yaml").write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        read_sweep(tmp_path / "s.yaml")
    assert "\n" not in str(caught.value)


def counting(folder: Path, name: str, ok: bool = True) -> Run:
    """A run that leaves one more line in a file of its name each time it is carried out."""
    code = f"open({str(folder / name)!r}, 'a').write('x\\n'); raise SystemExit({0 if ok else 3})"
    return Run(name, [sys.executable, "-c", code])


def times(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.is_file() else 0


def test_finished_runs_are_skipped_failed_ones_are_named_and_run_again(tmp_path: Path) -> None:
    runs = [counting(tmp_path, "one"), counting(tmp_path, "two", ok=False), counting(tmp_path, "three")]
    assert run_grid(runs, tmp_path / "out", [{}, {"CUDA_VISIBLE_DEVICES": "1"}], []) == ["two"]
    assert run_grid(runs, tmp_path / "out", [{}], []) == ["two"]
    assert [times(tmp_path / name) for name in ("one", "two", "three")] == [1, 2, 1]
    assert run_grid(runs[:1], tmp_path / "out", [{}], ["more"]) == []
    assert times(tmp_path / "one") == 2


def test_a_changed_experiment_file_is_run_again(tmp_path: Path) -> None:
    experiment = tmp_path / "e.yaml"
    experiment.write_text("a: 1")
    run = counting(tmp_path, "one")
    run = Run(run.name, [*run.command, str(experiment)])
    for content, expected in (("a: 1", 1), ("a: 1", 1), ("a: 2", 2)):
        experiment.write_text(content)
        run_grid([run], tmp_path / "out", [{}], [])
        assert times(tmp_path / "one") == expected


def test_the_command_plans_and_reports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "s.yaml", command=[sys.executable, "-c", "raise SystemExit(1)", "${args}"])
    main([str(path), "--plan"])
    assert len(capsys.readouterr().out.splitlines()) == 4
    monkeypatch.setattr(sweep, "slots", lambda: [{}])
    with pytest.raises(UserError, match="4 of 4 runs failed"):
        main([str(path), "--local", "--output", str(tmp_path / "out")])


def test_arguments_for_every_run_follow_two_dashes_and_a_plan_can_be_pasted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "s.yaml", parameters={"a.codes": {"values": [{"x": 1}]}, "b": {"value": "it's"}})
    main([str(path), "--plan", "--", "--trainer.max_epochs", "2"])
    (line,) = capsys.readouterr().out.splitlines()
    assert shlex.split(line)[4:] == [
        '--a.codes={"x": 1}', "--b=it's", "--name", "small", "--trainer.max_epochs", "2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "gpus", "names"),
    [
        (None, 2, ["0", "1"]), ("4,5", 2, ["4", "5"]), ("GPU-a, GPU-b", 2, ["GPU-a", "GPU-b"]),
        ("", 0, []), (None, 0, []),
    ],
)  # fmt: skip
def test_runs_go_to_the_gpus_that_may_be_seen(
    monkeypatch: pytest.MonkeyPatch, given: str | None, gpus: int, names: list[str]
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if given is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    monkeypatch.setattr("torch.cuda.device_count", lambda: gpus)
    assert sweep.slots() == ([{"CUDA_VISIBLE_DEVICES": name} for name in names] or [{}])


def test_names_can_be_files(tmp_path: Path) -> None:
    path = write(tmp_path / "s.yaml", parameters={"a.codes": {"values": [{"x": 1, "y": 0}, "p/q"]}})
    runs = grid_runs(path, read_sweep(path))
    assert [run.name for run in runs] == ["small-codes=x_1_y_0", "small-codes=p_q"]
    assert runs[0].command[4] == '--a.codes={"x": 1, "y": 0}'


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_every_committed_sweep_is_taken_by_the_trainer(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(SWEEPS[0].parents[2])
    content = read_sweep(path)
    assert set(content["metric"]) == {"name", "goal"} and content["metric"]["goal"] in (
        "maximize",
        "minimize",
    )
    for run in grid_runs(path, content):
        with pytest.raises(SystemExit) as stopped:
            training.main([*run.command[1:], "--print_config"])
        assert stopped.value.code in (0, None)
        printed = yaml.safe_load(capsys.readouterr().out)
        assert printed["name"] == run.name
        for word in run.command:
            if word.startswith("--model."):
                key, value = word[2:].split("=", 1)
                found = printed
                for part in key.split("."):
                    found = found[part]
                wanted = yaml.safe_load(value)
                assert wanted.items() <= found.items() if isinstance(wanted, dict) else found == wanted


def test_digest_is_written_as_json(tmp_path: Path) -> None:
    run_grid([counting(tmp_path, "one")], tmp_path / "out", [{}], [])
    assert set(json.loads((tmp_path / "out" / "one.json").read_text())) == {"digest"}


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGKILL, marks=pytest.mark.slow)], ids=lambda n: n.name
)
def test_a_sweep_that_is_ended_ends_its_runs_and_then_does_the_rest(tmp_path: Path, number: int) -> None:
    code = (
        "import os, sys, time; open('pids', 'a').write(f'{os.getpid()}\\n'); "
        "time.sleep(60 if sys.argv[1] == '--b=y' and not os.path.exists('free') else 0)"
    )
    path = write(
        tmp_path / "s.yaml",
        parameters={"b": {"values": ["x", "y"]}},
        command=[sys.executable, "-c", code, "${args}"],
    )
    words = ("sweep", str(path), "--local", "--output", "out")
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    began = Forked(command, *words, environment=environment, folder=tmp_path)
    deadline = time.monotonic() + 120
    while times(tmp_path / "pids") < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    began.send_signal(number)
    assert began.wait(90) == (130 if number == signal.SIGTERM else -9)
    running = int((tmp_path / "pids").read_text().split()[1])
    while psutil.pid_exists(running) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not psutil.pid_exists(running)
    (tmp_path / "free").touch()
    again = Forked(command, *words, environment=environment, folder=tmp_path)
    _, said = again.communicate(timeout=120)
    assert again.returncode == 0 and "small-b=x: done before, skipped" in said
    assert times(tmp_path / "pids") == 3
