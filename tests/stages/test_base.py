import csv
from itertools import pairwise

import pytest
import torch
import yaml
from torch import nn

from lit_emotalk.errors import UserError
from lit_emotalk.models.handover import load_export, save_export
from lit_emotalk.stages.base import Averaged, reseed
from tests.stages.runs import config, exported, fit, same, write_config
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
