"""Trains the starter's generator on what was carried, until it is told to stop:
python -m tests.benchmarks.gpu.train --folder DIR --rows FILE --shards DIR --seconds 200.

The run is `lit-emotalk fit` with experiments/hef/faces.yaml and experiments/gpu/hef.yaml. It continues its
own last checkpoint; the first time it begins from the export in DIR/newest/hef, or else from the starter.
Its length is what fits into the time at the speed that was measured, so that the learning rate falls to its
end. The export is made every minute; each whole one is packed at half precision to DIR/back/hef.tar, by
temporary name and rename.
"""

import argparse
import csv
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import torch
import yaml

from lit_emotalk.errors import UserError, run_main
from lit_emotalk.io.files import atomic_path, write_text
from lit_emotalk.models.handover import CARD_NAME, pack_export
from tests.benchmarks.gpu.results import Rows, read_json

ROOT = Path(__file__).parents[3]
EXPERIMENTS = (ROOT / "experiments" / "hef" / "faces.yaml", ROOT / "experiments" / "gpu" / "hef.yaml")
POLL_SECONDS = 2.0
START_SECONDS = 25.0
"""Of a training before its first batch, with compiling."""
STOP_SECONDS = 30.0
"""For the checkpoint after SIGTERM."""
SLOW_SAMPLES = 150.0
"""Samples a second that are assumed where nothing was measured."""


def settings() -> dict[str, Any]:
    """Batch size and steps of an epoch, as experiments/gpu/hef.yaml has them."""
    found: dict[str, Any] = yaml.safe_load(EXPERIMENTS[1].read_text())["data"]["init_args"]
    return found


def beginning(folder: Path) -> str:
    """The export that the run began from, decided once."""
    noted = folder / "begun_from.txt"
    if not noted.is_file():
        newest = folder / "newest" / "hef"
        write_text(noted, str(newest) if (newest / CARD_NAME).is_file() else "starter")
    return noted.read_text().strip()


def epochs_done(last: Path) -> int:
    """Epochs in a checkpoint, 0 where there is none."""
    return int(torch.load(last, map_location="cpu", weights_only=False)["epoch"]) + 1 if last.is_file() else 0


def speed(folder: Path, metrics: Path) -> float:
    """Samples a second: of this run, or of the measurement before it, or a guess."""
    own = column(metrics, "run/samples_per_second")
    measured = read_json(folder / "parts" / "speed-hef-starter.rows.json") or {}
    known = [own[-1]] if own else [row.get("samples_per_second") for row in measured.values()]
    return max([float(value) for value in known if value], default=SLOW_SAMPLES)


def column(metrics: Path, name: str) -> list[float]:
    """The values of one column of metrics.csv."""
    if not metrics.is_file():
        return []
    with metrics.open(newline="") as handle:
        return [float(row[name]) for row in csv.DictReader(handle) if row.get(name)]


def written_at(export: Path) -> float:
    """When an export was finished; 0 where there is none, or a new one is being written over it."""
    try:
        return (export / CARD_NAME).stat().st_mtime
    except OSError:
        return 0.0


def keep_export(export: Path, folder: Path) -> bool:
    """Pack the export as it is now into back/hef.tar; False where it is being written at this moment."""
    half = folder / "half" / "hef"
    try:
        pack_export(export, half, "hef")
    except UserError:
        return False
    with atomic_path(folder / "back" / "hef.tar") as temporary, tarfile.open(temporary, "w") as tar:
        for path in sorted(half.iterdir()):
            tar.add(path, f"hef/{path.name}")
    return True


def command(folder: Path, shards: Path, epochs: int, toy: bool) -> list[str]:
    """The training."""
    words = [sys.executable, "-m", "lit_emotalk.cli", "fit"]
    for path in EXPERIMENTS:
        words += ["--config", str(path)]
    words += ["--runs", str(folder / "runs"), "--export_dir", str(folder / "export" / "hef"), "--name", "gpu"]
    words += ["--data.init_args.shards", str(shards), "--trainer.max_epochs", str(epochs)]
    words += ["--model.init_args.initialise_from", beginning(folder)]
    if not torch.cuda.is_available():
        words += ["--trainer.accelerator", "cpu", "--data.init_args.num_workers", "0"]
    if toy:
        words += ["--export_minutes", "0.02", "--model.init_args.compiled", "false"]
        words += ["--data.init_args.batch_size", "1", "--data.init_args.steps_per_epoch", "2"]
    return words


def train(folder: Path, shards: Path, seconds: float, toy: bool) -> dict[str, Any]:
    """Train for so long; figures of the whole run."""
    run = folder / "runs" / "hef" / "gpu"
    last, metrics, export = run / "checkpoints" / "last.ckpt", run / "metrics.csv", folder / "export" / "hef"
    chosen = settings() | ({"batch_size": 1, "steps_per_epoch": 2} if toy else {})
    done, rate = epochs_done(last), speed(folder, metrics)
    seconds_an_epoch = chosen["batch_size"] * chosen["steps_per_epoch"] / rate
    epochs = done + max(1, int((seconds - START_SECONDS - STOP_SECONDS) / seconds_an_epoch))
    if toy:
        epochs = done + 2
    until = time.monotonic() + seconds - STOP_SECONDS
    settings_of_child = {**os.environ, "WANDB_MODE": "disabled"}
    child = subprocess.Popen(command(folder, shards, epochs, toy), env=settings_of_child, process_group=0)
    kept, stopped, exports = 0.0, False, 0
    try:
        while child.poll() is None:
            time.sleep(POLL_SECONDS)
            written = written_at(export)
            if written > kept and keep_export(export, folder):
                kept, exports = written, exports + 1
            if time.monotonic() > until and not stopped:
                child.send_signal(signal.SIGTERM)
                stopped = True
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    if written_at(export) > kept:
        exports += keep_export(export, folder)
    if child.returncode not in (0, 143):
        raise UserError(f"the training ended with status {child.returncode}; see the log of this part")
    gains = {
        name: column(metrics, f"val/{name}") for name in ("psnr", "gain", "sharpness", "parts_l1", "loss")
    }
    return {
        "begun_from": "starter" if beginning(folder) == "starter" else "newest export",
        "came_to_its_end": child.returncode == 0,
        "epochs": epochs_done(last),
        "epochs_planned": epochs,
        "steps_per_epoch": chosen["steps_per_epoch"],
        "batch": chosen["batch_size"],
        "samples_per_second": column(metrics, "run/samples_per_second")[-3:],
        "loader_wait": column(metrics, "run/loader_wait")[-3:],
        "peak_gpu_memory_gib": column(metrics, "run/peak_gpu_memory_gib")[-1:],
        "validation_first_and_last": {name: [v[0], v[-1]] for name, v in gains.items() if v},
        "train_loss_first_and_last": [v[i] for v in [column(metrics, "train/loss")] if v for i in (0, -1)],
        "exports_kept": exports,
    }


def main() -> None:
    """Train, keep the figures of every call."""
    parser = argparse.ArgumentParser("python -m tests.benchmarks.gpu.train", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--toy", action="store_true")
    arguments = parser.parse_args()
    rows = Rows(arguments.rows)
    folder, shards = arguments.folder.absolute(), arguments.shards.absolute()
    rows.add(f"call {len(rows.kept) + 1}", train(folder, shards, arguments.seconds, arguments.toy))


if __name__ == "__main__":
    run_main(main, "tests.benchmarks.gpu.train")
