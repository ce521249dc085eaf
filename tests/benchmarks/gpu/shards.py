"""Some of a corpus' shards as a corpus of their own, small enough to travel."""

import json
from pathlib import Path
from typing import Any

from lit_emotalk.data.manifest import MANIFEST_NAME, Manifest, Shard, read_manifest
from lit_emotalk.errors import UserError
from lit_emotalk.io.files import write_text

VAL_SHARE = 0.15


def choose(manifest: Manifest, most: int) -> list[Shard]:
    """Shards with frames of at most `most` bytes: of validation up to a seventh, of training the rest. Raises
    UserError where not one training shard fits."""
    chosen: list[Shard] = []
    left = most
    for split, share in (("val", int(VAL_SHARE * most)), ("train", most)):
        room = min(share, left)
        for shard in manifest.select("frames", split):
            size = shard.path.stat().st_size
            if size <= room:
                chosen.append(shard)
                room, left = room - size, left - size
    if not any(shard.split == "train" for shard in chosen):
        raise UserError(f"no training shard of {manifest.directory} has {most >> 20} MiB or less")
    return chosen


def subset(directory: Path, most: int, manifest_path: Path) -> list[tuple[str, Path]]:
    """Write to `manifest_path` the manifest of some of the shards in `directory`; returns names and paths of
    what a folder of these shards holds. Raises UserError like `read_manifest` and `choose`."""
    manifest = read_manifest(directory)
    chosen = choose(manifest, most)
    content: dict[str, Any] = json.loads((directory / MANIFEST_NAME).read_text(encoding="utf-8"))
    names = {shard.path.name for shard in chosen}
    content["shards"] = [entry for entry in content["shards"] if entry["name"] in names]
    content.pop("counts", None)
    write_text(manifest_path, json.dumps(content, indent=1) + "\n")
    return [(MANIFEST_NAME, manifest_path), *((shard.path.name, shard.path) for shard in chosen)]
