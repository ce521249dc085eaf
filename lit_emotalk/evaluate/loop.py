"""The loop of an evaluation: what is missing is scored by several processes, rows are kept as they come."""

import sys
import time
from collections import Counter
from collections.abc import Iterator

from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.columns import COLUMNS
from lit_emotalk.evaluate.scores import FAILURES
from lit_emotalk.evaluate.sets import keep, score_sets
from lit_emotalk.evaluate.settings import Settings
from lit_emotalk.evaluate.store import ResultsFile, Row
from lit_emotalk.evaluate.tasks import Outcome, Task, run
from lit_emotalk.io.progress import track

LINES_SHOWN = 20


def evaluate(settings: Settings, tasks: list[Task], results: ResultsFile, workers: int) -> None:
    """Score what `results` lacks; UserError where every clip failed."""
    began = time.monotonic()
    todo = [missing for task in tasks if (missing := task.without(results)).methods]
    rows: list[Row] = []
    frames = 0
    for outcome in track(outcomes(settings, todo, workers), "evaluating", len(todo), "clips"):
        keep(results.path, outcome)
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


def troubles(rows: list[Row]) -> list[str]:
    """How many rows have each kind of failure, and what is done about it; and lack each number, and why."""
    counts = Counter(kind for row in rows for kind in row.get("failures", {}))
    missing = Counter(item for row in rows for item in row.get("missing", {}).items())
    lines = [f"{counts[kind]} videos {text}" for kind, text in FAILURES.items() if kind in counts]
    return lines + [
        f"{count} videos without {COLUMNS[column].title}: {reason}"
        for (column, reason), count in sorted(missing.items())
    ]


def print_lines(what: str, lines: list[str]) -> None:
    """Say on stderr how many there are of something, and name them."""
    if lines:
        shown = lines[:LINES_SHOWN]
        more = f"\n  and {len(lines) - len(shown)} more" if len(lines) > len(shown) else ""
        print(f"{len(lines)} {what}:\n  " + "\n  ".join(shown) + more, file=sys.stderr)
