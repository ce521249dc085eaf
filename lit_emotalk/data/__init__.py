"""Shards to batches."""

from lit_emotalk.data.datamodule import FramesDataModule, ShardDataModule, SignalsDataModule, SyncDataModule
from lit_emotalk.data.index import Clip, index_split
from lit_emotalk.data.manifest import Manifest, Shard, read_manifest

__all__ = [
    "Clip",
    "FramesDataModule",
    "Manifest",
    "Shard",
    "ShardDataModule",
    "SignalsDataModule",
    "SyncDataModule",
    "index_split",
    "read_manifest",
]
