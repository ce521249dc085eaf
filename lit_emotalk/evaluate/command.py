"""The command line of `lit-emotalk evaluate`."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.settings import CONDITIONS, Settings, choose_space, choose_sync
from lit_emotalk.weights.starter import HELP, models_folder

if TYPE_CHECKING:
    from lit_emotalk.evaluate.tasks import Task

DESCRIPTION = """Score videos against true ones, clip by clip: two folders (--generated, --reference), or our
models on clips of shards (--models, --shards). An interrupted run is taken up where it stopped."""
STAGES = ("align", "eac", "hef")


def build_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(prog="lit-emotalk evaluate", description=DESCRIPTION)
    folders = parser.add_argument_group("any method's videos")
    folders.add_argument("--generated", type=Path, help="folder of videos")
    folders.add_argument("--reference", type=Path, help="folder of true videos of the same names, with sound")
    folders.add_argument("--source", type=Path, help="folder of source portraits (default: first true frame)")
    folders.add_argument(
        "--pairs", type=Path, help="CSV with the columns generated, reference, source, key, speaker, emotion"
    )
    folders.add_argument("--resize", action="store_true", help="scale generated videos of another size")
    folders.add_argument(
        "--align", action="store_true", help="shift generated videos whose sound says that they are off"
    )
    ours = parser.add_argument_group("our models")
    ours.add_argument(
        "--models", type=Path, help=f"folder with the exports align, eac, hef (and sync; {HELP})"
    )
    ours.add_argument("--shards", type=Path, help="shards made by data_prep")
    ours.add_argument("--split", choices=("train", "val", "test"), default="test")
    ours.add_argument(
        "--condition",
        nargs="+",
        default=[],
        choices=CONDITIONS,
        help="how the emotion is given; own: the label in words, or else the clip's own picture",
    )
    ours.add_argument("--baseline", nargs="+", default=[], choices=("ground_truth", "copy_source"))
    ours.add_argument(
        "--beside",
        nargs="+",
        default=[],
        metavar="NAME=FOLDER",
        help="other methods' videos of the same clips, named as their recordings or keys: cut like the clips",
    )
    parser.add_argument(
        "--method", help="name of the rows' method (for our models: a prefix of the condition)"
    )
    parser.add_argument("--output", type=Path, required=True, help="results.jsonl to write or to continue")
    parser.add_argument(
        "--restart", action="store_true", help="begin anew if the output is of another protocol"
    )
    parser.add_argument("--limit", type=int, help="number of clips, spread over speakers and emotions")
    parser.add_argument("--stride", type=int, default=5, help="identity, LPIPS, FID, flow: every n-th frame")
    parser.add_argument("--identity", choices=("auto", "dlib", "arcface"), default="auto")
    parser.add_argument("--sync", default="auto", help="auto, official, none, or the export of stage sync")
    parser.add_argument(
        "--emotion-space",
        default="auto",
        help="auto (the export align below --models), none, or an export of stage align: names emotions",
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--workers", type=int, help="processes (default: one per core, one on a GPU)")
    return parser


def main(argv: list[str]) -> None:
    """Run the command; raises UserError for wrong input, and where every clip failed."""
    args = build_parser().parse_args(argv)
    from lit_emotalk.data.manifest import read_manifest
    from lit_emotalk.evaluate.loop import evaluate
    from lit_emotalk.evaluate.store import ResultsFile
    from lit_emotalk.models.device import checked_device

    checked_device(args.device)
    if args.condition:
        args.models = models_folder(args.models)
    tasks = make_tasks(args)
    workers = args.workers or (1 if args.device != "cpu" else os.cpu_count() or 1)
    workers = max(1, min(workers, len(tasks)))
    settings = Settings(
        stride=args.stride,
        identity=args.identity,
        sync=choose_sync(args.sync, args.models),
        space=choose_space(args.emotion_space, args.models),
        models=args.models,
        device=args.device,
        threads=max(1, (os.cpu_count() or 1) // workers),
        resize=args.resize,
        align=args.align,
        data=read_manifest(args.shards).hash[:8] if args.shards else None,
    )
    results = ResultsFile(args.output, settings.protocol(), args.restart)
    try:
        evaluate(settings, tasks, results, workers)
    finally:
        results.close()


def make_tasks(args: argparse.Namespace) -> "list[Task]":
    """The clips and methods that the arguments ask for; UserError for arguments that do not go together."""
    if args.stride < 1 or (args.limit is not None and args.limit < 1):
        raise UserError("--stride and --limit must be at least 1")
    if args.pairs or args.generated or args.reference:
        return _folder_tasks(args)
    if not args.shards:
        raise UserError("give --generated and --reference, or --pairs, or --shards")
    if not args.condition and not args.baseline and not args.beside:
        raise UserError(
            f"give --condition ({', '.join(CONDITIONS)}), --baseline (ground_truth, copy_source) or --beside"
        )
    from lit_emotalk.evaluate.beside.videos import named_folders, videos_beside
    from lit_emotalk.evaluate.loop import print_lines
    from lit_emotalk.evaluate.shards import shard_clips
    from lit_emotalk.evaluate.tasks import Task

    folders = named_folders(args.beside)
    prefix = f"{args.method} " if args.method else ""
    methods = {name: name for name in args.baseline} | {f"{prefix}{name}": name for name in args.condition}
    made_by = fingerprint(args.models) if args.condition else None
    clips = shard_clips(args.shards, args.split, args.limit)
    beside = {}
    for name, folder in folders.items():
        beside[name], notes = videos_beside(folder, clips)
        print_lines(f"clips without a video of {name}", notes)
    tasks = []
    for clip in clips:
        others = {name: found[clip.key] for name, found in beside.items() if clip.key in found}
        tasks.append(Task(clip, methods | dict.fromkeys(others, "video"), made_by, others))
    return tasks


def fingerprint(models: Path) -> str:
    """What tells these models from others: eight digits of their exports' checksums. UserError where one is
    missing."""
    from lit_emotalk.io.files import sha256_text
    from lit_emotalk.models.handover import read_card

    return sha256_text(" ".join(read_card(models / stage, stage)["sha256"] for stage in STAGES))[:8]


def _folder_tasks(args: argparse.Namespace) -> "list[Task]":
    from lit_emotalk.evaluate.folders import folder_pairs, listed_pairs
    from lit_emotalk.evaluate.loop import print_lines
    from lit_emotalk.evaluate.tasks import Task

    if args.shards or args.condition or args.baseline or args.beside:
        raise UserError("--shards, --condition, --baseline and --beside do not go with folders of videos")
    notes: list[str] = []
    if args.pairs:
        pairs = listed_pairs(args.pairs)
    elif args.generated and args.reference:
        pairs, notes = folder_pairs(args.generated, args.reference, args.source)
    else:
        raise UserError("give both --generated and --reference")
    print_lines("without a partner", notes)
    method = args.method or (args.generated.name if args.generated else "videos")
    return [Task(pair, {method: "video"}, pair.fingerprint) for pair in pairs[: args.limit]]
