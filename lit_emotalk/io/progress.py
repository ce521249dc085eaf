"""Progress of long work: a live bar on a terminal, lines in a log; both with rate and time left."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TypeVar

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

Item = TypeVar("Item")

LOG_INTERVAL_SECONDS = 10.0


def track(items: Iterable[Item], label: str, total: int | None = None, unit: str = "items") -> Iterator[Item]:
    """Iterate over `items`, showing how many are done, the rate in `unit` a second and the time left.

    `total` is taken from `len(items)` where it is not given.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    if sys.stderr.isatty():
        yield from _track_terminal(items, label, total, unit)
    else:
        yield from _track_log(items, label, total, unit)


def watched(items: Iterable[Item], total: int, watch: Callable[[int, int], None]) -> Iterator[Item]:
    """Iterate over `items`, calling `watch(done, total)` before the first and after each."""
    watch(0, total)
    for done, item in enumerate(items, 1):
        yield item
        watch(done, total)


def _track_terminal(items: Iterable[Item], label: str, total: int | None, unit: str) -> Iterator[Item]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    start = time.monotonic()
    with Progress(*columns) as progress:
        task = progress.add_task(label, total=total, rate="")
        for done, item in enumerate(items, 1):
            yield item
            rate = done / max(time.monotonic() - start, 1e-6)
            progress.update(task, completed=done, rate=f"{rate:.1f} {unit}/s")


def _track_log(items: Iterable[Item], label: str, total: int | None, unit: str) -> Iterator[Item]:
    start = last = time.monotonic()
    done = 0
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - last >= LOG_INTERVAL_SECONDS:
            last = now
            _log(label, done, total, now - start, unit)
    _log(label, done, total, time.monotonic() - start, unit)


def _log(label: str, done: int, total: int | None, seconds: float, unit: str) -> None:
    rate = done / max(seconds, 1e-6)
    left = "" if total is None else f", {max(total - done, 0) / max(rate, 1e-6):.0f} s left"
    of = "" if total is None else f"/{total}"
    print(f"{label}: {done}{of} {unit}, {rate:.1f} {unit}/s{left}", file=sys.stderr, flush=True)
