"""A whole corpus: clips in parallel, resting shapes, shards; can be stopped and continued at any moment."""

import csv
import hashlib
import io
import json
import os
import sys
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import joblib

from data_prep import clip
from data_prep import track as track_module
from data_prep.clip import Source, load_clip, prepare_clip, read_rest
from data_prep.code_digest import code_digest
from data_prep.pack import CLIPS_PER_SHARD, JPEG_QUALITY, Corpus, Entry, pack
from lit_emotalk import audio, video, weights
from lit_emotalk.coefficients import ARKIT
from lit_emotalk.emotions import COMPOUNDS
from lit_emotalk.errors import UserError
from lit_emotalk.face import alignment, basis, crop, landmarker, look, regions, tracker
from lit_emotalk.face.basis import BASIS_FILE
from lit_emotalk.face.tracker import TRACKER_FILE
from lit_emotalk.files import sha256_file, sha256_text, write_text
from lit_emotalk.progress import track

WORK = ".work"
REST_CLIPS = 12
"""A speaker's resting shape is read from at most this many clips, neutral ones first (our choice)."""


@dataclass(frozen=True)
class Job:
    """What to prepare and how: `splits` names the speakers of val and test (and train; without it all others
    train); `skipped` are files (relative) that are no clips, with the reason."""

    corpus: str
    sources: list[Source]
    splits: dict[str, list[str]]
    output: Path
    command: str
    frame_size: int = 256
    clips_per_shard: int = CLIPS_PER_SHARD
    workers: int = 1
    skipped: list[tuple[str, str]] = field(default_factory=list)


def prepare(job: Job) -> None:
    """Bring the shards in `job.output` up to date with the sources; does only what is missing or changed.

    Raises UserError where the landmarker is missing, no clip is fit, or the place cannot be written.
    """
    states = _prepare_clips(job)
    fit, rejected = [], list(job.skipped)
    for source in job.sources:
        reason = states[source.key]["rejected"] or _unfit_for_split(source, job.splits)
        if reason:
            rejected.append((source.relative, reason))
        else:
            fit.append(source)
    _write_rejected(job.output, rejected)
    if not fit:
        first = f": {rejected[0][0]}: {rejected[0][1]}" if rejected else ""
        raise UserError(f"none of {len(job.sources)} clips is fit{first}; see {job.output / 'rejected.csv'}")
    rests = _read_rests(job, fit, states)
    entries = [_entry(job, source, states[source.key], rests[source.speaker]) for source in fit]
    speakers: dict[str, list[str]] = defaultdict(list)
    for speaker in sorted({source.speaker for source in fit}):
        speakers[split_of(speaker, job.splits)].append(speaker)
    corpus = Corpus(job.corpus, ARKIT.name, job.frame_size, dict(speakers), job.command)
    written = pack(entries, job.output, corpus, job.clips_per_shard, job.workers)
    _write_report(job.output, fit, states, job.splits)
    for line in _summary(job, fit, states, rejected, written):
        print(line)


def split_of(speaker: str, splits: dict[str, list[str]]) -> str:
    """The split of a speaker: the one that names it, else train."""
    return next((split for split, speakers in splits.items() if speaker in speakers), "train")


def _unfit_for_split(source: Source, splits: dict[str, list[str]]) -> str | None:
    split = split_of(source.speaker, splits)
    if split == "train" and splits.get("train") and source.speaker not in splits["train"]:
        return f"speaker {source.speaker} is in no split"
    if split == "train" and source.emotion in COMPOUNDS:
        return "compound emotions are kept out of the training split"
    return None


def _prepare_clips(job: Job) -> dict[str, dict[str, Any]]:
    """The state of every clip by key, after preparing those that are not up to date, longest first."""
    code = code_digest(clip, track_module, crop, landmarker, regions, alignment, look, audio, video)
    options = sha256_text(
        json.dumps([code, sha256_file(BASIS_FILE), JPEG_QUALITY, job.frame_size, ARKIT.name])
    )
    states, due = {}, []
    for source in job.sources:
        state = _current_state(job.output, source, options)
        if state is None:
            due.append(source)
        else:
            states[source.key] = state
    if due:
        weights.path("face_landmarker")
        due.sort(key=lambda source: (-source.video.stat().st_size, source.key))
        tasks = (joblib.delayed(_prepare_one)(job.output, source, options, job.frame_size) for source in due)
        start, frames = time.monotonic(), 0
        with joblib.parallel_config("loky", inner_max_num_threads=1), warnings.catch_warnings():
            # Workers that grew large on long clips are replaced, which is as it should be.
            warnings.filterwarnings("ignore", "A worker stopped while some jobs")
            results = joblib.Parallel(n_jobs=job.workers, return_as="generator_unordered")(tasks)
            for key, state in track(results, "preparing", len(due), "clips"):
                states[key] = state
                frames += (state["facts"] or {}).get("frames", 0)
        rate = frames / (time.monotonic() - start)
        print(f"prepared {len(due)} clips, {frames} frames, {rate:.0f} frames/s", file=sys.stderr, flush=True)
    return states


def _prepare_one(output: Path, source: Source, options: str, frame_size: int) -> tuple[str, dict[str, Any]]:
    """Prepare a clip and note its state; what is wrong with a clip is its state, never an exception."""
    state: dict[str, Any] = {"options": options, "content": _content(source), "stat": _stat(source)}
    state |= {"rejected": None, "facts": None}
    target = _kept(output, source)
    try:
        state["facts"] = prepare_clip(source, frame_size, target)
    except UserError as error:
        if not os.access(output, os.W_OK) or str(error).startswith(f"cannot write {target}"):
            raise
        state["rejected"] = " ".join(str(error).split())
    except Exception as error:  # one odd file must not stop a corpus
        state["rejected"] = f"{source.video}: {type(error).__name__}: {' '.join(str(error).split())}"
        return source.key, state
    write_text(_state_path(output, source), json.dumps(state))
    return source.key, state


def _kept(output: Path, source: Source) -> Path:
    return output / WORK / source.speaker / f"{source.key}.npz"


def _state_path(output: Path, source: Source) -> Path:
    return output / WORK / source.speaker / f"{source.key}.json"


def _stat(source: Source) -> list[list[int]]:
    return [[status.st_size, status.st_mtime_ns] for status in map(os.stat, source.files)]


def _content(source: Source) -> str:
    parts = [source.corpus, source.speaker, source.emotion, source.level, source.relative]
    return sha256_text(json.dumps([*parts, *map(sha256_file, source.files)]))


def _current_state(output: Path, source: Source, options: str) -> dict[str, Any] | None:
    """The noted state of a clip if it still holds for its files and options, else None."""
    path = _state_path(output, source)
    try:
        state = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    if state["options"] != options or not (state["rejected"] or _kept(output, source).is_file()):
        return None
    if state["stat"] == _stat(source):
        return state
    if state["content"] != _content(source):
        return None
    state["stat"] = _stat(source)
    write_text(path, json.dumps(state))
    return state


def _read_rests(job: Job, fit: list[Source], states: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The rest of each speaker, in `.work/SPEAKER/rest.npz`; returns what each was made of."""
    by_speaker: dict[str, list[Source]] = defaultdict(list)
    for source in fit:
        by_speaker[source.speaker].append(source)
    reader = [
        sha256_file(TRACKER_FILE),
        sha256_file(BASIS_FILE),
        code_digest(tracker, look, alignment, basis, clip),
    ]
    made_of, due = {}, []
    for speaker, sources in by_speaker.items():
        chosen = _sample_for_rest(sources)
        kept = [states[source.key]["options"] + states[source.key]["content"] for source in chosen]
        made_of[speaker] = sha256_text(json.dumps([*reader, *kept]))
        rest = _rest_path(job.output, speaker)
        mark = rest.with_suffix(".txt")
        if not rest.is_file() or not mark.is_file() or mark.read_text() != made_of[speaker]:
            due.append((speaker, chosen))
    for speaker, chosen in track(due, "resting shapes", unit="speakers") if due else ():
        read_rest([_kept(job.output, source) for source in chosen]).save(_rest_path(job.output, speaker))
        write_text(_rest_path(job.output, speaker).with_suffix(".txt"), made_of[speaker])
    return made_of


def _rest_path(output: Path, speaker: str) -> Path:
    return output / WORK / speaker / "rest.npz"


def _sample_for_rest(sources: list[Source]) -> list[Source]:
    """Neutral clips first, then mild ones, then spread over the rest."""
    digest = {source.key: sha256_text(source.key) for source in sources}
    order = sorted(sources, key=lambda s: (s.emotion != "neutral", s.level or 0, digest[s.key]))
    return order[:REST_CLIPS]


def _entry(job: Job, source: Source, state: dict[str, Any], rest: str) -> Entry:
    content = hashlib.sha256((state["options"] + state["content"] + rest).encode()).hexdigest()
    load = partial(load_clip, _kept(job.output, source), _rest_path(job.output, source.speaker))
    split = split_of(source.speaker, job.splits)
    return Entry(source.key, split, source.speaker, state["facts"]["frames"], content, load)


def _write_rejected(output: Path, rejected: list[tuple[str, str]]) -> None:
    write_csv(output / "rejected.csv", ["source", "reason"], sorted(rejected))


def _write_report(
    output: Path, fit: list[Source], states: dict[str, dict[str, Any]], splits: dict[str, list[str]]
) -> None:
    rows = [
        [source.key, split_of(source.speaker, splits), *states[source.key]["facts"].values()]
        for source in sorted(fit, key=lambda source: source.key)
    ]
    facts = list(states[fit[0].key]["facts"])
    write_csv(output / "report.csv", ["key", "split", *facts], rows)


def write_csv(path: Path, header: list[str], rows: list[Any]) -> None:
    """Write a CSV file, unless it is there with the same content."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    if not path.is_file() or path.read_text(encoding="utf-8") != text.getvalue():
        write_text(path, text.getvalue())


def _summary(
    job: Job,
    fit: list[Source],
    states: dict[str, dict[str, Any]],
    rejected: list[tuple[str, str]],
    written: int,
) -> Iterator[str]:
    frames = sum(states[source.key]["facts"]["frames"] for source in fit)
    clips = Counter(split_of(source.speaker, job.splits) for source in fit)
    if written == 0:
        yield f"{job.output}: nothing to do, the shards are up to date"
    else:
        yield f"{job.output}: wrote {written} shards"
    split_text = ", ".join(f"{split} {count}" for split, count in sorted(clips.items()))
    yield f"{len(fit)} clips ({split_text}), {frames} frames; {len(rejected)} rejected, see rejected.csv"
    crowded = [source.key for source in fit if states[source.key]["facts"]["faces"] > 1]
    if crowded:
        more = f" and {len(crowded) - 3} more" if len(crowded) > 3 else ""
        yield f"several faces (the main one was followed): {', '.join(crowded[:3])}{more}; see report.csv"
