"""The work on one clip: load it, look at the truth once, make or take every method's video, score them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.beside.videos import load_beside
from lit_emotalk.evaluate.folders import VideoPair, load_pair, state_of
from lit_emotalk.evaluate.generate import generator
from lit_emotalk.evaluate.reads import Reader, reader
from lit_emotalk.evaluate.scoring import Reference, reference_of, score
from lit_emotalk.evaluate.settings import BASELINES, Settings
from lit_emotalk.evaluate.shards import ShardClip, load_clip
from lit_emotalk.evaluate.store import ResultsFile, Row

EMBEDDING_DIGITS = 4
TRUE = "#reference"
"""The true clip among methods: no method is called so."""


@dataclass(frozen=True, eq=False)
class Task:
    """One clip and the methods wanted of it, as label -> what makes it: a condition, a baseline, or "video".

    `fingerprint` tells apart the models or files that make the videos; it is kept in their rows. `beside`:
    the videos of other methods of a clip of shards, by their labels, whose kind is "video".
    """

    clip: VideoPair | ShardClip
    methods: dict[str, str]
    fingerprint: str | None = None
    beside: dict[str, Path] = field(default_factory=dict)

    def made_by(self, method: str) -> str | None:
        """The models or files that make a method's video, None for the baselines."""
        if method in self.beside:
            return state_of([self.beside[method]])
        return None if self.methods[method] in BASELINES else self.fingerprint

    def without(self, results: ResultsFile) -> "Task":
        """The task without the methods that have been scored."""
        key = self.clip.key
        missing = {m: k for m, k in self.methods.items() if not results.done(m, key, self.made_by(m))}
        return replace(self, methods=missing)


@dataclass(frozen=True, eq=False)
class Outcome:
    """A clip's rows, and by method (`TRUE`: the truth) its coefficients (T, 57), and its Inception features
    where they were computed."""

    rows: list[Row]
    features: dict[str, np.ndarray] = field(default_factory=dict)
    coefficients: dict[str, np.ndarray] = field(default_factory=dict)


def run(settings: Settings, task: Task) -> Outcome:
    """Score one clip under every method of the task. What cannot be read becomes a row with an `error`."""
    began = time.monotonic()
    facts = {"key": task.clip.key, **task.clip.facts}
    tools = reader(settings)
    try:
        reference, videos, lag = _open(settings, tools, task)
    except (UserError, OSError, ValueError) as error:
        return Outcome([_failed(facts, method, error) for method in task.methods])
    rows, features = [], _features(tools, TRUE, reference.frames)
    coefficients = {TRUE: reference.look.coefficients}
    for method, kind in task.methods.items():
        try:
            made, samples = videos(method, kind)
        except (UserError, OSError) as error:
            rows.append(_failed(facts, method, error))
            continue
        same = made is reference.frames
        reads = reference.reads if same else None
        scores = score(made, reference, tools, samples, reads, task.clip.facts.get("emotion"))
        scores.fail("frames_off_reference", abs(lag))
        row = {"method": method, **facts, "frames": scores.frames, "failures": scores.failures}
        if (made_by := task.made_by(method)) is not None:
            row["made_by"] = made_by
        row |= {"metrics": scores.metrics, "missing": scores.missing, "truth": scores.truth}
        row |= {"seconds": round(time.monotonic() - began, 2)}
        if same:
            row["identity"] = _mean_identity(reference)
        rows.append(row)
        features |= _features(tools, method, made[: scores.frames["used"]])
        if scores.coefficients is not None:
            coefficients[method] = scores.coefficients
        began = time.monotonic()
    return Outcome(rows, features, coefficients)


Videos = Callable[[str, str], tuple[np.ndarray, np.ndarray | None]]


def _open(settings: Settings, tools: Reader, task: Task) -> tuple[Reference, Videos, int]:
    """The reference, a function from a method and its kind to its frames and own sound, and their lag (0 but
    for pairs of videos)."""
    clip = task.clip
    if isinstance(clip, VideoPair):
        pair = load_pair(clip, settings.resize, settings.align)
        reference = reference_of(pair.reference, pair.reference_sound, pair.source, tools)
        return reference, lambda method, kind: (pair.generated, pair.generated_sound), pair.lag
    networks = None if settings.models is None else generator(settings.models, settings.device)
    loaded = load_clip(clip, None if networks is None else networks.face.resolution)
    reference = reference_of(loaded.frames, loaded.samples, None, tools)

    def videos(method: str, kind: Any) -> tuple[np.ndarray, np.ndarray | None]:
        if kind == "video":
            return load_beside(task.beside[method], clip, loaded.frames.shape[1])
        if kind == "ground_truth":
            return loaded.frames, None
        if kind == "copy_source":
            return np.repeat(loaded.frames[:1], len(loaded.frames), 0), None
        assert networks is not None
        return networks.frames(clip, loaded, kind), None

    return reference, videos, 0


def _features(tools: Reader, method: str, frames: np.ndarray) -> dict[str, np.ndarray]:
    found = tools.inception_features(frames)
    return {} if found is None else {method: found}


def _mean_identity(reference: Reference) -> list[float]:
    """The true clip's mean embedding of unit length: tables compare it between speakers."""
    rows = reference.reads.identity
    rows = rows[np.isfinite(rows[:, 0])]
    if not len(rows):
        return []
    mean = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).mean(0)
    return [round(float(value), EMBEDDING_DIGITS) for value in mean / np.linalg.norm(mean)]


def _failed(facts: dict[str, Any], method: str, error: Exception) -> Row:
    line = " ".join(str(error).split())
    return {"method": method, **facts, "metrics": {}, "error": line}
