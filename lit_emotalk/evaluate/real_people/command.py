"""The command line of `lit-emotalk real-people`."""

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lit_emotalk.errors import UserError
from lit_emotalk.weights.starter import HELP, models_folder

DESCRIPTION = """How our models fare on shards of real people (`python -m data_prep.folder`, labelled or not):
what the preparation took; emotion read off pictures and voices; lips from speech; the generator alone, beside
a copy and beside its guide without training; the whole chain by every metric of evaluate. An interrupted run
is taken up where it stopped."""

FINGERPRINT_VARIABLE = "LIT_EMOTALK_FINGERPRINT"
"""Set by a recipe: what was scored by other code or of other data is not taken up."""


def build_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(prog="lit-emotalk real-people", description=DESCRIPTION)
    parser.add_argument("--shards", type=Path, required=True, help="made by data_prep; with faces")
    parser.add_argument(
        "--models", type=Path, help=f"folder with the exports align, eac, hef (and sync; {HELP})"
    )
    parser.add_argument(
        "--output", type=Path, required=True, help="folder for report.md, report.json and the pictures"
    )
    parser.add_argument("--limit", type=int, help="only this many clips, spread over speakers and emotions")
    parser.add_argument("--pairs", type=int, default=60, help="pairs of each kind for the generator alone")
    parser.add_argument("--stride", type=int, default=5, help="as for evaluate: costly metrics' n-th frames")
    parser.add_argument("--workers", type=int, help="processes of the whole chain (default: one per core)")
    return parser


def main(argv: list[str]) -> None:
    """Run the command; raises UserError for wrong input, before anything is written."""
    args = build_parser().parse_args(argv)
    for name in ("limit", "pairs", "stride", "workers"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise UserError(f"--{name} must be at least 1, not {value}")
    models, workers = models_folder(args.models), args.workers or os.cpu_count() or 1
    print(report(args.shards, models, args.output, args.limit, args.pairs, args.stride, workers))


class Clock:
    """Seconds of each step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a block."""
        start = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - start, 1)


def report(
    shards: Path, models: Path, output: Path, limit: int | None, pairs: int, stride: int, workers: int
) -> str:
    """Measure, draw, and write the report into `output`; returns its Markdown.

    UserError where shards or models are missing or wrong; nothing is written then.
    """
    from lit_emotalk.data.manifest import read_manifest
    from lit_emotalk.evaluate.coefficients.methods import Convertor
    from lit_emotalk.evaluate.command import fingerprint
    from lit_emotalk.evaluate.figures.command import save
    from lit_emotalk.evaluate.generate import generator
    from lit_emotalk.evaluate.real_people import pictures
    from lit_emotalk.evaluate.real_people.chain import chain_table, score_chain
    from lit_emotalk.evaluate.real_people.clips import read_clips
    from lit_emotalk.evaluate.real_people.emotions import read_emotions
    from lit_emotalk.evaluate.real_people.findings import Findings
    from lit_emotalk.evaluate.real_people.generator import choose, draw_kinds
    from lit_emotalk.evaluate.real_people.lips import figures, speak
    from lit_emotalk.evaluate.real_people.preparation import read_preparation
    from lit_emotalk.evaluate.real_people.report import write_report
    from lit_emotalk.evaluate.tables.spec import Bootstrap
    from lit_emotalk.io.version import __version__

    bootstrap, clock = Bootstrap(), Clock()
    manifest, made_by = read_manifest(shards), fingerprint(models)
    prepared = read_preparation(manifest)
    face = generator(models, "cpu").face
    convertor = Convertor(models)
    with clock.step("reading the clips"):
        clips = read_clips(manifest, limit)
    with clock.step("emotions"):
        readings = read_emotions(convertor, clips)
    with clock.step("lips"):
        spoken, still = speak(convertor, clips)
    with clock.step("generator alone"):
        drawn = draw_kinds(face.hef, face.tracker, choose(clips, pairs))
    with clock.step("whole chain"):
        results = output / "results.jsonl"
        threads = max(1, (os.cpu_count() or 1) // workers)
        data = " ".join([manifest.hash[:8], os.environ.get(FINGERPRINT_VARIABLE, "")[:8]]).strip()
        score_chain(clips, models, data, results, stride, workers, threads)
        chain, absent = chain_table(results, bootstrap)
    with clock.step("pictures"):
        made = {
            "pairs.png": (pictures.pairs_picture(drawn), "Source, drawn and true of pairs of frames"),
            "emotions.png": (
                pictures.emotions_picture(face, clips),
                "One portrait under every emotion in words; columns: time",
            ),
        }
        confusion = pictures.confusion_picture(readings)
        if confusion is not None:
            made["confusion.png"] = (confusion, "Emotions read off labelled clips")
        for name, (picture, _) in made.items():
            save(picture, output / name)
    found = Findings(
        facts={
            "shards": manifest.hash[:8],
            "models": made_by,
            "clips": len(clips),
            "corpora": sorted({clip.corpus for clip in clips}),
            "version": __version__,
        },
        preparation=prepared,
        readings=readings,
        lips=figures(spoken, bootstrap),
        silent=[clip.key for clip in clips if not clip.spoken],
        still=still,
        transfer={kind: (d.figures, len(d.chosen), d.seen) for kind, d in drawn.items()},
        chain=chain,
        absent=absent,
        pictures={name: shown for name, (_, shown) in made.items()},
        seconds=clock.seconds,
    )
    return write_report(found, output)
