"""`lit-emotalk coefficients`: every method on the clips of a split."""

import argparse
from pathlib import Path

from lit_emotalk.errors import UserError
from lit_emotalk.weights.starter import HELP, models_folder

TRUTH = "ground truth"
FROM_TRAINING = ("mean face of the emotion", "mean face of emotion and level", "nearest training clip")
"""Rows that are made of training clips."""


def build_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    from lit_emotalk.schema import SPLITS

    parser = argparse.ArgumentParser(
        prog="lit-emotalk coefficients",
        description="Score predicted coefficients against a corpus, beside baselines.",
    )
    parser.add_argument("--shards", type=Path, required=True, help="made by data_prep; with faces")
    parser.add_argument("--split", choices=SPLITS, default="test")
    parser.add_argument("--models", type=Path, help=f"folder with the exports align and eac ({HELP})")
    parser.add_argument(
        "--eac", nargs="+", default=[], metavar="NAME=FOLDER", help="further exports of stage eac: more rows"
    )
    parser.add_argument("--limit", type=int, help="score the first clips only")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--output", type=Path, required=True, help="folder for scores.json, .csv and .md")
    return parser


def main(argv: list[str]) -> None:
    """Run the command; raises UserError for wrong input."""
    args = build_parser().parse_args(argv)
    if args.limit is not None and args.limit < 1:
        raise UserError(f"--limit must be at least 1, not {args.limit}")
    exports: dict[str, Path | None] = {"ours": None}
    for value in args.eac:
        name, separator, place = value.partition("=")
        if not name or not separator:
            raise UserError(f"--eac takes NAME=FOLDER, not '{value}'")
        exports[name] = Path(place)
    models = models_folder(args.models)
    print(
        score_exports(args.shards, args.split, models, exports, args.limit, args.output, args.device), end=""
    )


def score_exports(
    shards: Path,
    split: str,
    models: Path,
    exports: dict[str, Path | None],
    limit: int | None,
    output: Path,
    device: str = "cpu",
) -> str:
    """Score exports, name -> folder (None: `models/eac`), on `device`; write the report to `output`, return
    the table.

    Without a training split, and where a condition needs labels that clips lack, rows are dashes with a
    reason.
    """
    from lit_emotalk.data.manifest import read_manifest
    from lit_emotalk.evaluate.coefficients.clips import read_faces
    from lit_emotalk.evaluate.coefficients.methods import Convertor, Method, Spoken, mean_face, nearest_clip
    from lit_emotalk.evaluate.coefficients.report import write_report
    from lit_emotalk.evaluate.coefficients.scores import Figures, Scorer
    from lit_emotalk.io.progress import track

    convertors = {name: Convertor(models, folder, device) for name, folder in exports.items()}
    clips = read_faces(shards, split, limit)
    train = read_faces(shards, "train") if read_manifest(shards).count("signals", "train") else []
    scorer = Scorer(clips, train)
    still: dict[str, Method] = {TRUTH: lambda clip: clip.true}
    if train:
        faces = mean_face(train, level=False), mean_face(train, level=True), nearest_clip(train)
        still |= dict(zip(FROM_TRAINING, faces, strict=True))
    absent = {} if train else dict.fromkeys(FROM_TRAINING, f"{shards} has no training split to take it from")
    rows: dict[str, Figures] = {
        name: scorer.score({clip.key: method(clip) for clip in clips}) for name, method in still.items()
    }
    for name, convertor in convertors.items():
        for condition in convertor.conditions:
            row = f"{name}, {condition}" if len(convertor.conditions) > 1 else name
            try:
                spoken = Spoken(convertor, {c.key: convertor.code(c, condition, clips, train) for c in clips})
            except UserError as error:
                absent[row] = str(error)
                continue
            shown = track(clips, row, len(clips), "clips")
            rows[row] = scorer.score({clip.key: spoken(clip, clip.intensity) for clip in shown})
            rows[row]["intensity"] = scorer.intensity(spoken)
    speakers = sorted({clip.speaker for clip in clips})
    facts = {"shards": str(shards), "split": split, "clips": len(clips), "speakers": speakers}
    title = f"Coefficients on {len(clips)} clips of {len(speakers)} speakers, split {split}"
    return write_report(rows, absent, facts, title, output)
