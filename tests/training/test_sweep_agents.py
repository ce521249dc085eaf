"""Sweeps at W&B: its own agent, with a stand-in for the server, starts what `lit-emotalk sweep` gave it."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from lit_emotalk.training import command as training
from lit_emotalk.training import sweep as sweeps
from tests.stages.runs import config, exported, write_config

POINTS = {"first1": 0.01, "second": 0.02}
"""Id and learning rate of the sweep's runs."""

RECORDER = """
import json, os, sys
with open("calls", "a") as file:
    file.write(json.dumps([sys.argv[1:], os.environ["WANDB_RUN_ID"]]) + "\\n")
"""


def sweep_of(folder: Path, experiment: str) -> dict[str, Any]:
    path = folder / "sweep.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "name": "rates",
                "method": "bayes",
                "metric": {"name": "val/loss", "goal": "minimize"},
                "parameters": {"model.init_args.learning_rate": {"min": 0.01, "max": 0.02}},
                "command": ["lit-emotalk", "fit", "--config", experiment, "${args}"],
            }
        )
    )
    return sweeps.read_sweep(path)


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Runs one of W&B's agents over a sweep until the stand-in of its server has no more runs to give."""
    from wandb import wandb_agent
    from wandb.apis.public import sweeps as server

    monkeypatch.chdir(tmp_path)
    for name in (*os.environ, "WANDB_DIR", "WANDB_SWEEP_PARAM_PATH", "WANDB_RUN_ID"):
        if name.startswith("WANDB_"):
            monkeypatch.delenv(name, raising=False)
    path = os.pathsep.join([str(Path(sweeps.sys.executable).parent), os.environ["PATH"]])
    monkeypatch.setenv("PATH", path)
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep123")
    monkeypatch.setenv("WANDB_RUN_ID", "")
    monkeypatch.setattr("wandb.Api", lambda: None)
    monkeypatch.setattr(wandb_agent.Agent, "POLL_INTERVAL", 0.2)

    def run(sweep: dict[str, Any], points: dict[str, float]) -> int:
        waiting = [
            {
                "type": "run",
                "run_id": name,
                "program": "",
                "args": {"model.init_args.learning_rate": {"value": rate}, "_wandb": {"value": {}}},
            }
            for name, rate in points.items()
        ]

        def heartbeat(api: Any, agent: str, metrics: Any, running: dict[str, bool]) -> list[dict[str, Any]]:
            if any(running.values()):
                return []
            return [waiting.pop(0)] if waiting else [{"type": "exit"}]

        stored = {"config": yaml.safe_dump(sweep)}
        monkeypatch.setattr(server, "_sweep_with_runs", lambda *_: stored)
        monkeypatch.setattr(server, "_register_agent", lambda *_, **__: {"id": "agent"})
        monkeypatch.setattr(server, "_agent_heartbeat", heartbeat)
        made = wandb_agent.Agent(None, wandb_agent.multiprocessing.Queue(), sweep_id="sweep123")
        made.run()
        return made._failed

    return run


def test_every_run_of_an_agent_has_a_name_of_its_own_and_is_taken_by_the_trainer(
    agent: Any, tmp_path: Path, tiny_shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in = tmp_path / "lit_emotalk"
    stand_in.mkdir()
    (stand_in / "__init__.py").touch()
    (stand_in / "cli.py").write_text(RECORDER)
    experiment = write_config(tmp_path / "toy.yaml", config(tiny_shards, tmp_path / "runs"))
    sweep = sweeps.for_agents(sweep_of(tmp_path, str(experiment)), ["--trainer.max_epochs", "1"])
    assert agent(sweep, POINTS) == 0
    calls = [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]
    assert [name for _, name in calls] == list(POINTS)
    for (words, _), rate in zip(calls, POINTS.values(), strict=True):
        assert "--_wandb={}" in words
        with pytest.raises(SystemExit) as stopped:
            training.main([*words, "--print_config"])
        assert stopped.value.code in (0, None)
        printed = yaml.safe_load(capsys.readouterr().out)
        assert printed["model"]["init_args"]["learning_rate"] == rate
        assert printed["trainer"]["max_epochs"] == 1


@pytest.mark.slow
def test_runs_of_an_agent_train_side_by_side_in_directories_of_their_own(
    agent: Any, tmp_path: Path, tiny_shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    experiment = write_config(tmp_path / "toy.yaml", config(tiny_shards, tmp_path / "runs"))
    sweep = sweeps.for_agents(sweep_of(tmp_path, str(experiment)), ["--trainer.max_epochs", "1"])
    assert agent(sweep, POINTS) == 0
    for name in POINTS:
        run = tmp_path / "runs" / "toy" / name
        assert exported(run)
        assert [folder.name.rsplit("-", 1)[1] for folder in (run / "wandb").glob("offline-run-*")] == [name]


@pytest.mark.parametrize(
    ("environment", "given", "name"),
    [
        ({}, "default", "default"),
        ({"WANDB_RUN_ID": "stray"}, "default", "default"),
        ({"WANDB_RUN_ID": "run1", "WANDB_SWEEP_ID": "sweep1"}, "default", "run1"),
        ({"WANDB_RUN_ID": "run1", "WANDB_SWEEP_ID": "sweep1"}, "rates", "rates-run1"),
    ],
)
def test_a_run_s_name(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], given: str, name: str
) -> None:
    for variable in ("WANDB_RUN_ID", "WANDB_SWEEP_ID"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    assert training.run_name(given) == name


def test_agents_get_the_sweep_and_this_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    started: list[tuple[list[str], dict[str, str]]] = []

    class Agent:
        def __init__(self, command: list[str], env: dict[str, str]) -> None:
            started.append((command, env))

        def wait(self) -> int:
            return 0

    given: list[dict[str, Any]] = []
    monkeypatch.setattr("wandb.sweep", lambda sweep, project: given.append(sweep) or "identity")
    monkeypatch.setattr(sweeps.subprocess, "Popen", Agent)
    sweeps.run_online(sweep_of(tmp_path, "e.yaml"), [{"CUDA_VISIBLE_DEVICES": "1"}], ["--more", "1"])
    assert given[0]["command"] == [
        "${env}", "${interpreter}", "-m", "lit_emotalk.cli", "fit", "--config", "e.yaml", "${args}", "--more",
        "1",
    ]  # fmt: skip
    ((command, environment),) = started
    assert command[-5:] == ["wandb", "agent", "--project", "lit-emotalk", "identity"]
    assert environment["CUDA_VISIBLE_DEVICES"] == "1"
    assert environment["PATH"].split(os.pathsep)[0] == str(Path(sweeps.sys.executable).parent)
