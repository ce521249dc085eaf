import csv
import math
import signal
from itertools import pairwise

import pytest
import torch
import yaml
from torch import nn

from lit_emotalk.errors import UserError
from lit_emotalk.models.handover import load_export, save_export
from lit_emotalk.stages.base import Averaged, reseed
from tests.stages.dying import dying
from tests.stages.runs import config, exported, fit, killed, same, write_config
from tests.stages.toy import Toy, ToyConfig, ToyStage


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")


@pytest.fixture(scope="module")
def uninterrupted(tiny_shards, tmp_path_factory):
    """A whole run, and its directory."""
    runs = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "disabled")
        fit(write_config(runs / "config.yaml", config(tiny_shards, runs)))
    return runs / "toy" / "default"


def rows_of(run):
    return list(csv.DictReader((run / "metrics.csv").open()))


def test_a_run_learns_and_leaves_all_its_files(uninterrupted):
    losses = [float(row["val/loss"]) for row in rows_of(uninterrupted) if row["val/loss"]]
    assert len(losses) == 3 and losses[2] < losses[1] < losses[0]
    resolved = yaml.safe_load((uninterrupted / "config.yaml").read_text())
    assert resolved["model"]["init_args"]["network"] == {"width": 16, "dropout": 0.3, "sizes": [80, 57]}
    assert {"command", "manifest", "versions"} <= set(
        yaml.safe_load((uninterrupted / "run.yaml").read_text())
    )
    assert (uninterrupted / "checkpoints" / "last.ckpt").is_file()
    assert load_export(uninterrupted / "export", "toy").config == ToyConfig(width=16)


def test_another_seed_gives_other_weights(uninterrupted, tiny_shards, tmp_path):
    fit(write_config(tmp_path / "config.yaml", config(tiny_shards, tmp_path)), "--seed_everything", "4")
    assert not same(exported(tmp_path / "toy" / "default"), exported(uninterrupted))


def test_a_changed_configuration_is_refused_or_begins_anew(tiny_shards, tmp_path, capsys):
    path = write_config(tmp_path / "config.yaml", config(tiny_shards, tmp_path, trainer={"max_epochs": 1}))
    fit(path)
    run = tmp_path / "toy" / "default"
    before = exported(run)
    with pytest.raises(UserError, match=r"another configuration \(model.init_args.warmup\)"):
        fit(path, "--model.init_args.warmup", "1")
    assert same(exported(run), before)
    fit(path, "--model.init_args.warmup", "1", "--restart", "changed")
    assert "begins" in capsys.readouterr().err and not same(exported(run), before)
    fit(path, "--model.init_args.warmup", "1", "--data.init_args.num_workers", "1")


def test_a_loss_that_is_not_finite_stops_the_run_and_spares_the_checkpoint(tiny_shards, tmp_path):
    path = write_config(tmp_path / "config.yaml", config(tiny_shards, tmp_path, model={"poison_batch": 7}))
    with pytest.raises(UserError, match=r"loss is nan at epoch 1, batch 2.*M001_"):
        fit(path)
    state = torch.load(tmp_path / "toy" / "default" / "checkpoints" / "last.ckpt")["state_dict"]
    assert state["_extra_state"]["batches_done"] == 5
    assert all(torch.isfinite(value).all() for value in state.values() if isinstance(value, torch.Tensor))


def test_learning_rate_warms_up_and_falls_along_a_cosine(tiny_shards, tmp_path):
    stage = ToyStage(warmup=4, final_rate=0.1)
    stage.total_batches = lambda: 14
    rates = [stage.rate_factor(batch) for batch in range(16)]
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert (
        rates[4] == 1.0 and rates[9] == pytest.approx(0.55) and rates[14] == rates[15] == pytest.approx(0.1)
    )
    assert all(a > b for a, b in pairwise(rates[4:15]))


def test_averaged_weights_follow_the_formula_and_copy_buffers():
    network = nn.BatchNorm1d(2)
    average = Averaged(network, 0.5)
    expected = average.module.weight.detach().clone()
    for batch in range(6):
        with torch.no_grad():
            network.weight += 1.0
            network.running_mean += 2.0
        average.update(network, batch)
        decay = min(0.5, (1 + batch) / (10 + batch))
        expected = decay * expected + (1 - decay) * network.weight.detach()
    torch.testing.assert_close(average.module.weight.detach(), expected)
    assert torch.equal(average.module.running_mean, network.running_mean)
    assert not average.train().module.training and not any(p.requires_grad for p in average.parameters())


def test_reseeding_depends_on_every_number():
    def draw(*numbers):
        reseed(*numbers)
        return torch.rand(3)

    assert torch.equal(draw(1, 2, 0), draw(1, 2, 0))
    assert not torch.equal(draw(1, 2, 0), draw(1, 2, 1)) and not torch.equal(draw(1, 2, 0), draw(2, 1, 0))


def test_initialise_from_an_export_starts_with_its_weights(tmp_path):
    trained = Toy()
    save_export(tmp_path, "toy", trained, None)
    stage = ToyStage(initialise_from=tmp_path)
    assert same(stage.network.state_dict(), trained.state_dict())
    with pytest.raises(UserError, match="other shapes"):
        ToyStage(ToyConfig(width=5), initialise_from=tmp_path)


def test_a_longer_run_goes_on_along_the_longer_schedule(tiny_shards, tmp_path, capsys):
    """What is trained until then is kept; the rest has the rates of a run that is so long from the start."""
    path = write_config(tmp_path / "config.yaml", config(tiny_shards, tmp_path, trainer={"max_epochs": 1}))
    run = tmp_path / "toy" / "default"
    fit(path)
    capsys.readouterr()
    fit(path, "--trainer.max_epochs", "3", "--trainer.precision", "bf16-mixed")
    said = capsys.readouterr().err
    assert "continues from its last checkpoint" in said
    assert "changed: trainer.max_epochs 1 -> 3, trainer.precision None -> bf16-mixed" in said
    saved = torch.load(run / "checkpoints" / "last.ckpt")
    assert saved["epoch"] == 2 and saved["state_dict"]["_extra_state"]["batches_done"] == 15
    rate = saved["optimizer_states"][0]["param_groups"][0]["lr"]
    assert rate == pytest.approx(0.01 * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * 10 / 11))))
    assert yaml.safe_load((run / "config.yaml").read_text())["trainer"]["max_epochs"] == 3


def test_a_recipe_s_changed_length_begins_anew(tiny_shards, tmp_path, capsys):
    path = write_config(tmp_path / "config.yaml", config(tiny_shards, tmp_path, trainer={"max_epochs": 1}))
    fit(path)
    fit(path, "--trainer.max_epochs", "2", "--restart", "changed")
    assert capsys.readouterr().err.count("begins") == 2


def test_a_run_that_begins_from_a_checkpoint_continues_from_its_own(tiny_shards, tmp_path, capsys):
    path = write_config(tmp_path / "config.yaml", config(tiny_shards, tmp_path, trainer={"max_epochs": 1}))
    for name in ("first", "other"):
        fit(path, "--name", name)
    first, other = (tmp_path / "toy" / name / "checkpoints" / "last.ckpt" for name in ("first", "other"))
    path = write_config(tmp_path / "config.yaml", config(tiny_shards, tmp_path))
    killed(path, "--ckpt_path", str(first), **dying(12, signal.SIGTERM))
    assert f"begins from {first}" in capsys.readouterr().err
    fit(path, "--ckpt_path", str(first))
    said = capsys.readouterr().err
    assert f"continues from its last checkpoint ({first} is where a new run would begin)" in said
    assert "2 batches in" in said
    with pytest.raises(UserError, match=r"another configuration \(ckpt_path\)"):
        fit(path, "--ckpt_path", str(other))
    with pytest.raises(UserError, match=r"--ckpt_path nowhere.ckpt: there is no such file"):
        fit(path, "--ckpt_path", "nowhere.ckpt", "--name", "third")
    assert not (tmp_path / "toy" / "third" / "config.yaml").exists()


def test_within_an_epoch_the_number_of_processes_must_stay(tiny_shards, tmp_path):
    path = write_config(tmp_path / "config.yaml", config(tiny_shards, tmp_path))
    killed(path, **dying(7, signal.SIGTERM))
    last = tmp_path / "toy" / "default" / "checkpoints" / "last.ckpt"
    saved = torch.load(last)
    torch.save(saved | {"random_states": 2 * saved["random_states"]}, last)
    with pytest.raises(UserError, match=r"within an epoch on 2 processes and cannot go on there with 1"):
        fit(path)
