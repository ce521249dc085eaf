"""What is known of every clip between runs: `.work/SPEAKER/KEY.json`, and what is kept of it beside."""

import json
import os
import re
from pathlib import Path
from typing import Any

from data_prep.clips.source import Source
from lit_emotalk.io.files import sha256_file, sha256_text, write_text

WORK = ".work"
LONGEST_NAME = 76
DIGITS = 12
"""Of the digest that tells names apart whose plain forms are the same."""


def remove_leftovers(output: Path) -> None:
    """Remove the temporary files of a run that was killed; no other run may be writing there."""
    for path in output.rglob(".*.tmp*"):
        path.unlink(missing_ok=True)


def plain_name(name: str, told_apart_by: str) -> str:
    """Of ASCII letters, digits, '_' and '-' (at most 89), for keys and files: as much of `name` as these can
    say and a digest of `told_apart_by`, so that names of any script stay distinct."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:LONGEST_NAME].strip("-")
    return "-".join(part for part in (plain, sha256_text(told_apart_by)[:DIGITS]) if part)


def speaker_folder(output: Path, speaker: str) -> Path:
    """Where the clips of a speaker are kept; plain names stay as they are."""
    is_plain = re.fullmatch(rf"[A-Za-z0-9_-]{{1,{LONGEST_NAME}}}", speaker)
    return output / WORK / (speaker if is_plain else plain_name(speaker, told_apart_by=speaker))


def kept_path(output: Path, source: Source) -> Path:
    """Where a prepared clip is kept."""
    return speaker_folder(output, source.speaker) / f"{source.key}.npz"


def new_state(source: Source, options: str) -> dict[str, Any]:
    """The state of a clip that is about to be prepared with `options` (a digest)."""
    state = {"options": options, "content": _content(source), "stat": _stat(source), "known": _known(source)}
    return state | {"rejected": None, "facts": None}


def note_state(output: Path, source: Source, state: dict[str, Any]) -> None:
    """Keep a clip's state for the next run."""
    write_text(_state_path(output, source), json.dumps(state))


def current_state(output: Path, source: Source, options: str) -> dict[str, Any] | None:
    """The noted state of a clip if it still holds for its files and options, else None."""
    try:
        state = json.loads(_state_path(output, source).read_text())
    except (OSError, ValueError):
        return None
    if state["options"] != options or not (state["rejected"] or kept_path(output, source).is_file()):
        return None
    if state["stat"] == _stat(source) and state["known"] == _known(source):
        return state
    if state["content"] != _content(source):
        return None
    state["stat"] = _stat(source)
    note_state(output, source, state)
    return state


def _state_path(output: Path, source: Source) -> Path:
    return speaker_folder(output, source.speaker) / f"{source.key}.json"


def _stat(source: Source) -> list[list[int]]:
    return [[status.st_size, status.st_mtime_ns] for status in map(os.stat, source.files)]


def _known(source: Source) -> list[Any]:
    """What is known of a clip beside its files."""
    place = [source.corpus, source.speaker, source.relative, source.scene]
    return [*place, source.emotion, source.level, source.text]


def _content(source: Source) -> str:
    return sha256_text(json.dumps([*_known(source), *map(sha256_file, source.files)]))
