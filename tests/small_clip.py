"""A tiny open_clip model, for tests of what looks at pictures and texts by CLIP's towers."""

import json
from pathlib import Path

import torch

NAME = "tiny-test"
SIZE = 24


def write_open_clip(folder: Path) -> tuple[str, str]:
    """Register the model's definition and write its random weights as open_clip writes a checkpoint; returns
    the model's name and the checkpoint's path."""
    weights = folder / "tiny.pt"
    register(folder)
    import open_clip

    torch.manual_seed(0)
    torch.save({"epoch": 1, "state_dict": open_clip.create_model(NAME).state_dict()}, weights)
    return NAME, str(weights)


def register(folder: Path) -> None:
    """Make open_clip know the model in this process."""
    import open_clip

    vision = {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16}
    words = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
    definition = {"embed_dim": SIZE, "quick_gelu": True, "vision_cfg": vision, "text_cfg": words}
    (folder / f"{NAME}.json").write_text(json.dumps(definition))
    open_clip.add_model_config(folder / f"{NAME}.json")
