"""Resting shapes: what a speaker's face looks like without expression, read from some of their clips."""

import json
from collections import defaultdict
from pathlib import Path
from types import ModuleType

import joblib

from data_prep.clips import clip
from data_prep.clips.clip import read_rest
from data_prep.clips.source import Source
from data_prep.shards.report import State
from data_prep.shards.spread import spread
from data_prep.shards.work import kept_path, speaker_folder
from lit_emotalk.face import alignment, basis, look, refine, tracker
from lit_emotalk.face.basis import BASIS_FILE
from lit_emotalk.face.tracker import TRACKER_FILE
from lit_emotalk.io.files import sha256_file, sha256_text, write_text
from lit_emotalk.io.progress import track
from lit_emotalk.io.sources import code_digest

REST_CLIPS = 12
"""A resting shape is read from at most this many clips, neutral ones first (our choice)."""


def rest_path(output: Path, source: Source) -> Path:
    """Where the rest of a clip's speaker, or of its scene, is kept."""
    name = "rest.npz" if source.scene is None else f"rest_{sha256_text(source.scene)[:16]}.npz"
    return speaker_folder(output, source.speaker) / name


def reading_facts(*more: ModuleType) -> list[str]:
    """Digests of what coefficients are read by: the weights, the linear face, and the code with `more`."""
    code = code_digest(tracker, refine, look, alignment, basis, *more)
    return [sha256_file(TRACKER_FILE), sha256_file(BASIS_FILE), code]


def read_rests(output: Path, fit: list[Source], states: dict[str, State]) -> dict[str, str]:
    """Bring the resting shapes up to date; returns for each clip's key what its shape was made of."""
    groups: dict[Path, list[Source]] = defaultdict(list)
    for source in fit:
        groups[rest_path(output, source)].append(source)
    reader = reading_facts(clip)
    made_of: dict[str, str] = {}
    due = []
    for rest, sources in groups.items():
        chosen = _sample(sources)
        kept = [states[source.key]["options"] + states[source.key]["content"] for source in chosen]
        mark = sha256_text(json.dumps([*reader, *kept]))
        made_of |= {source.key: mark for source in sources}
        noted = rest.with_suffix(".txt")
        if not rest.is_file() or not noted.is_file() or noted.read_text() != mark:
            due.append(joblib.delayed(_read_one)([kept_path(output, s) for s in chosen], rest, mark))
    if due:
        for _ in track(spread(due), "resting shapes", len(due), "faces"):
            pass
    return made_of


def _read_one(kept: list[Path], rest: Path, mark: str) -> None:
    read_rest(kept).save(rest)
    write_text(rest.with_suffix(".txt"), mark)


def _sample(sources: list[Source]) -> list[Source]:
    """Neutral clips first, then mild ones, then spread over the rest."""
    digest = {source.key: sha256_text(source.key) for source in sources}
    order = sorted(sources, key=lambda s: (s.emotion != "neutral", s.level or 0, digest[s.key]))
    return order[:REST_CLIPS]
