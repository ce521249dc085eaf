"""Shards to batches; each name is imported only when it is asked for: reading shards needs no Lightning."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lit_emotalk.data.datamodule import ShardDataModule as ShardDataModule
    from lit_emotalk.data.datamodule import SignalsDataModule as SignalsDataModule
    from lit_emotalk.data.frames import FramesDataModule as FramesDataModule
    from lit_emotalk.data.index import Clip as Clip
    from lit_emotalk.data.index import index_split as index_split
    from lit_emotalk.data.manifest import Manifest as Manifest
    from lit_emotalk.data.manifest import Shard as Shard
    from lit_emotalk.data.manifest import read_manifest as read_manifest
    from lit_emotalk.data.mixed import CorpusShare as CorpusShare
    from lit_emotalk.data.mixed import MixedSignalsDataModule as MixedSignalsDataModule
    from lit_emotalk.data.sync import SyncDataModule as SyncDataModule

_HOMES = {
    "Clip": "lit_emotalk.data.index",
    "CorpusShare": "lit_emotalk.data.mixed",
    "FramesDataModule": "lit_emotalk.data.frames",
    "Manifest": "lit_emotalk.data.manifest",
    "MixedSignalsDataModule": "lit_emotalk.data.mixed",
    "Shard": "lit_emotalk.data.manifest",
    "ShardDataModule": "lit_emotalk.data.datamodule",
    "SignalsDataModule": "lit_emotalk.data.datamodule",
    "SyncDataModule": "lit_emotalk.data.sync",
    "index_split": "lit_emotalk.data.index",
    "read_manifest": "lit_emotalk.data.manifest",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
