"""What the commands of all corpora share: options, splits, the run."""

import argparse
import shlex
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import joblib

from data_prep.clips.deep3d import find_coefficients
from data_prep.clips.source import Source
from data_prep.shards.pack import CLIPS_PER_SHARD
from data_prep.shards.prepare import Job, prepare
from data_prep.shards.report import write_csv
from data_prep.shards.spread import CLUSTERS
from data_prep.splits import Splits, names, read_splits
from lit_emotalk.coefficients import ARKIT, BFM, LAYOUTS, get_layout
from lit_emotalk.errors import UserError
from lit_emotalk.io.folders import is_text
from lit_emotalk.schema import ROWS

DECIDING = ("frame_size", "clips_per_shard", "limit", "splits", "coefficients", "deep3d", "hears")
"""Options of every corpus that decide what is in the shards."""


@dataclass(frozen=True)
class Found:
    """What a corpus's folder holds: clips in order of their keys; (file, reason) of files that are none;
    (folder, what is missing); the official splits, where the corpus itself gives them."""

    corpus: str
    sources: list[Source]
    skipped: list[tuple[str, str]] = field(default_factory=list)
    holes: list[tuple[str, str]] = field(default_factory=list)
    splits: Splits | None = None


@dataclass(frozen=True)
class Command:
    """A corpus's command `python -m data_prep.NAME`.

    `layout` says what its root looks like; `find` reads the root; `splits` is the name of its default splits
    (data_prep/splits), None where all speakers train; `options` adds arguments of its own, `deciding` names
    those of them that decide what is in the shards.
    """

    name: str
    about: str
    layout: str
    find: Callable[[Namespace], Found]
    splits: str | None = None
    options: Callable[[ArgumentParser], None] = lambda parser: None
    deciding: tuple[str, ...] = ()

    def parse(self, arguments: Sequence[str] | None = None) -> Namespace:
        """The command line; raises UserError for numbers out of range."""
        parser = argparse.ArgumentParser(f"python -m data_prep.{self.name}", description=self.about)
        parser.add_argument("--root", type=Path, required=True, help=f"folder with {self.layout}")
        parser.add_argument("--output", type=Path, required=True, help="folder for the shards")
        parser.add_argument(
            "--workers", type=int, default=joblib.cpu_count(), help="processes (default: all cores)"
        )
        parser.add_argument("--cluster", help=f"an existing cluster instead of processes here: {CLUSTERS}")
        parser.add_argument("--limit", type=int, help="only this many clips, spread over the corpus")
        parser.add_argument("--frame-size", type=int, default=256, help="side of the crops in pixels")
        parser.add_argument("--clips-per-shard", type=int, default=CLIPS_PER_SHARD)
        parser.add_argument(
            "--splits", help=f"JSON file of speakers by split, or one of {', '.join(names())}"
        )
        parser.add_argument(
            "--coefficients", choices=sorted(LAYOUTS), default=ARKIT.name, help="what the shards hold"
        )
        parser.add_argument(
            "--deep3d", type=Path, help="bfm: folder of Deep3DFaceRecon's outputs, laid out like the corpus"
        )
        add_hears(parser)
        self.options(parser)
        options = parser.parse_args(arguments)
        for name in ("workers", "limit", "frame_size", "clips_per_shard"):
            value = getattr(options, name)
            if value is not None and value < 1:
                raise UserError(f"--{name.replace('_', '-')} must be at least 1, not {value}")
        if options.frame_size % 16:
            raise UserError(f"--frame-size must be a multiple of 16, not {options.frame_size}")
        if (options.coefficients == BFM.name) != (options.deep3d is not None):
            raise UserError("--coefficients bfm and --deep3d DIR go together")
        return options

    def run(self) -> None:
        """Find, prepare, pack and report."""
        options = self.parse()
        if not options.root.is_dir():
            raise UserError(f"no such folder: {options.root}; expected a folder with {self.layout}")
        if not is_text(f"{options.root.absolute()}{options.output.absolute()}"):
            raise UserError(f"the name of {options.root} or {options.output} is no UTF-8; rename it")
        found = self.find(options)
        splits = self.read_splits(options, found)
        sources, skipped = spread_out(found.sources, options.limit), found.skipped
        if options.deep3d is not None:
            sources, without = with_coefficients(sources, options.deep3d)
            skipped = skipped + without
        holes = options.output / "holes.csv"
        write_csv(holes, ["folder", "missing"], found.holes)
        if found.holes:
            print(f"{len(found.holes)} holes in the corpus, see {holes}", file=sys.stderr)
        prepare(
            Job(
                corpus=found.corpus,
                sources=sources,
                splits=splits,
                output=options.output,
                command=self.reproducing(options),
                frame_size=options.frame_size,
                clips_per_shard=options.clips_per_shard,
                workers=options.workers,
                cluster=options.cluster,
                layout=get_layout(options.coefficients),
                hears=options.hears,
                skipped=skipped,
            )
        )

    def read_splits(self, options: Namespace, found: Found) -> Splits:
        """The chosen splits, or `splits.json` at the root, or the corpus's own, or its default ones."""
        if options.splits is not None:
            return read_splits(options.splits)
        at_root = options.root / "splits.json"
        if at_root.is_file():
            return read_splits(at_root)
        if found.splits is not None:
            return found.splits
        return read_splits(self.splits) if self.splits else {"train": []}

    def reproducing(self, options: Namespace) -> str:
        """The command that makes the same shards: every option that decides what is in them."""
        command = ["python", "-m", f"data_prep.{self.name}"]
        command += ["--root", str(options.root), "--output", str(options.output)]
        for name in (*DECIDING, *self.deciding):
            value, flag = getattr(options, name), f"--{name.replace('_', '-')}"
            if value is True:
                command.append(flag)
            elif value not in (None, False) and not (name == "hears" and value == "mel"):
                command += [flag, str(value)]
        return shlex.join(command)


def add_hears(parser: ArgumentParser) -> None:
    """The option `--hears`."""
    parser.add_argument(
        "--hears",
        choices=sorted(ROWS),
        default="mel",
        help="also what models of this `hears` hear: whisper: what Whisper's encoder does; voice: the pitch; "
        "all: both (default: mel)",
    )


def spread_out(sources: list[Source], limit: int | None) -> list[Source]:
    """At most `limit` sources, evenly from the first to the last."""
    if limit is None or limit >= len(sources):
        return sources
    return [sources[index * len(sources) // limit] for index in range(limit)]


def with_coefficients(sources: list[Source], directory: Path) -> tuple[list[Source], list[tuple[str, str]]]:
    """The sources with the files of their imported coefficients, and those without, with the reason.

    Raises UserError where no source has any, or they have no videos.
    """
    if all(source.video is None for source in sources):
        raise UserError("coefficients can be imported for videos only; this corpus is sound only")
    found, without = [], []
    for source in sources:
        try:
            found.append(replace(source, coefficients=find_coefficients(directory, source.relative)))
        except UserError as error:
            without.append((source.relative, str(error)))
    if not found:
        raise UserError(f"{directory} is not Deep3DFaceRecon's outputs of this corpus: {without[0][1]}")
    return found, without


def not_the_corpus(root: Path, layout: str, skipped: int) -> UserError:
    """The error for a root that holds no clip: what was expected, and what is there."""
    there = sorted(f"{path.name}/" if path.is_dir() else path.name for path in root.iterdir())
    more = f" and {len(there) - 5} more" if len(there) > 5 else ""
    seen = f"only {', '.join(there[:5]) or 'nothing'}{more}"
    if skipped:
        seen = f"{skipped} files with other names"
    return UserError(f"{root} is not the corpus: expected {layout}, found {seen}")
