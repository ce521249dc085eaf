"""The loop of an evaluation: what is missing is scored by several processes, rows are kept as they come."""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.scoring import FAILURES
from lit_emotalk.evaluate.settings import Settings
from lit_emotalk.evaluate.store import SET_KEY, ResultsFile, Row
from lit_emotalk.evaluate.tasks import Outcome, Task, run
from lit_emotalk.io.files import atomic_path
from lit_emotalk.io.progress import track
from lit_emotalk.metrics.fid import frechet_of_features

LINES_SHOWN = 20


def evaluate(settings: Settings, tasks: list[Task], results: ResultsFile, workers: int) -> None:
    """Score what `results` lacks; UserError where every clip failed."""
    began = time.monotonic()
    todo = [missing for task in tasks if (missing := task.without(results)).methods]
    rows: list[Row] = []
    frames = 0
    for outcome in track(outcomes(settings, todo, workers), "evaluating", len(todo), "clips"):
        save_features(results.path, outcome)
        for row in outcome.rows:
            results.append(row)
            rows.append(row)
            frames += row.get("frames", {}).get("used", 0)
    score_sets(results)
    failed = [row for row in rows if "error" in row]
    print_lines("could not be scored", [f"{row['key']} ({row['method']}): {row['error']}" for row in failed])
    print_lines("kinds of trouble", troubles(rows))
    seconds = max(time.monotonic() - began, 1e-6)
    kept = sum(len(task.methods) for task in tasks) - len(rows)
    print(
        f"{results.path}: {len(rows) - len(failed)} rows added, {len(failed)} failed, {kept} were there; "
        f"{frames} frames in {seconds:.0f} s ({frames / seconds:.0f} frames/s)"
    )
    if rows and len(failed) == len(rows) and not kept:
        raise UserError(f"no clip could be scored; the first reason: {failed[0]['error']}")


def outcomes(settings: Settings, tasks: list[Task], workers: int) -> Iterator[Outcome]:
    """The tasks' outcomes in order, computed by `workers` processes (1: in this one)."""
    if workers == 1 or len(tasks) < 2:
        yield from (run(settings, task) for task in tasks)
        return
    from joblib import Parallel, delayed

    pool = Parallel(n_jobs=workers, return_as="generator", batch_size=1, pre_dispatch="2*n_jobs")
    yield from pool(delayed(run)(settings, task) for task in tasks)


def features_folder(results: Path) -> Path:
    """Where the Inception features of a results file are kept."""
    return results.with_suffix(".features")


def save_features(results: Path, outcome: Outcome) -> None:
    """Keep a clip's Inception features, one file a method."""
    for method, values in outcome.features.items():
        key = outcome.rows[0]["key"].replace("/", "__")
        with (
            atomic_path(features_folder(results) / method.replace("/", "__") / f"{key}.npy") as temporary,
            open(temporary, "wb") as handle,
        ):
            np.save(handle, values)


def score_sets(results: ResultsFile) -> None:
    """Add a row with the key "*" and the FID of every method over all its clips, where features were
    computed."""
    folder = features_folder(results.path)
    if not folder.is_dir():
        return
    for place in sorted(path for path in folder.iterdir() if path.name != "reference"):
        names = sorted(
            path.name for path in place.glob("*.npy") if (folder / "reference" / path.name).is_file()
        )
        if not names:
            continue
        made, true = (
            torch.from_numpy(np.concatenate([np.load(source / name) for name in names]))
            for source in (place, folder / "reference")
        )
        if min(len(made), len(true)) > 1:
            fid = max(float(frechet_of_features(made, true)), 0.0)
            row = {"method": place.name.replace("__", "/"), "key": SET_KEY, "frames": {"strided": len(made)}}
            results.append(row | {"metrics": {"fid": fid}})


def troubles(rows: list[Row]) -> list[str]:
    """How many rows have each kind of failure, and what is done about it."""
    counts = Counter(kind for row in rows for kind in row.get("failures", {}))
    return [f"{counts[kind]} videos {text}" for kind, text in FAILURES.items() if kind in counts]


def print_lines(what: str, lines: list[str]) -> None:
    """Say on stderr how many there are of something, and name them."""
    if lines:
        shown = lines[:LINES_SHOWN]
        more = f"\n  and {len(lines) - len(shown)} more" if len(lines) > len(shown) else ""
        print(f"{len(lines)} {what}:\n  " + "\n  ".join(shown) + more, file=sys.stderr)
