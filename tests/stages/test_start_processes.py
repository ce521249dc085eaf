"""How two gloo processes start: the first one decides, all of them find its checkpoint, and each has clips to
validate."""

import os
import shutil
import sys
from pathlib import Path

import pytest
import torch
import yaml

from lit_emotalk.errors import UserError
from tests.stages.processes import ranks
from tests.stages.runs import config, fit, spoiled, write_config


def starts(config: str, folder: str, spoiled: str) -> None:
    """What one rank starts, one after the other; refusals go to its error stream."""
    own, shared = (os.path.join(folder, name) for name in ("disk" + os.environ["RANK"], "disk0"))
    for directory, *arguments in (
        (own,), (shared,), (own, "--name", "other"),
        (shared, "--name", "bad", "--data.init_args.shards", spoiled),
    ):  # fmt: skip
        os.chdir(directory)
        try:
            fit(Path(config), *arguments)
        except UserError as error:
            print("refused:", error, file=sys.stderr)


@pytest.mark.ddp
def test_the_first_rank_decides_how_all_of_them_start(tiny_shards, tmp_path, monkeypatch):
    """A run of one process goes on with two: first with each machine's disk its own, which is refused, then
    with a shared one; then a rank whose disk holds an old run follows the first, which begins; last a rank
    has nothing to validate with, as its one clip cannot be used."""
    monkeypatch.setenv("WANDB_MODE", "disabled")
    content = config(tiny_shards, Path("runs"), trainer={"max_epochs": 1})
    for disk in ("disk0", "disk1"):
        (tmp_path / disk).mkdir()
    monkeypatch.chdir(tmp_path / "disk0")
    fit(write_config(tmp_path / "one.yaml", content))
    run = tmp_path / "disk0" / "runs" / "toy" / "default"
    shutil.copytree(run, tmp_path / "disk1" / "runs" / "toy" / "other")
    content["trainer"] |= {"max_epochs": 2, "devices": 2, "strategy": "ddp"}
    path = write_config(tmp_path / "two.yaml", content)
    bad = spoiled(tiny_shards, tmp_path / "bad", "val", slice(1, 2))
    started = ranks(starts, str(path), str(tmp_path), str(bad))
    said = [process.communicate(timeout=120)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    for text in said:
        assert "refused: process 1 on " in text
        assert "the checkpoint that process 0 starts from (runs/toy/default/checkpoints/last.ckpt)" in text
    assert "changed: processes 1 -> 2, trainer.max_epochs 1 -> 2" in said[0]
    assert "refused: another process of this training died" in said[0]
    assert "refused: none of the 1 clips that this process has for validation" in said[1]
    assert torch.load(run / "checkpoints" / "last.ckpt")["state_dict"]["_extra_state"]["batches_done"] == 10
    assert yaml.safe_load((run / "run.yaml").read_text())["processes"] == 2
    other = run.parent / "other" / "checkpoints" / "last.ckpt"
    assert torch.load(other)["state_dict"]["_extra_state"]["batches_done"] == 10
