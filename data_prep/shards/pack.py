"""Prepared clips to shards: deterministic tar files and the manifest that names them."""

import hashlib
import io
import json
import re
import tarfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from copy import copy
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import joblib

from data_prep.clips.record import Clip
from data_prep.shards.arrange import arrange
from data_prep.shards.spread import spread
from lit_emotalk import schema
from lit_emotalk.errors import UserError
from lit_emotalk.io.files import atomic_path, sha256_file, sha256_text, write_text
from lit_emotalk.io.progress import track
from lit_emotalk.io.sources import code_digest
from lit_emotalk.models import hearing

CLIPS_PER_SHARD = 64
STATE_NAME = ".work/packed.json"
NOTE_SECONDS = 10.0
"""How often what is packed is noted: an interrupted run repeats no more than this."""
KEY_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,90}")


@dataclass(frozen=True)
class Entry:
    """A clip to be packed: its key, split and number of frames; `content` changes whenever its sample would;
    `load` makes the clip when its shard is written."""

    key: str
    split: str
    speaker: str
    frames: int
    content: str
    load: Callable[[], Clip]


@dataclass(frozen=True)
class Corpus:
    """What the manifest says of the whole: corpus name, coefficient layout (None for sound only) and frame
    size in pixels (None without pictures), speakers of each split, and the command that made the shards;
    `hears`: what the samples hold for networks that hear so, beside the log-mel."""

    name: str
    layout: str | None
    frame_size: int | None
    splits: dict[str, list[str]]
    command: str
    hears: schema.Hears = "mel"


def pack_clips(
    clips: Sequence[Clip], directory: Path | str, corpus: Corpus, clips_per_shard: int = 64
) -> None:
    """Pack clips held in memory; each goes to the split that `corpus.splits` gives its speaker."""
    split_of = {speaker: split for split, speakers in corpus.splits.items() for speaker in speakers}
    entries = []
    for clip in clips:
        parts = [*clip.signals_entries().values(), *(clip.frames or [])]
        content = hashlib.sha256(b"".join(parts)).hexdigest()
        speaker = clip.record["speaker"]
        key, frames = clip.record["key"], clip.record["frames"]
        entries.append(Entry(key, split_of[speaker], speaker, frames, content, partial(copy, clip)))
    pack(entries, directory, corpus, clips_per_shard)


def pack(
    entries: Iterable[Entry],
    directory: Path | str,
    corpus: Corpus,
    clips_per_shard: int = CLIPS_PER_SHARD,
) -> int:
    """Write the shards that are missing or whose content changed, then the manifest; returns their number.

    A shard holds clips of one split (see `arrange`). The same clips in one go always give the same files,
    byte for byte; clips that are added later by the same command come into shards of their own. The manifest
    is removed before the first shard changes and written last, so a directory with a manifest is complete.
    Raises UserError for a repeated or malformed key and where the place cannot be written.
    """
    directory = Path(directory)
    kinds = ("signals", "frames") if corpus.frame_size else ("signals",)
    by_key = _by_key(entries)
    parts = arrange(directory, {key: e.split for key, e in by_key.items()}, clips_per_shard, corpus.command)
    shards: list[Shard] = [
        (f"{kind}-{part.number:06d}.tar", kind, part.split, [by_key[key] for key in part.keys])
        for part in parts
        for kind in kinds
    ]
    state_path = directory / STATE_NAME
    state = json.loads(state_path.read_text()) if state_path.is_file() else {}
    plans = {name: _plan_hash(kind, clips, corpus) for name, kind, _, clips in shards}
    due = [s for s in shards if not _is_current(directory / s[0], plans[s[0]], state.get(s[0]))]
    manifest_path = directory / "manifest.json"
    if due:
        manifest_path.unlink(missing_ok=True)
        _write_due(directory, due, plans, state, corpus.hears)
    state = {name: state[name] for name in plans}
    manifest = _manifest(shards, state, corpus)
    if not manifest_path.is_file() or manifest_path.read_text(encoding="utf-8") != manifest:
        write_text(directory / STATE_NAME, json.dumps(state, indent=1))
        for stale in {*directory.glob("signals-*.tar"), *directory.glob("frames-*.tar")}:
            if stale.name not in plans:
                stale.unlink()
        write_text(manifest_path, manifest)
    return len(due)


Shard = tuple[str, str, str, list[Entry]]
"""File name, kind (signals or frames), split, clips."""


def _write_due(
    directory: Path, due: list[Shard], plans: dict[str, str], state: dict[str, Any], hears: schema.Hears
) -> None:
    """Write the shards and note in `state` what they are, also where the work is interrupted."""
    groups = [list(group) for _, group in groupby(due, key=lambda shard: shard[0].partition("-")[2])]
    jobs = [
        joblib.delayed(_write_shards)(
            [(directory / shard[0], shard[1]) for shard in group], group[0][3], hears
        )
        for group in groups
    ]
    results = track(spread(jobs, ordered=True), "packing", len(groups), "parts")
    noted = time.monotonic()
    try:
        for group, facts in zip(groups, results, strict=True):
            for (name, *_), known in zip(group, facts, strict=True):
                state[name] = {"plan": plans[name], **known}
            if time.monotonic() - noted > NOTE_SECONDS:
                write_text(directory / STATE_NAME, json.dumps(state, indent=1))
                noted = time.monotonic()
    finally:
        write_text(directory / STATE_NAME, json.dumps(state, indent=1))


def _by_key(entries: Iterable[Entry]) -> dict[str, Entry]:
    by_key: dict[str, Entry] = {}
    for entry in entries:
        if not KEY_PATTERN.fullmatch(entry.key):
            raise UserError(f"clip key '{entry.key}' may hold letters, digits, '_' and '-' only, at most 90")
        if entry.key in by_key:
            raise UserError(f"two clips have the key {entry.key}; rename one")
        by_key[entry.key] = entry
    return by_key


def _plan_hash(kind: str, clips: list[Entry], corpus: Corpus) -> str:
    heard = code_digest(hearing) if kind == "signals" and corpus.hears == "whisper" else None
    made_of = [[entry.key, entry.content] for entry in clips]
    parts = [schema.VERSION, kind, corpus.frame_size, corpus.layout, heard, made_of]
    return sha256_text(json.dumps(parts))


def _is_current(path: Path, plan: str, known: dict[str, Any] | None) -> bool:
    """Whether a shard is what the plan wants; its bytes are read again only if the file was touched."""
    if known is None or known["plan"] != plan or not path.is_file():
        return False
    status = path.stat()
    if [status.st_size, status.st_mtime_ns] == [known["size"], known["mtime_ns"]]:
        return True
    return status.st_size == known["size"] and sha256_file(path) == known["sha256"]


def _write_shards(
    targets: list[tuple[Path, str]], clips: list[Entry], hears: schema.Hears
) -> list[dict[str, Any]]:
    """Write the tars (path, kind) of the same clips, each clip loaded once; returns their sizes and sums.

    Files in a tar have no owner and no time, so equal content gives equal bytes.
    """
    with ExitStack() as stack:
        temporaries = [stack.enter_context(atomic_path(path)) for path, _ in targets]
        with ExitStack() as files:
            tars = [
                files.enter_context(tarfile.open(temporary, "w", format=tarfile.GNU_FORMAT))
                for temporary in temporaries
            ]
            for entry in clips:
                clip = entry.load()
                for tar, (_, kind) in zip(tars, targets, strict=True):
                    content = clip.signals_entries(hears) if kind == "signals" else clip.frames_entries()
                    for name, data in content.items():
                        info = tarfile.TarInfo(f"{entry.key}.{name}")
                        info.size = len(data)
                        info.mode = 0o644
                        tar.addfile(info, io.BytesIO(data))
        return [_facts(temporary) for temporary in temporaries]


def _facts(path: Path) -> dict[str, Any]:
    status = path.stat()
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": sha256_file(path)}


def _manifest(shards: list[Shard], state: dict[str, Any], corpus: Corpus) -> str:
    counts = {}
    for split in schema.SPLITS:
        clips = [e for _, kind, s, part in shards if kind == "signals" and s == split for e in part]
        counts[split] = {"clips": len(clips), "frames": sum(e.frames for e in clips)}
    manifest = {
        "version": schema.VERSION,
        "corpus": corpus.name,
        "layout": corpus.layout,
        "frame_size": corpus.frame_size,
        "hears": corpus.hears,
        "counts": counts,
        "splits": {split: sorted(corpus.splits.get(split, [])) for split in schema.SPLITS},
        "shards": [
            {"name": n, "kind": k, "split": s, "samples": len(part), "sha256": state[n]["sha256"]}
            for n, k, s, part in shards
        ],
        "command": corpus.command,
    }
    return json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
