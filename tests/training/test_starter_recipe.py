"""`make starter` at toy scale: killed again and again, continued, and in the end a starter that speaks."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lit_emotalk.weights import starter
from lit_emotalk.weights.starter import FOLDER, PORTRAIT, SPEECH, STAGES

ROOT = Path(__file__).parents[2]
SHORT = "--trainer.max_epochs 1 --data.init_args.steps_per_epoch 3 --data.init_args.num_workers 0"
TOY = {
    "corpus": "--scale demo --speakers 3 --size 128",
    "voices": "--speakers 2 --test-speakers 1",
    "faces": "--people 3 --val-people 1 --bursts 2 --frames 2 --size 96",
    "more_align": f"{SHORT} --data.init_args.batch_size 4",
    "more_eac": f"{SHORT} --data.init_args.batch_size 4 --data.init_args.frames 20",
    "more_hef": f"{SHORT} --data.init_args.batch_size 2 --model.init_args.network.resolution 64 "
    "--model.init_args.coarse_batches 0",
    "more_sync": SHORT,
    "evaluate": "--limit 1 --stride 10 --workers 1",
    "package": "packed",
}
KILLED_AT = ("faces", "train-eac", "evaluate")


def started(folder: Path) -> subprocess.Popen:
    """The recipe at toy scale, running in `folder`."""
    command = [sys.executable, "-m", "lit_emotalk.cli", "recipe", "experiments/recipes/starter.yaml"]
    command += [word for name, value in TOY.items() for word in ("--set", f"{name}={value}")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "WANDB_MODE": "disabled", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def lines_until(process: subprocess.Popen, step: str | None) -> list[str]:
    """What it says until it begins `step`, or to its end."""
    said = []
    assert process.stdout is not None
    for line in process.stdout:
        said.append(line)
        if step is not None and f" {step}: " in line and "unchanged" not in line and "done in" not in line:
            break
    return said


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_three_times_and_continued(tmp_path, monkeypatch):
    (tmp_path / "experiments").symlink_to(ROOT / "experiments")
    finished: set[str] = set()
    for step in (*KILLED_AT, None):
        process = started(tmp_path)
        said = lines_until(process, step)
        if step is not None:
            process.send_signal(signal.SIGKILL)
            lines_until(process, None)  # until nothing of it lives
        status = process.wait(60)
        text = "".join(said)
        assert step is not None or status == 0, text[-3000:]
        skipped = {name for name in finished if f" {name}: unchanged, skipped" in text}
        assert skipped == finished
        finished |= {line.split()[3].rstrip(":") for line in said if ": done in " in line}
        assert step is None or step not in finished
    manifest = json.loads((tmp_path / "packed" / "manifest.json").read_text())
    assert set(manifest["stages"]) == set(STAGES) and len(manifest["data"]) == 3
    for stage, facts in manifest["stages"].items():
        assert f"--export_dir outputs/starter/models/{stage}" in facts["command"] and facts["seed"] == 1
    assert "Ours-T" in (tmp_path / "packed" / "figures.md").read_text()
    monkeypatch.setattr(starter, "FOLDER", tmp_path / "packed")
    from lit_emotalk.inference.talking_face import TalkingFace

    made = TalkingFace.load().talk(FOLDER / PORTRAIT, FOLDER / SPEECH, tmp_path / "o.mp4", "a happy person")
    assert made.output.is_file() and made.frames > 25
