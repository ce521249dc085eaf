"""A training on the device that SIGTERM stopped goes on to the weights of one that was left alone."""

import signal

import torch

from tests.gpu.steps import distances
from tests.stages import small_stages
from tests.stages.dying import dying
from tests.stages.runs import config, exported, fit, killed, same, write_config

BATCH = 7
TOGETHER = 2e-2
"""Largest relative distance of weights where the gradient of the warp, which CUDA adds up in any order, is in
between."""


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
    assert same(whole, stopped)
    untrained = {name: torch.zeros_like(value) for name, value in whole.items()}
    assert not same(whole, untrained)


def test_a_stopped_generator_goes_on(device, tiny_shards, tmp_path):
    for name, environment in (("whole", {}), ("stopped", dying(BATCH, signal.SIGTERM))):
        path = write_config(
            tmp_path / f"{name}.yaml", on(device, small_stages.hef(tiny_shards, tmp_path / name))
        )
        if environment:
            killed(path, **environment)
        fit(path)
    whole, stopped = (exported(tmp_path / name / "hef" / "default") for name in ("whole", "stopped"))
    if device == "cpu":
        assert same(whole, stopped)
    assert {name: far for name, far in distances(stopped, whole).items() if far > TOGETHER} == {}
