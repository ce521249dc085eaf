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


def chain_table(results: Path, bootstrap: Bootstrap) -> Table:
    """Every column of `evaluate` that some method has a number in, then those without, with reasons."""
    spec = TableSpec(
        title="The whole chain", rows=ROWS, columns=tuple(COLUMNS), results=(results,), bootstrap=bootstrap
    )
    return build(spec)
