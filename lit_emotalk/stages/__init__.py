"""Training stages, one LightningModule each; each is imported only when it is asked for."""

import importlib
from typing import Any

HOMES = {
    "AlignStage": "lit_emotalk.stages.align",
    "ClassifyStage": "lit_emotalk.stages.classify",
    "EACStage": "lit_emotalk.stages.eac",
    "HEFStage": "lit_emotalk.stages.hef",
    "SyncStage": "lit_emotalk.stages.sync",
}

__all__ = list(HOMES)


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(HOMES[name]), name)
