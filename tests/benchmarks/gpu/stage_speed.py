"""How fast a stage trains, eager and compiled, through `lit-emotalk fit` and its loader:
python -m tests.benchmarks.gpu.stage_speed --name hef --rows FILE --folder DIR."""

import argparse
import os
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
import yaml

from lit_emotalk.io.files import write_text
from lit_emotalk.models.audio_encoder import AudioEncoderConfig
from lit_emotalk.models.emotion_space import EmotionSpaceConfig
from lit_emotalk.training import command as training
from tests.benchmarks.gpu.drawn import draw_shards
from tests.benchmarks.gpu.results import Rows, read_json
from tests.gpu.small import SPACE, save_space

ROOT = Path(__file__).parents[3]
FULL_SPACE = EmotionSpaceConfig(dim=128, audio=AudioEncoderConfig())
LOADERS = 12
STEPS = 5000
"""More than are measured."""


@dataclass(frozen=True)
class Trial:
    """An experiment, what changes in its model and data, and what makes it small."""

    experiment: str
    model: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    toy_model: dict[str, Any] = field(default_factory=dict)
    toy_data: dict[str, Any] = field(default_factory=dict)


# Stage align takes windows here: clips of their own lengths would be compiled for each length.
WHOLE = {"warp_batches": 0, "adversarial_start": 0, "coarse_batches": 0}
"""Every loss from the first batch on: what most of a training is like. `Meter` compiles, after it counted."""
TINY = {"network": {"size": "tiny", "resolution": 32, "window": 9}}
TOY_SPACE = {"dim": 32, "prompts": 24, "units_width": 32, "audio": {"layers": 1, "heads": 2, "width": 32}}
TRIALS: dict[str, Trial] = {
    "align": Trial(
        "align/embedded", data={"frames": 75}, toy_model={"network": TOY_SPACE}, toy_data={"frames": 20}
    ),
    "eac": Trial(
        "eac/embedded",
        toy_model={"network": {"layers": 1, "heads": 2, "width": 32}},
        toy_data={"frames": 20},
    ),
    "hef": Trial(
        "hef/embedded",
        WHOLE | {"compiled": False},
        toy_model=TINY | {"discriminator": {"channels": 4, "layers": 2, "scales": 1}},
    ),
    "hef-starter": Trial("hef/faces", WHOLE, {"batch_size": 64}, TINY),
    "sync": Trial("sync/embedded", toy_model={"network": {"width": 0.125, "crop": 64, "embedding": 32}}),
}


def configuration(name: str, folder: Path, shards: Path, mode: str, toy: bool) -> dict[str, Any]:
    """What changes in the trial's experiment."""
    trial = TRIALS[name]
    model: dict[str, Any] = {**trial.model, **(trial.toy_model if toy else {})}
    data: dict[str, Any] = {**trial.data, **(trial.toy_data if toy else {}), "shards": str(shards)}
    data |= {"steps_per_epoch": STEPS, "num_workers": 1 if toy else min(LOADERS, os.cpu_count() or 1)}
    if toy:
        data["batch_size"] = 2
    if name in ("align", "eac"):
        space = save_space(folder / "space", SPACE if toy else FULL_SPACE)
        model["initialise_from" if name == "align" else "emotion_space"] = str(space)
    meter: dict[str, Any] = {"output": str(folder / f"{mode}.json"), "compiled": None}
    if toy:
        meter |= {"warm": 1, "seconds": 0.5, "least": 2}
    if mode == "compiled":
        meter["compiled"] = "aot_eager" if toy else "inductor"
    cuda = torch.cuda.is_available()
    return {
        "runs": str(folder / "runs"),
        "name": mode,
        "restart": "always",
        "model": {"init_args": model},
        "data": {"init_args": data},
        "trainer": {
            "accelerator": "gpu" if cuda else "cpu",
            "devices": 1,
            "max_epochs": 1,
            "precision": "bf16-mixed",
            "limit_val_batches": 0,
            "enable_checkpointing": False,
            "callbacks": [{"class_path": "tests.benchmarks.gpu.meter.Meter", "init_args": meter}],
        },
    }


def measure(name: str, folder: Path, mode: str, toy: bool) -> dict[str, Any]:
    """Figures of one training."""
    torch._dynamo.reset()
    size = 64 if toy else 256
    shards = draw_shards(folder.parent / f"drawn_{size}", size, toy)
    changes = folder / f"{mode}.yaml"
    write_text(changes, yaml.safe_dump(configuration(name, folder, shards, mode, toy)))
    experiment = ROOT / "experiments" / f"{TRIALS[name].experiment}.yaml"
    (folder / f"{mode}.json").unlink(missing_ok=True)
    training.main(["fit", "--config", str(experiment), "--config", str(changes)])
    figures = read_json(folder / f"{mode}.json")
    if figures is None:
        raise RuntimeError("the training ended before it was measured")
    return {"experiment": TRIALS[name].experiment, "shards": "drawn", **figures}


def main() -> None:
    """Measure eager, then compiled."""
    parser = argparse.ArgumentParser("python -m tests.benchmarks.gpu.stage_speed", description=__doc__)
    parser.add_argument("--name", choices=TRIALS, required=True)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--toy", action="store_true")
    arguments = parser.parse_args()
    rows, folder = Rows(arguments.rows), arguments.folder.absolute() / arguments.name
    for mode in ("eager", "compiled"):
        rows.measure(mode, partial(measure, arguments.name, folder, mode, arguments.toy))


if __name__ == "__main__":
    main()
