"""Starts real trainings of the toy stage, in this process or in another."""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from lit_emotalk.data import SignalsDataModule
from lit_emotalk.training import command as training
from tests.forked import Forked, command


def config(shards: Path, runs: Path, **changes: Any) -> dict[str, Any]:
    """The toy stage's configuration; `changes` replaces init_args of model, data or trainer keys by name."""
    content: dict[str, Any] = {
        "seed_everything": 3,
        "runs": str(runs),
        "model": {
            "class_path": "tests.stages.toy.ToyStage",
            "init_args": {"network": {"width": 16}, "warmup": 4, "ema_decay": 0.99, "learning_rate": 0.01},
        },
        "data": {
            "class_path": "lit_emotalk.data.SignalsDataModule",
            "init_args": {
                "shards": str(shards),
                "batch_size": 4,
                "steps_per_epoch": 5,
                "frames": 10,
                "num_workers": 0,
            },
        },
        "trainer": {
            "max_epochs": 3,
            "accelerator": "cpu",
            "callbacks": [{"class_path": "tests.stages.dying.Die"}],
        },
    }
    for part, values in changes.items():
        target = content[part] if part == "trainer" else content[part]["init_args"]
        target.update(values)
    return content


def write_config(path: Path, content: dict[str, Any]) -> Path:
    """Write a configuration for --config."""
    path.write_text(yaml.safe_dump(content))
    return path


def spoiled(shards: Path, target: Path, split: str, clips: slice) -> Path:
    """A copy of shards in which these clips of a split have a coefficient that is not a number."""
    shutil.copytree(shards, target)
    for clip in SignalsDataModule(target).clips("signals", split)[clips]:
        offset, size = clip.entries["coeffs.npy"]
        data = bytearray(clip.path.read_bytes())
        data[offset + size - 4 : offset + size] = np.array([np.nan], np.float32).tobytes()
        clip.path.write_bytes(data)
    return target


def fit(path: Path, *arguments: str) -> None:
    """`lit-emotalk fit` in this process."""
    training.main(["fit", "--config", str(path), *arguments])


def start(path: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """`lit-emotalk fit` in a process and process group of its own: its exit status, and what it said."""
    words = ("fit", "--config", str(path), *arguments)
    process = Forked(command, *words, environment={**os.environ, **environment})
    _, said = process.communicate(timeout=120)
    assert process.returncode is not None
    return process.returncode, said


def killed(path: Path, *arguments: str, **environment: str) -> None:
    """`lit-emotalk fit` in this process, which gets SIGTERM as the environment says and stops."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as stopped:
            fit(path, *arguments)
    assert stopped.value.code == training.SIGTERM_STATUS


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    """Whether two sets of weights are identical."""
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def exported(directory: Path) -> dict[str, torch.Tensor]:
    """The weights of an export."""
    return load_file(directory / "export" / "model.safetensors")
