"""The manifest of a shard directory, here or afar: which shards there are, for which split, and whether they
are whole."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lit_emotalk.data.remote import cache_directory, fetch, fetch_text, is_remote
from lit_emotalk.errors import UserError
from lit_emotalk.io.files import sha256_file, sha256_text
from lit_emotalk.schema import READABLE, SPLITS, Hears

Kind = Literal["signals", "frames"]

MANIFEST_NAME = "manifest.json"
TAR_BLOCK = 512
TAR_END = b"\0" * (2 * TAR_BLOCK)


@dataclass(frozen=True)
class Shard:
    """One tar of a shard directory: its path, kind, split, number of samples and checksum.

    `source` is the URL of one from afar, whose path is in the cache.
    """

    path: Path
    kind: str
    split: str
    samples: int
    sha256: str
    source: str | None = None

    def fetch(self) -> None:
        """Fetch a shard from afar unless it is in the cache; raises UserError like `remote.fetch`."""
        if self.source is not None and not self.path.is_file():
            fetch(self.source, self.path, self.sha256)

    def check_end(self) -> None:
        """Raise UserError unless the file is there and ends as a tar must; costs one short read."""
        if not self.path.is_file():
            raise UserError(f"shard {self.path} is missing; make the shards again")
        size = self.path.stat().st_size
        with open(self.path, "rb") as handle:
            handle.seek(max(size - len(TAR_END), 0))
            end = handle.read()
        if size % TAR_BLOCK or end != TAR_END:
            raise self.damaged("it is cut short")

    def check_sum(self) -> None:
        """Raise UserError unless the file's sha256 is the manifest's; reads the whole file."""
        if sha256_file(self.path) != self.sha256:
            raise self.damaged("its checksum is not the manifest's")

    def damaged(self, why: str) -> UserError:
        """The error for a shard that cannot be read."""
        return UserError(f"shard {self.path} is damaged: {why}; make the shards again")


@dataclass(frozen=True)
class Manifest:
    """A shard directory's manifest.

    `hash` is the sha256 of its bytes, `layout` the coefficient layout's name (None for sound only),
    `frame_size` the frames' side in pixels (None without pictures), `speakers` the speakers of every split;
    `directory` is the cache where the shards are from afar; `hears` is what the samples hold for networks
    that hear so, beside the log-mel.
    """

    directory: Path
    hash: str
    corpus: str
    layout: str | None
    frame_size: int | None
    speakers: dict[str, list[str]]
    shards: tuple[Shard, ...]
    hears: Hears = "mel"

    def select(self, kind: Kind, split: str) -> list[Shard]:
        """The shards of one kind and split, in the manifest's order."""
        if split not in SPLITS:
            raise UserError(f"unknown split '{split}'; known: {', '.join(SPLITS)}")
        return [shard for shard in self.shards if shard.kind == kind and shard.split == split]

    def count(self, kind: Kind, split: str) -> int:
        """Number of clips of one kind and split."""
        return sum(shard.samples for shard in self.select(kind, split))


def read_manifest(directory: Path | str) -> Manifest:
    """Read and check `manifest.json` of a shard directory, given as a path or as a URL.

    Raises UserError where it is missing, not JSON, of another version or lacks something.
    """
    if is_remote(directory):
        address = str(directory).rstrip("/")
        path, folder = f"{address}/{MANIFEST_NAME}", cache_directory()
        return _parsed(path, fetch_text(path), folder, address)
    folder = Path(directory)
    if not (folder / MANIFEST_NAME).is_file():
        raise UserError(f"no shards at {folder}: {MANIFEST_NAME} is missing; prepare the corpus first")
    text = (folder / MANIFEST_NAME).read_text(encoding="utf-8", errors="replace")
    return _parsed(str(folder / MANIFEST_NAME), text, folder, None)


def _parsed(path: str, text: str, directory: Path, address: str | None) -> Manifest:
    """A manifest from its text; `address` is the URL of one from afar, `directory` the cache then."""
    try:
        content: dict[str, Any] = json.loads(text)
        if content["version"] not in READABLE:
            known = " or ".join(map(str, READABLE))
            raise UserError(f"{path} has version {content['version']}, not {known}; make the shards again")
        shards = tuple(
            Shard(
                directory / (s["name"] if address is None else f"{s['sha256']}.tar"),
                s["kind"],
                s["split"],
                int(s["samples"]),
                s["sha256"],
                None if address is None else f"{address}/{s['name']}",
            )
            for s in content["shards"]
        )
        splits = {split: list(content["splits"].get(split, [])) for split in SPLITS}
        return Manifest(
            directory=directory,
            hash=sha256_text(text),
            corpus=content["corpus"],
            layout=content["layout"],
            frame_size=content["frame_size"],
            speakers=splits,
            shards=shards,
            hears=content.get("hears", "mel"),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"{path} is damaged ({reason}); make the shards again") from error
