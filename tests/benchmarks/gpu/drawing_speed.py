"""Frames a second that HEF draws, by resolution and batch: python -m tests.benchmarks.gpu.drawing_speed."""

import argparse
from functools import partial
from pathlib import Path

import torch

from tests.benchmarks.gpu.results import Rows
from tests.benchmarks.hef import measure

BATCHES = (64, 16, 1, 4, 32, 128)
COMPILED_BATCHES = (64, 16)
REPEATS = 20


def plan(toy: bool) -> list[tuple[str, int, str, int]]:
    """Size, resolution, mode and batch, what says most first: a part that is cut off has it."""
    if toy:
        return [("tiny", 64, mode, batch) for batch in (1, 2) for mode in ("eager", "quick")]
    aims = [
        ("realtime", resolution, mode, batch)
        for batch in COMPILED_BATCHES
        for resolution in (256, 512)
        for mode in ("quick compiled", "compiled")
    ]
    eager = [
        ("realtime", resolution, mode, batch)
        for batch in BATCHES
        for resolution in (256, 512)
        for mode in ("quick", "eager")
    ]
    starter = [("tiny", 256, mode, batch) for batch in (16, 64) for mode in ("quick", "quick compiled")]
    return [*eager[:4], *aims, *starter, *eager[4:]]


def row(size: str, resolution: int, mode: str, batch: int, repeats: int) -> dict:
    """One measurement, compiled afresh."""
    torch._dynamo.reset()
    return measure(size, resolution, mode, "bf16", batch, repeats, train=False)


def main() -> None:
    """Measure and keep."""
    parser = argparse.ArgumentParser("python -m tests.benchmarks.gpu.drawing_speed", description=__doc__)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--toy", action="store_true")
    arguments = parser.parse_args()
    rows = Rows(arguments.rows)
    for size, resolution, mode, batch in plan(arguments.toy):
        call = partial(row, size, resolution, mode, batch, 2 if arguments.toy else REPEATS)
        rows.measure(f"{size} {resolution} {mode} batch {batch}", call)


if __name__ == "__main__":
    main()
