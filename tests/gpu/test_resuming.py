"""A training on the device that SIGTERM stopped goes on to the weights of one that was left alone."""

import signal

import torch

from tests.gpu.steps import distances
from tests.stages import small_stages
from tests.stages.dying import dying
from tests.stages.runs import config, exported, fit, killed, same, write_config

BATCH = 7
TOGETHER = 1e-5
"""Largest relative distance of weights on CUDA."""
SHARE = 0.2
"""Largest distance, as a share of what the last epoch moves, where the gradient of the warp is between, which
CUDA adds up in any order."""


def on(device: str, content: dict) -> dict:
    """The configuration for the device."""
    content["trainer"]["accelerator"] = "gpu" if device == "cuda" else "cpu"
    return content


def test_a_stopped_training_ends_with_the_same_weights(device, tiny_shards, tmp_path):
    for name, environment in (("whole", {}), ("stopped", dying(BATCH, signal.SIGTERM))):
        path = write_config(tmp_path / f"{name}.yaml", on(device, config(tiny_shards, tmp_path / name)))
        if environment:
            killed(path, **environment)
            assert not (tmp_path / name / "toy" / "default" / "export").exists()
        fit(path)
    whole, stopped = (exported(tmp_path / name / "toy" / "default") for name in ("whole", "stopped"))
    if device == "cpu":
        assert same(whole, stopped)
    assert {name: far for name, far in distances(stopped, whole).items() if far > TOGETHER} == {}
    untrained = {name: torch.zeros_like(value) for name, value in whole.items()}
    assert not same(whole, untrained)


def test_a_stopped_generator_goes_on(device, tiny_shards, tmp_path):
    trained = {}
    for name, environment in (("whole", {}), ("half", {}), ("stopped", dying(BATCH, signal.SIGTERM))):
        content = on(device, small_stages.hef(tiny_shards, tmp_path / name))
        if name == "half":
            content["trainer"]["max_epochs"] = 1
        path = write_config(tmp_path / f"{name}.yaml", content)
        if environment:
            killed(path, **environment)
        fit(path)
        weights = exported(tmp_path / name / "hef" / "default")
        trained[name] = torch.cat([weights[key].flatten() for key in sorted(weights)])
    if device == "cpu":
        assert torch.equal(trained["whole"], trained["stopped"])
    moved = (trained["whole"] - trained["half"]).norm()
    assert moved > 0 and (trained["whole"] - trained["stopped"]).norm() < SHARE * moved
