"""A whole corpus: clips in parallel, resting shapes, shards; can be stopped and continued at any moment."""

import hashlib
import json
import os
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import joblib

from data_prep.clips import (
    clip,
    deep3d,
    followed,
    lost_frames,
    people,
    shots,
    small_faces,
    sound,
    speaking,
    windows,
)
from data_prep.clips import source as source_module
from data_prep.clips import track as track_module
from data_prep.clips.clip import load_clip, prepare_clip
from data_prep.clips.people import identity_network
from data_prep.clips.record import JPEG_QUALITY
from data_prep.clips.sound import load_sound, prepare_sound
from data_prep.clips.source import Source
from data_prep.shards.pack import CLIPS_PER_SHARD, Corpus, Entry, pack
from data_prep.shards.report import State, summary, write_prepared, write_rejected, write_report
from data_prep.shards.rests import read_rests, rest_path
from data_prep.shards.spread import spread, workers
from data_prep.shards.work import current_state, kept_path, new_state, note_state, remove_leftovers
from data_prep.splits import Splits, split_of
from lit_emotalk.coefficients import ARKIT, Layout
from lit_emotalk.emotions import COMPOUNDS
from lit_emotalk.errors import UserError
from lit_emotalk.face import alignment, crop, finder, landmarker, look, regions
from lit_emotalk.face.basis import BASIS_FILE
from lit_emotalk.io import audio, complete, hdr, sound_track, timestamps, upright, video
from lit_emotalk.io.files import sha256_file, sha256_text
from lit_emotalk.io.progress import track
from lit_emotalk.io.sources import code_digest
from lit_emotalk.models.hearing import check_hearing
from lit_emotalk.schema import Hears
from lit_emotalk.weights import fetch as weights


@dataclass(frozen=True)
class Job:
    """What to prepare and how.

    `sources` all have a video or none has: a corpus of sound only. `splits` names the speakers of each split
    (see `split_of`); `skipped` are files (relative) that are no clips, with the reason; `cluster` as in
    `spread.workers`; `layout` is arkit, or bfm where every source has imported `coefficients`; `hears`
    as in `Corpus`.
    """

    corpus: str
    sources: list[Source]
    splits: Splits
    output: Path
    command: str
    frame_size: int = 256
    clips_per_shard: int = CLIPS_PER_SHARD
    workers: int = 1
    cluster: str | None = None
    layout: Layout = ARKIT
    hears: Hears = "mel"
    skipped: list[tuple[str, str]] = field(default_factory=list)

    @property
    def sound_only(self) -> bool:
        """Whether the corpus has no videos."""
        return all(source.video is None for source in self.sources)


def prepare(job: Job) -> None:
    """Bring the shards in `job.output` up to date with the sources; does only what is missing or changed.

    Raises UserError where the landmarker is missing, no clip is fit, or the place cannot be written.
    """
    check_hearing(job.hears)
    remove_leftovers(job.output)
    with workers(job.workers, job.cluster):
        states = _prepare_clips(job)
        fit, rejected = [], list(job.skipped)
        for source in job.sources:
            split = split_of(source.speaker, job.splits)
            reason = states[source.key]["rejected"] or _unfit_for_split(source, split)
            if reason:
                rejected.append((source.relative, reason))
            elif split is not None:
                fit.append((source, split))
        write_rejected(job.output, rejected)
        if not fit:
            first = f": {rejected[0][0]}: {rejected[0][1]}" if rejected else ""
            raise UserError(
                f"none of {len(job.sources)} clips is fit{first}; see {job.output / 'rejected.csv'}"
            )
        written = _pack(job, fit, states)
    write_report(job.output, fit, states)
    write_prepared(job.output, fit, states)
    for line in summary(job.output, fit, states, rejected, written):
        print(line)


def _unfit_for_split(source: Source, split: str | None) -> str | None:
    if split is None:
        return f"speaker {source.speaker} is in no split"
    if split == "train" and source.emotion in COMPOUNDS:
        return "compound emotions are kept out of the training split"
    return None


def _options(job: Job) -> str:
    """Digest of the code and the options that decide what is kept of a clip."""
    if job.sound_only:
        return code_digest(source_module, sound, audio, complete, sound_track, timestamps)
    code = code_digest(source_module, clip, deep3d, track_module, lost_frames, crop, landmarker, regions)
    code += code_digest(finder, shots, small_faces, speaking, windows, followed, people) + str(
        identity_network() is not None
    )
    code += code_digest(
        alignment, look, audio, complete, hdr, sound_track, timestamps, upright, video
    ) + sha256_file(BASIS_FILE)
    return sha256_text(json.dumps([code, JPEG_QUALITY, job.frame_size, job.layout.name]))


def _prepare_clips(job: Job) -> dict[str, State]:
    """The state of every clip by key, after preparing those that are not up to date, longest first."""
    options = _options(job)
    states, due = {}, []
    for source in job.sources:
        state = current_state(job.output, source, options)
        if state is None:
            due.append(source)
        else:
            states[source.key] = state
    if due:
        if not job.sound_only:
            weights.path("face_landmarker")
        due.sort(key=lambda source: (-source.main.stat().st_size, source.key))
        tasks = (joblib.delayed(_prepare_one)(job.output, source, options, job.frame_size) for source in due)
        start, frames = time.monotonic(), 0
        for key, state in track(spread(tasks), "preparing", len(due), "clips"):
            states[key] = state
            frames += (state["facts"] or {}).get("frames", 0)
        rate = frames / (time.monotonic() - start)
        print(f"prepared {len(due)} clips, {frames} frames, {rate:.0f} frames/s", file=sys.stderr, flush=True)
    return states


def _prepare_one(output: Path, source: Source, options: str, frame_size: int) -> tuple[str, State]:
    """Prepare a clip and note its state; what is wrong with a clip is its state, never an exception."""
    state = new_state(source, options)
    target = kept_path(output, source)
    start = time.monotonic()
    try:
        if source.video is None:
            state["facts"] = prepare_sound(source, target)
        else:
            state["facts"] = prepare_clip(source, frame_size, target)
    except UserError as error:
        if not os.access(output, os.W_OK) or str(error).startswith(f"cannot write {target}"):
            raise
        state["rejected"] = " ".join(str(error).split())
    except Exception as error:  # one odd file must not stop a corpus
        state["rejected"] = f"{source.main}: {type(error).__name__}: {' '.join(str(error).split())}"
        return source.key, state
    state["seconds"] = round(time.monotonic() - start, 3)
    note_state(output, source, state)
    return source.key, state


def _pack(job: Job, fit: list[tuple[Source, str]], states: dict[str, State]) -> int:
    """Write the shards that are missing or changed; returns their number."""
    rests = {} if job.sound_only else read_rests(job.output, [source for source, _ in fit], states)
    entries = []
    speakers: dict[str, set[str]] = defaultdict(set)
    for source, split in fit:
        state = states[source.key]
        made_of = state["options"] + state["content"] + rests.get(source.key, "")
        load: Any = partial(load_sound, kept_path(job.output, source))
        if not job.sound_only:
            load = partial(load_clip, kept_path(job.output, source), rest_path(job.output, source))
        content = hashlib.sha256(made_of.encode()).hexdigest()
        entries.append(Entry(source.key, split, source.speaker, state["facts"]["frames"], content, load))
        speakers[split].add(source.speaker)
    layout, frame_size = (None, None) if job.sound_only else (job.layout.name, job.frame_size)
    by_split = {split: sorted(found) for split, found in speakers.items()}
    corpus = Corpus(job.corpus, layout, frame_size, by_split, job.command, job.hears)
    return pack(entries, job.output, corpus, job.clips_per_shard)
