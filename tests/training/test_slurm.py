"""The SLURM script, with other programs in place of SLURM's."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "experiments" / "slurm" / "train.sbatch"


@pytest.mark.parametrize(("status", "requeued"), [(0, False), (2, False), (143, True)])
def test_a_training_that_was_stopped_is_requeued(tmp_path, status, requeued):
    for name, last in (("srun", f"exit {status}"), ("scontrol", "")):
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/said\n{last}\n')
        program.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_NNODES": "2", "SLURM_NTASKS_PER_NODE": "8",
        "SLURM_JOB_ID": "77",
    }  # fmt: skip
    arguments = ["experiments/hef/embedded.yaml", "--name", "two nodes"]
    done = subprocess.run(["bash", str(SCRIPT), *arguments], env=environment, capture_output=True, text=True)
    said = (tmp_path / "said").read_text().splitlines()
    assert done.returncode == status and not done.stderr
    assert said[0] == (
        "srun .venv/bin/lit-emotalk fit --config experiments/hef/embedded.yaml --trainer.num_nodes 2 "
        "--trainer.devices 8 --trainer.strategy ddp --name two nodes"
    )
    assert said[1:] == (["scontrol requeue 77"] if requeued else [])


def test_an_experiment_must_be_named(tmp_path):
    done = subprocess.run(["bash", str(SCRIPT)], capture_output=True, text=True)
    assert done.returncode != 0 and "name an experiment" in done.stderr


def test_the_training_gets_sigterm_before_its_time_is_over():
    directives = [line for line in SCRIPT.read_text().splitlines() if line.startswith("#SBATCH")]
    assert "#SBATCH --signal=TERM@180" in directives and "#SBATCH --requeue" in directives
