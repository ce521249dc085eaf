"""A small align stage, trained through the command line."""

from pathlib import Path
from typing import Any

from tests.stages import runs

SMALL_SPACE = {
    "dim": 32,
    "prompts": 24,
    "units_width": 32,
    "units_dropout": 0.0,
    "audio": {"layers": 1, "heads": 2, "width": 32, "dropout": 0.0},
}


def align_config(shards: Path, runs_folder: Path, epochs: int) -> dict[str, Any]:
    """A small emotion space on tiny shards."""
    content = runs.config(shards, runs_folder, data={"batch_size": 8, "steps_per_epoch": 20, "frames": None})
    arguments = {"network": SMALL_SPACE, "learning_rate": 5e-3, "warmup": 4, "sound": {"speed": 0.05}}
    content["model"] = {"class_path": "lit_emotalk.stages.AlignStage", "init_args": arguments}
    content["trainer"]["max_epochs"] = epochs
    return content
