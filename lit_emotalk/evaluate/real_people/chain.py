"""The whole chain on real clips: first frame, own sound, own emotion; scored as `evaluate` does."""

from collections.abc import Sequence
from pathlib import Path

from lit_emotalk.evaluate.columns import COLUMNS
from lit_emotalk.evaluate.command import fingerprint
from lit_emotalk.evaluate.loop import evaluate
from lit_emotalk.evaluate.real_people.clips import RealClip
from lit_emotalk.evaluate.settings import Settings, choose_space, choose_sync
from lit_emotalk.evaluate.store import ResultsFile
from lit_emotalk.evaluate.tables.build import Table, build
from lit_emotalk.evaluate.tables.spec import Bootstrap, RowSpec, TableSpec
from lit_emotalk.evaluate.tasks import Task

METHODS = {"ground_truth": "ground_truth", "copy_source": "copy_source", "own": "own"}
ROWS = (
    RowSpec("ground_truth", "Ground truth", competes=False),
    RowSpec("copy_source", "Copy of the source"),
    RowSpec("own", "Ours"),
)


def score_chain(
    clips: Sequence[RealClip], models: Path, data: str, results: Path, stride: int, workers: int, threads: int
) -> None:
    """Score the clips under every method into `results`, taking it up where an earlier run stopped.

    `data` names the shards. UserError where every clip failed.
    """
    settings = Settings(
        stride=stride,
        sync=choose_sync("auto", models),
        space=choose_space("auto", models),
        models=models,
        threads=threads,
        data=data,
    )
    made_by = fingerprint(models)
    file = ResultsFile(results, settings.protocol(), restart=True)
    try:
        evaluate(settings, [Task(clip.shard, METHODS, made_by) for clip in clips], file, workers)
    finally:
        file.close()


def chain_table(results: Path, bootstrap: Bootstrap) -> tuple[Table, dict[str, str]]:
    """A table of the columns of `evaluate` that some method has a number in; and column -> why nothing has
    one for the others."""
    whole = build(_spec(results, bootstrap, tuple(COLUMNS)))
    absent = {}
    for column in COLUMNS:
        found = [cells[column] for _, cells in whole.rows]
        if all(cell.estimate is None and cell.value is None for cell in found):
            absent[column] = found[-1].reason
    measured = tuple(column for column in COLUMNS if column not in absent)
    return build(_spec(results, bootstrap, measured)), absent


def _spec(results: Path, bootstrap: Bootstrap, columns: tuple[str, ...]) -> TableSpec:
    return TableSpec("The whole chain", ROWS, columns, (results,), bootstrap=bootstrap)
