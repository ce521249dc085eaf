"""Which clips go into which shard: planned once, and kept when clips are added later."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from lit_emotalk import schema
from lit_emotalk.io.files import sha256_text, write_text

LAYOUT_NAME = ".work/layout.json"


@dataclass(frozen=True)
class Part:
    """Keys of clips of one split that share their shards; `number` is in the shards' names."""

    number: int
    split: str
    keys: list[str]


def arrange(directory: Path, split_of: dict[str, str], clips_per_shard: int, command: str) -> list[Part]:
    """The parts for all clips (key -> split), by split and number; noted in `directory`.

    The order within a split is that of the sha256 of the keys: speakers and emotions are mixed. Parts of an
    earlier run of the same command stay as they are and clips that are in none of them come into parts after
    these; where a clip of an earlier part is gone or has another split, everything is planned anew.
    """
    made_by: list[str | int] = [command, clips_per_shard]
    known = _read(directory / LAYOUT_NAME, made_by)
    if any(split_of.get(key) != part.split for part in known for key in part.keys):
        known = []
    placed = {key for part in known for key in part.keys}
    number = 1 + max((part.number for part in known), default=-1)
    parts = list(known)
    for split in schema.SPLITS:
        free = [key for key, other in split_of.items() if other == split and key not in placed]
        free.sort(key=sha256_text)
        for first in range(0, len(free), clips_per_shard):
            parts.append(Part(number, split, free[first : first + clips_per_shard]))
            number += 1
    parts.sort(key=lambda part: (schema.SPLITS.index(part.split), part.number))
    if parts != known:
        content = {"made_by": made_by, "parts": [asdict(part) for part in parts]}
        write_text(directory / LAYOUT_NAME, json.dumps(content))
    return parts


def _read(path: Path, made_by: list[str | int]) -> list[Part]:
    """The noted parts; none where there are none, or they are of another command."""
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
        return [Part(**part) for part in noted["parts"]] if noted["made_by"] == made_by else []
    except (OSError, ValueError, KeyError, TypeError):
        return []
