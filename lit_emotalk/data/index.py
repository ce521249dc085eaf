"""Random access to the clips of WebDataset shards: where each entry lies in its tar."""

import json
import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lit_emotalk.data.manifest import Kind, Manifest, Shard
from lit_emotalk.data.tar import TarError, members

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


class Entries(Mapping[str, tuple[int, int]]):
    """Where a clip's entries lie: name -> (offset, bytes). `places` says in which row of `rows` (N, 2) each
    is; clips whose entries have the same names share it, so that a corpus of millions of frames takes 16
    bytes a frame."""

    __slots__ = ("places", "rows")

    def __init__(self, places: dict[str, int], rows: np.ndarray) -> None:
        self.places, self.rows = places, rows

    def __getitem__(self, name: str) -> tuple[int, int]:
        offset, size = self.rows[self.places[name]].tolist()
        return offset, size

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


@dataclass(frozen=True)
class Clip:
    """A clip in a shard: its tar, its record (schema.RECORD) and where its entries lie (offset, bytes)."""

    path: Path
    key: str
    record: dict[str, Any]
    entries: Mapping[str, tuple[int, int]]

    def read(self, name: str, start: int = 0, size: int | None = None) -> bytes:
        """The bytes of one entry, or `size` of them from `start` on; raises SampleError where there is none
        or the tar has become shorter."""
        offset, whole = self.place(name)
        return _read(self.path, self.key, offset + start, whole - start if size is None else size)

    def place(self, name: str) -> tuple[int, int]:
        """Where an entry lies in the tar, and how many bytes it has; raises SampleError where there is
        none."""
        if name not in self.entries:
            raise SampleError(f"{self.key} has no {name}")
        return self.entries[name]


def _read(path: Path, key: str, offset: int, size: int) -> bytes:
    try:
        data = os.pread(_open_files.get(path), size, offset)
    except OSError as error:
        raise SampleError(f"{key} cannot be read from {path}: {error.strerror}") from error
    if len(data) != size:
        raise SampleError(f"{key} is cut short in {path}")
    return data


_names: dict[tuple[str, ...], dict[str, int]] = {}
"""The names of a clip's entries, in order -> where each is: one for all clips with these names."""


def index_shard(shard: Shard) -> list[Clip]:
    """All clips of a shard, in its order, from the tar's headers and the clips' records.

    A clip whose record cannot be read keeps an empty one: it counts, and reading it raises SampleError.
    A shard from afar is fetched first. Raises UserError where the shard is missing, cut short, no tar, or
    holds another number of clips than the manifest says, and where it cannot be fetched.
    """
    shard.fetch()
    shard.check_end()
    found: dict[str, dict[str, tuple[int, int]]] = {}
    try:
        for path, offset, size in members(shard.path):
            key, name = key_and_name(path)
            if name:
                found.setdefault(key, {})[name] = offset, size
    except TarError as error:
        raise shard.damaged(str(error)) from error
    if len(found) != shard.samples:
        raise shard.damaged(f"it holds {len(found)} clips, the manifest says {shard.samples}")
    return [_clip(shard.path, key, entries) for key, entries in found.items()]


def key_and_name(path: str) -> tuple[str, str]:
    """`folder/KEY.NAME` -> `folder/KEY` and `NAME`, from the first dot of the file's name on (WebDataset's
    rule); both empty for a file without one."""
    folder, slash, file = path.rpartition("/")
    key, dot, name = file.partition(".")
    return (folder + slash + key, name) if key and dot else ("", "")


def _clip(path: Path, key: str, entries: dict[str, tuple[int, int]]) -> Clip:
    names = tuple(entries)
    places = _names.setdefault(names, {name: place for place, name in enumerate(names)})
    rows = np.array(list(entries.values()), np.int64)
    return Clip(path, key, _record(path, key, entries), Entries(places, rows))


def _record(path: Path, key: str, entries: dict[str, tuple[int, int]]) -> dict[str, Any]:
    try:
        record = json.loads(_read(path, key, *entries["json"]))
    except (KeyError, ValueError, SampleError):
        return {}
    return record if isinstance(record, dict) else {}


def index_split(manifest: Manifest, kind: Kind, split: str) -> list[Clip]:
    """All clips of one kind and split, in the manifest's order; raises UserError like `index_shard`."""
    return [clip for shard in manifest.select(kind, split) for clip in index_shard(shard)]
