"""Trainings that are interrupted and continued end with the weights of uninterrupted ones, bit by bit."""

import csv
import random
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.stages import small_stages
from tests.stages.dying import dying
from tests.stages.runs import config, exported, fit, killed, same, start, write_config

SILENT = {"WANDB_MODE": "disabled"}
POINTS = random.Random(9).sample(range(1, 2 * small_stages.STEPS), 3)
"""Batches before which the stages are interrupted."""


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")


@pytest.fixture(scope="module")
def uninterrupted(tiny_shards, tmp_path_factory) -> Path:
    """The directory of a whole run of the toy stage."""
    runs = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "disabled")
        fit(write_config(runs / "config.yaml", logged(tiny_shards, runs)))
    return runs / "toy" / "default"


def logged(shards: Path, runs: Path, **data: Any) -> dict[str, Any]:
    """The toy stage, with a row of metrics.csv for every batch."""
    return config(shards, runs, data=data, trainer={"log_every_n_steps": 1})


def batches_saved(run: Path) -> int:
    """How many batches the run's last checkpoint has seen."""
    return torch.load(run / "checkpoints" / "last.ckpt")["state_dict"]["_extra_state"]["batches_done"]


def numbers_of(run: Path) -> list[tuple[str, str, str]]:
    """Step and losses of every row of metrics.csv that has one."""
    rows = csv.DictReader((run / "metrics.csv").open())
    kept = [(row["step"], row.get("val/loss", ""), row["train/loss"]) for row in rows]
    return [row for row in kept if row[1] or row[2]]


@pytest.mark.parametrize("batch", [2, 5, 12])
def test_sigterm_writes_a_checkpoint_after_the_batch_at_hand(uninterrupted, tiny_shards, tmp_path, batch):
    path = write_config(tmp_path / "config.yaml", logged(tiny_shards, tmp_path))
    run = tmp_path / "toy" / "default"
    killed(path, **dying(batch, signal.SIGTERM))
    assert batches_saved(run) == batch + 1 and not (run / "export").exists()
    assert numbers_of(run) == numbers_of(uninterrupted)[: batch + 1]
    fit(path)
    assert same(exported(run), exported(uninterrupted))
    assert numbers_of(run) == numbers_of(uninterrupted)


def test_a_run_killed_at_once_continues_from_its_last_epoch(uninterrupted, tiny_shards, tmp_path, capsys):
    path = write_config(tmp_path / "config.yaml", logged(tiny_shards, tmp_path))
    run = tmp_path / "toy" / "default"
    assert start(path, **SILENT, **dying(7, signal.SIGKILL))[0] == -9
    assert batches_saved(run) == 5 and not (run / "export").exists()
    assert numbers_of(run) == numbers_of(uninterrupted)[:5]
    fit(path)
    assert "continues" in capsys.readouterr().err
    assert same(exported(run), exported(uninterrupted))
    assert numbers_of(run) == numbers_of(uninterrupted)


def test_sigterm_to_the_whole_group_spares_the_loader(uninterrupted, tiny_shards, tmp_path):
    content = logged(tiny_shards, tmp_path, num_workers=2)
    path = write_config(tmp_path / "config.yaml", content)
    status, said = start(path, **SILENT, **dying(7, signal.SIGTERM, "group"))
    assert status == 143, said
    assert said.strip().splitlines()[-1] == (
        "lit-emotalk fit: stopped by SIGTERM; run the same command again to continue"
    )
    assert batches_saved(tmp_path / "toy" / "default") == 8
    fit(path)
    assert same(exported(tmp_path / "toy" / "default"), exported(uninterrupted))


def test_a_killed_loader_process_ends_the_run_in_one_line(tiny_shards, tmp_path):
    changed = config(tiny_shards, tmp_path, data={"num_workers": 1, "steps_per_epoch": 200})
    path = write_config(tmp_path / "config.yaml", changed)
    status, said = start(path, **SILENT, **dying(7, signal.SIGKILL, "loader"))
    assert status == 2
    assert said.strip().splitlines()[-1].startswith("lit-emotalk fit: error: a loader process died")


def stage_config(stage: str, shards: Path, folder: Path, space: Path) -> dict[str, Any]:
    """The configuration of one small stage."""
    if stage == "eac":
        return small_stages.eac(shards, folder, space)
    return getattr(small_stages, stage)(shards, folder)


@pytest.mark.parametrize("stage", ["align", "eac", "hef", "sync"])
def test_every_stage_continues_exactly_after_sigterm(stage, tiny_shards, align_run, tmp_path):
    space = align_run / "export"
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    fit(write_config(tmp_path / "whole.yaml", stage_config(stage, tiny_shards, whole, space)))
    path = write_config(tmp_path / "parts.yaml", stage_config(stage, tiny_shards, parts, space))
    for batch in sorted(POINTS):
        if batch % small_stages.STEPS != small_stages.STEPS - 1:
            killed(path, **dying(batch, signal.SIGTERM))
            assert batches_saved(parts / stage / "default") == batch + 1
    fit(path)
    assert same(exported(parts / stage / "default"), exported(whole / stage / "default"))


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["align", "eac", "hef", "sync"])
def test_every_stage_continues_exactly_after_kill_9(stage, tiny_shards, align_run, tmp_path):
    """Every part in a process of its own, as sums differ between numbers of threads."""
    space = align_run / "export"
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    unbroken = write_config(tmp_path / "whole.yaml", stage_config(stage, tiny_shards, whole, space))
    assert start(unbroken, **SILENT)[0] == 0
    path = write_config(tmp_path / "parts.yaml", stage_config(stage, tiny_shards, parts, space))
    for batch in sorted(POINTS):
        assert start(path, **SILENT, **dying(batch, signal.SIGKILL))[0] == -9
    assert start(path, **SILENT)[0] == 0
    assert same(exported(parts / stage / "default"), exported(whole / stage / "default"))
