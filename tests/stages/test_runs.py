"""What lies beside a run, what is printed, and what happens where the disk is full or clips are bad."""

import csv
import errno
import logging
import multiprocessing
import signal
import time

import pytest
import torch
import yaml

from lit_emotalk.errors import UserError
from tests.stages import small_stages
from tests.stages.dying import dying
from tests.stages.runs import config, exported, fit, killed, same, spoiled, write_config


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")


def test_a_full_disk_costs_the_epoch_and_nothing_else(tiny_shards, tmp_path, monkeypatch, capsys):
    whole = write_config(tmp_path / "whole.yaml", config(tiny_shards, tmp_path / "whole"))
    fit(whole)
    path = write_config(tmp_path / "parts.yaml", config(tiny_shards, tmp_path / "parts"))
    run, save, calls = tmp_path / "parts" / "toy" / "default", torch.save, []

    def full(checkpoint, handle):
        calls.append(1)
        if len(calls) == 2:
            handle.write(b"half of it")
            raise OSError(errno.ENOSPC, "No space left on device")
        save(checkpoint, handle)

    monkeypatch.setattr(torch, "save", full)
    began = time.monotonic()
    with pytest.raises(UserError, match=r"cannot write .*last.ckpt: No space left on device"):
        fit(path)
    assert time.monotonic() - began < 20
    assert [file.name for file in (run / "checkpoints").iterdir()] == ["last.ckpt"]
    assert torch.load(run / "checkpoints" / "last.ckpt")["state_dict"]["_extra_state"]["batches_done"] == 5
    fit(path)
    assert same(exported(run), exported(tmp_path / "whole" / "toy" / "default"))


@pytest.mark.parametrize("often", [("--export_epochs", "1"), ("--export_minutes", "0.0001")])
def test_a_run_exports_as_it_goes_where_that_is_asked_for(often, tiny_shards, tmp_path):
    for name, more in (("plain", ()), ("often", often)):
        path = write_config(tmp_path / f"{name}.yaml", config(tiny_shards, tmp_path / name))
        killed(path, *more, **dying(7, signal.SIGTERM))
    assert not (tmp_path / "plain" / "toy" / "default" / "export").exists()
    run = tmp_path / "often" / "toy" / "default"
    early = exported(run)
    fit(tmp_path / "often.yaml", *often)
    assert early.keys() == exported(run).keys() and not same(early, exported(run))


@pytest.mark.parametrize("workers", [0, 2])
def test_bad_clips_are_counted_and_logged_up_to_a_limit(tiny_shards, tmp_path, capsys, workers):
    shards = spoiled(tiny_shards, tmp_path / "shards", "train", slice(2))
    content = config(shards, tmp_path, data={"num_workers": workers}, trainer={"max_epochs": 1})
    path = write_config(tmp_path / "a.yaml", content)
    fit(path)
    assert not multiprocessing.active_children(), "loader processes end with the training"
    said = capsys.readouterr().err
    assert said.count("skipped a clip:") == 2 and "2 clips skipped" in said
    row = list(csv.DictReader((tmp_path / "toy" / "default" / "metrics.csv").open()))[-1]
    assert float(row["run/skipped_clips"]) == 2
    with pytest.raises(UserError, match=r"more than 1 clips \(bad_limit\) could not be used.*not finite"):
        fit(path, "--data.init_args.bad_limit", "1", "--name", "strict")
    assert not multiprocessing.active_children(), "also where it fails"


def test_a_validation_without_a_single_clip_is_no_result(tiny_shards, tmp_path, capsys):
    shards = spoiled(tiny_shards, tmp_path / "shards", "val", slice(None))
    path = write_config(tmp_path / "a.yaml", config(shards, tmp_path, trainer={"max_epochs": 1}))
    with pytest.raises(UserError, match="none of the 2 clips that this process has for validation"):
        fit(path)
    assert capsys.readouterr().err.count("skipped a clip:") == 2


def test_a_run_says_how_it_went_and_what_it_was_made_with(tiny_shards, tmp_path, capsys):
    fit(write_config(tmp_path / "a.yaml", config(tiny_shards, tmp_path, trainer={"max_epochs": 1})))
    said = capsys.readouterr().err
    for words in ("5 batches in", "samples/s", "loader wait", "peak memory"):
        assert words in said
    run = tmp_path / "toy" / "default"
    facts = yaml.safe_load((run / "run.yaml").read_text())
    assert {"python", "lit-emotalk", "torch", "lightning", "webdataset", "numpy"} <= set(facts["versions"])
    assert facts["command"] and len(facts["manifest"]) == 64
    row = list(csv.DictReader((run / "metrics.csv").open()))[-1]
    assert float(row["run/samples_per_second"]) > 0 and 0 <= float(row["run/loader_wait"]) <= 1
    assert 0.1 < float(row["run/peak_memory_gib"]) < 100
    fit(run / "config.yaml", "--name", "again")
    assert same(exported(run), exported(tmp_path / "toy" / "again"))


def test_a_resumed_run_keeps_its_wandb_id_and_group_without_noise(tiny_shards, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_RUN_GROUP", "some-sweep")
    import wandb

    begin, calls = wandb.init, []
    monkeypatch.setattr(wandb, "init", lambda **options: calls.append(options) or begin(**options))
    path = write_config(tmp_path / "a.yaml", config(tiny_shards, tmp_path, trainer={"max_epochs": 2}))
    run = tmp_path / "toy" / "default"
    killed(path, **dying(2, 15))
    identity = (run / "wandb_id.txt").read_text()
    fit(path)
    assert (run / "wandb_id.txt").read_text() == identity
    assert "wandb" not in capfd.readouterr().err
    folders = list((run / "wandb").glob("offline-run-*"))
    assert folders and all(f"-{identity}" in folder.name for folder in folders)
    assert {(call["group"], call["id"], call["resume"]) for call in calls} == {
        ("some-sweep", identity, "allow")
    }
    fit(path, "--restart", "always")
    assert (run / "wandb_id.txt").read_text() != identity


def test_lightnings_switches_work(tiny_shards, tmp_path):
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    logging.getLogger("lightning.pytorch.profilers").addHandler(handler)
    path = write_config(tmp_path / "a.yaml", config(tiny_shards, tmp_path, trainer={"max_epochs": 1}))
    switches = {
        "profiler": "simple", "deterministic": "warn", "accumulate_grad_batches": "2",
        "precision": "bf16-mixed",
    }  # fmt: skip
    fit(path, *(word for key, value in switches.items() for word in (f"--trainer.{key}", value)))
    assert (tmp_path / "toy" / "default" / "export").is_dir()
    logging.getLogger("lightning.pytorch.profilers").removeHandler(handler)
    assert any("run_training_batch" in text for text in said)


@pytest.mark.parametrize("stage", ["align", "eac", "hef", "sync"])
def test_every_stage_trains_and_validates_in_bfloat16(stage, tiny_shards, align_run, tmp_path):
    if stage == "eac":
        content = small_stages.eac(tiny_shards, tmp_path, align_run / "export")
    else:
        content = getattr(small_stages, stage)(tiny_shards, tmp_path)
    content["trainer"] |= {"precision": "bf16-mixed", "max_epochs": 1}
    fit(write_config(tmp_path / "config.yaml", content))
    weights = exported(tmp_path / stage / "default")
    assert all(torch.isfinite(value.float()).all() for value in weights.values())
