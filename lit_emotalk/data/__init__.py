"""Shards to batches."""

from lit_emotalk.data.datamodule import ShardDataModule, SignalsDataModule
from lit_emotalk.data.frames import FramesDataModule
from lit_emotalk.data.index import Clip, index_split
from lit_emotalk.data.manifest import Manifest, Shard, read_manifest
from lit_emotalk.data.mixed import CorpusShare, MixedSignalsDataModule
from lit_emotalk.data.sync import SyncDataModule

__all__ = [
    "Clip",
    "CorpusShare",
    "FramesDataModule",
    "Manifest",
    "MixedSignalsDataModule",
    "Shard",
    "ShardDataModule",
    "SignalsDataModule",
    "SyncDataModule",
    "index_split",
    "read_manifest",
]
