"""Random access to the clips of WebDataset shards: where each entry lies in its tar."""

import json
import os
import tarfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webdataset.tariterators import base_plus_ext

from lit_emotalk.data.manifest import Kind, Manifest, Shard

OPEN_FILES = 128


class SampleError(Exception):
    """A clip that cannot be used; its text is the clip's key and the reason."""


class _OpenFiles:
    """Descriptors of the most recently read tars; `os.pread` needs no position, so forks may share them."""

    def __init__(self) -> None:
        self.descriptors: OrderedDict[Path, int] = OrderedDict()

    def get(self, path: Path) -> int:
        if path in self.descriptors:
            self.descriptors.move_to_end(path)
        else:
            self.descriptors[path] = os.open(path, os.O_RDONLY)
            if len(self.descriptors) > OPEN_FILES:
                os.close(self.descriptors.popitem(last=False)[1])
        return self.descriptors[path]


_open_files = _OpenFiles()


@dataclass(frozen=True)
class Clip:
    """A clip in a shard: its tar, its record (schema.RECORD) and where its entries lie (offset, bytes)."""

    path: Path
    key: str
    record: dict[str, Any]
    entries: dict[str, tuple[int, int]]

    def read(self, name: str) -> bytes:
        """The bytes of one entry; raises SampleError where there is none or the tar has become shorter."""
        if name not in self.entries:
            raise SampleError(f"{self.key} has no {name}")
        return _read(self.path, self.key, *self.entries[name])


def _read(path: Path, key: str, offset: int, size: int) -> bytes:
    try:
        data = os.pread(_open_files.get(path), size, offset)
    except OSError as error:
        raise SampleError(f"{key} cannot be read from {path}: {error.strerror}") from error
    if len(data) != size:
        raise SampleError(f"{key} is cut short in {path}")
    return data


def index_shard(shard: Shard) -> list[Clip]:
    """All clips of a shard, in its order, from the tar's headers and the clips' records.

    A clip whose record cannot be read keeps an empty one: it counts, and reading it raises SampleError.
    A shard from afar is fetched first. Raises UserError where the shard is missing, cut short, no tar, or
    holds another number of clips than the manifest says, and where it cannot be fetched.
    """
    shard.fetch()
    shard.check_end()
    entries: dict[str, dict[str, tuple[int, int]]] = {}
    try:
        with tarfile.open(shard.path, "r:") as tar:
            for member in tar:
                key, name = base_plus_ext(member.name)
                if key is not None and member.isfile():
                    entries.setdefault(key, {})[name] = (member.offset_data, member.size)
    except tarfile.TarError as error:
        raise shard.damaged(str(error)) from error
    if len(entries) != shard.samples:
        raise shard.damaged(f"it holds {len(entries)} clips, the manifest says {shard.samples}")
    return [Clip(shard.path, key, _record(shard.path, key, found), found) for key, found in entries.items()]


def _record(path: Path, key: str, entries: dict[str, tuple[int, int]]) -> dict[str, Any]:
    try:
        record = json.loads(_read(path, key, *entries["json"]))
    except (KeyError, ValueError, SampleError):
        return {}
    return record if isinstance(record, dict) else {}


def index_split(manifest: Manifest, kind: Kind, split: str) -> list[Clip]:
    """All clips of one kind and split, in the manifest's order; raises UserError like `index_shard`."""
    return [clip for shard in manifest.select(kind, split) for clip in index_shard(shard)]
