"""What the preparation of the shards said: clips taken, rejected by reason, frames a second."""

import csv
import json
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from lit_emotalk.data.manifest import Manifest
from lit_emotalk.errors import UserError
from lit_emotalk.schema import SPLITS

NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Preparation:
    """`clips` taken; `frames` in them and their `rate` in frames a second of one process, None where the
    shards do not tell; `rejected`: reason (of its first file) -> files."""

    clips: int
    frames: int | None
    rate: float | None
    rejected: dict[str, list[str]]


def read_preparation(manifest: Manifest) -> Preparation:
    """From the files that data_prep leaves beside the shards; shards without them tell less.

    Raises UserError for a file that is none of data_prep's.
    """
    clips = sum(manifest.count("frames", split) for split in SPLITS)
    folder = manifest.directory
    rejected: dict[str, list[str]] = defaultdict(list)
    first: dict[str, str] = {}
    for row in _rows(folder / "rejected.csv", ("source", "reason")):
        reason = plain_reason(row["source"], row["reason"])
        rejected[first.setdefault(NUMBER.sub("N", reason), reason)].append(row["source"])
    path = folder / "prepared.json"
    try:
        known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        frames, rate = known.get("frames"), known.get("frames_per_second")
    except (ValueError, AttributeError) as error:
        raise UserError(f"{path} is damaged ({error}); prepare the shards again") from error
    return Preparation(clips, frames, rate, dict(sorted(rejected.items(), key=lambda item: -len(item[1]))))


def plain_reason(source: str, reason: str) -> str:
    """A reason without the path of its file: '/data/a.mp4: too quiet' -> 'too quiet'."""
    before, found, after = reason.partition(source)
    if not found:
        return reason
    words = "" if before.startswith("/") else before.rpartition(" ")[0]
    return f"{words} it{after}" if words else after.lstrip(": ")


def _rows(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with open(path, newline="", encoding="utf-8") as handle:
        reader = csv.DictReader(handle)
        if not set(columns) <= set(reader.fieldnames or ()):
            raise UserError(f"{path} lacks the columns {', '.join(columns)}; prepare the shards again")
        return list(reader)
