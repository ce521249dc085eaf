"""Two gloo processes, each with half of the batch, train what one process trains with all of it."""

import csv
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from lit_emotalk.models.text import minilm
from tests.forked import command
from tests.stages import small_stages
from tests.stages.dying import dying
from tests.stages.processes import ranks
from tests.stages.runs import config, exported, fit, same, write_config

STEPS = 20
TOLERANCE = 1e-5
"""Of every tensor, relative to its largest value."""


def train(*paths: str) -> None:
    """`lit-emotalk fit` with one configuration after the other, in this process."""
    for path in paths:
        fit(Path(path))


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")


def halved(content: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The same training by two processes."""
    data = content["data"]["init_args"] | {"batch_size": content["data"]["init_args"]["batch_size"] // 2}
    trainer = content["trainer"] | {"devices": 2, "strategy": "ddp"}
    return content | {
        "runs": str(folder),
        "data": content["data"] | {"init_args": data},
        "trainer": trainer,
    }


def worst_difference(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> float:
    """The largest difference of a tensor's two values, relative to its largest value."""
    assert first.keys() == second.keys()
    pairs = [(value, second[name]) for name, value in first.items()]
    return max(float((b - a).abs().max() / a.abs().max().clamp(min=1e-30)) for a, b in pairs)


def losses_of(run: Path) -> list[float]:
    """The column train/loss of a run."""
    with (run / "metrics.csv").open() as rows:
        return [float(row["train/loss"]) for row in csv.DictReader(rows) if row["train/loss"]]


@pytest.mark.ddp
def test_twenty_steps_in_double_precision(tiny_shards, align_run, tmp_path):
    minilm.cache_clear()  # texts embedded beside others differ in their last digits
    one, two = tmp_path / "one", tmp_path / "two"
    contents = {
        "align": small_stages.align(tiny_shards, one, still=True),
        "eac": small_stages.eac(tiny_shards, one, align_run / "export", still=True),
    }
    paths = []
    for stage, content in contents.items():
        content["data"]["init_args"] |= {"steps_per_epoch": STEPS}
        content["trainer"] |= {"max_epochs": 1, "precision": "64-true", "limit_val_batches": 0}
        fit(write_config(tmp_path / f"{stage}1.yaml", content))
        paths.append(write_config(tmp_path / f"{stage}2.yaml", halved(content, two)))
    validated = small_stages.align(tiny_shards, tmp_path / "validated")
    validated["trainer"] |= {"devices": 2, "strategy": "ddp", "max_epochs": 1}
    paths.append(write_config(tmp_path / "validated.yaml", validated))
    for process in ranks(train, *map(str, paths)):
        _, said = process.communicate(timeout=240)
        assert process.returncode == 0, said
        assert "sync_dist" not in said, "all figures are those of all ranks"
    for stage in contents:
        runs = [folder / stage / "default" for folder in (one, two)]
        assert worst_difference(*map(exported, runs)) < TOLERANCE
        first, second = map(losses_of, runs)
        assert len(first) == 2 and second == pytest.approx(first, rel=1e-4)


@pytest.mark.ddp
def test_generator_and_discriminator_get_the_whole_batch_s_gradients(tiny_shards, tmp_path):
    """HEF's weights after some steps differ more: its losses are single precision by design, and Adam blows
    up the rounding of gradients next to nothing."""
    content = small_stages.hef(tiny_shards, tmp_path / "one")
    content["model"]["class_path"] = "tests.stages.small_stages.GradientsStage"
    content["model"]["init_args"] |= {"warp_batches": 0, "adversarial_start": 0}
    content["data"]["init_args"] |= {"steps_per_epoch": 1}
    content["trainer"] |= {"max_epochs": 1, "limit_val_batches": 0}
    fit(write_config(tmp_path / "one.yaml", content))
    two = write_config(tmp_path / "two.yaml", halved(content, tmp_path / "two"))
    for process in ranks(train, str(two)):
        _, said = process.communicate(timeout=240)
        assert process.returncode == 0, said
    kept = [torch.load(tmp_path / run / "hef" / "default" / "gradients.pt") for run in ("one", "two")]
    assert {name.split(".")[0] for name in kept[0]} == {"network", "discriminator"}
    assert worst_difference(*kept) < 1e-3
    sizes = {
        part: sum(value.numel() for name, value in kept[0].items() if name.startswith(f"{part}."))
        for part in ("network", "discriminator")
    }
    reduced = torch.load(tmp_path / "two" / "hef" / "default" / "reduced.pt")
    assert reduced == [("by hand", size) for size in sizes.values()], "each network's, and once"


@pytest.mark.ddp
@pytest.mark.slow
def test_sigterm_stops_both_processes_after_the_same_batch(tiny_shards, tmp_path):
    still = {"network": {"width": 16, "dropout": 0.5}}
    content = config(tiny_shards, tmp_path / "whole", model=still)
    whole = write_config(tmp_path / "whole.yaml", halved(content, tmp_path / "whole"))
    parts = write_config(tmp_path / "parts.yaml", halved(content, tmp_path / "parts"))
    for process in ranks(train, str(whole)):
        assert process.wait(120) == 0
    processes = ranks(command, "fit", "--config", str(parts), **dying(7, signal.SIGTERM, "group"))
    said = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [143, 0], said
    run = tmp_path / "parts" / "toy" / "default"
    for process in ranks(train, str(parts)):
        assert process.wait(120) == 0
    assert same(exported(run), exported(tmp_path / "whole" / "toy" / "default"))


@pytest.mark.ddp
@pytest.mark.parametrize("rank", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_a_rank_that_dies_ends_the_other_in_one_line(tiny_shards, tmp_path, rank):
    path = write_config(tmp_path / "a.yaml", halved(config(tiny_shards, tmp_path), tmp_path))
    processes = ranks(command, "fit", "--config", str(path), **dying(7, signal.SIGKILL, rank=rank))
    assert processes[rank].wait(120) == -signal.SIGKILL
    died = time.monotonic()
    other = processes[1 - rank]
    _, said = other.communicate(timeout=120)
    assert time.monotonic() - died < 20
    assert other.returncode == 2
    assert (
        said.strip().splitlines()[-1].startswith("lit-emotalk fit: error: another process of this training")
    )
    assert torch.load(tmp_path / "toy" / "default" / "checkpoints" / "last.ckpt")["epoch"] == 0
