"""Files cut into pieces of a size that may travel, and put together again where they arrive.

A folder holds `manifest.json` (the files: name, bytes, sha256, and where their bytes lie; the pieces: name,
bytes, sha256) and `piece-00`, `piece-01` ... A file may lie in several pieces. Pieces may come one at a
time.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lit_emotalk.errors import UserError
from lit_emotalk.io.files import atomic_path, sha256_file, write_text

MANIFEST = "manifest.json"


@dataclass
class Packed:
    """A file's name below the target folder, its bytes and sha256, and its parts: (piece, offset, bytes)."""

    name: str
    bytes: int
    sha256: str
    parts: list[tuple[str, int, int]] = field(default_factory=list)


def pack(files: Iterable[tuple[str, Path]], folder: Path, most: int) -> list[Path]:
    """Write (name, path) into pieces of at most `most` bytes, in place of older ones; returns the pieces."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    for old in folder.glob("piece-*"):
        old.unlink()
    packed = [(Packed(name, path.stat().st_size, sha256_file(path)), path) for name, path in files]
    plan: list[list[tuple[Path, int, int]]] = [[]]
    room = most
    for entry, path in packed:
        done = 0
        while done < entry.bytes:
            if room == 0:
                plan.append([])
                room = most
            size = min(room, entry.bytes - done)
            entry.parts.append((f"piece-{len(plan) - 1:02d}", most - room, size))
            plan[-1].append((path, done, size))
            done, room = done + size, room - size
    pieces = [folder / f"piece-{number:02d}" for number, parts in enumerate(plan) if parts]
    for piece, parts in zip(pieces, plan, strict=False):
        with atomic_path(piece) as temporary, open(temporary, "wb") as target:
            for path, start, size in parts:
                target.write(read_bytes(path, start, size))
    content = {
        "pieces": [{"name": p.name, "bytes": p.stat().st_size, "sha256": sha256_file(p)} for p in pieces],
        "files": [asdict(entry) for entry, _ in packed],
    }
    write_text(folder / MANIFEST, json.dumps(content, indent=1) + "\n")
    return pieces


def unpack(folder: Path, target: Path) -> dict[str, Any]:
    """Put together below `target` the files whose pieces are here. Files that lie there whole stay.

    Returns how many came now, were there, still lack a piece, and the pieces that are missing or damaged.
    Raises UserError for a manifest that cannot be read or names a place outside of `target`.
    """
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files = [
            Packed(**{**entry, "parts": [tuple(p) for p in entry["parts"]]}) for entry in content["files"]
        ]
        pieces = {piece["name"]: piece["sha256"] for piece in content["pieces"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder / MANIFEST} cannot be read ({error}); pack again") from error
    here = {name for name in pieces if (folder / name).is_file()}
    damaged = {name for name in here if sha256_file(folder / name) != pieces[name]}
    found: dict[str, Any] = {"unpacked": 0, "there": 0, "waiting": []}
    for entry in files:
        path = (target / entry.name).resolve()
        if not path.is_relative_to(target.resolve()):
            raise UserError(f"{folder / MANIFEST} names {entry.name}, outside of {target}; pack again")
        if path.is_file() and path.stat().st_size == entry.bytes and sha256_file(path) == entry.sha256:
            found["there"] += 1
        elif {part[0] for part in entry.parts} <= here - damaged:
            put_together(folder, entry, path)
            found["unpacked"] += 1
        else:
            found["waiting"].append(entry.name)
    return found | {"missing": sorted(pieces.keys() - here), "damaged": sorted(damaged)}


def put_together(folder: Path, entry: Packed, path: Path) -> None:
    """Write one file from its parts; raises UserError where its checksum is another."""
    digest = hashlib.sha256()
    with atomic_path(path) as temporary, open(temporary, "wb") as target:
        for piece, start, size in entry.parts:
            part = read_bytes(folder / piece, start, size)
            digest.update(part)
            target.write(part)
        if digest.hexdigest() != entry.sha256:
            raise UserError(f"{entry.name} in {folder} has another checksum than the manifest's; pack again")


def read_bytes(path: Path, start: int, size: int) -> bytes:
    """`size` bytes from `start` on."""
    with open(path, "rb") as handle:
        handle.seek(start)
        return handle.read(size)
