"""Command line: python -m data_prep.check_corpus --corpus DIR --shards DIR --output DIR"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from data_prep.check_corpus.clips import read_clips
from data_prep.check_corpus.emotions import check_emotions
from data_prep.check_corpus.faces import check_faces
from data_prep.check_corpus.lips import check_lips
from data_prep.check_corpus.report import Findings, write_findings
from data_prep.check_corpus.units import check_units
from lit_emotalk.errors import UserError, run_main


def check(corpus: Path, shards: Path, raw_clips: int) -> Findings:
    """Check a made corpus and its shards. Raises UserError where something cannot be computed."""
    clips = read_clips(corpus, shards)
    emotion_lines, guesses = check_emotions(clips)
    lip_lines, lips = check_lips(clips)
    unit_lines, units = check_units(clips, raw_clips)
    lines = [*emotion_lines, *lip_lines, *check_faces(shards), *unit_lines]
    train = {clip.speaker for clip in clips if clip.split == "train"}
    test = {clip.speaker for clip in clips if clip.split == "test"}
    facts: dict[str, object] = {
        "clips": len(clips),
        "frames": sum(clip.frames for clip in clips),
        "train speakers": len(train),
        "test speakers": len(test),
    }
    return Findings(facts, lines, guesses, lips, units)


def main(arguments: Sequence[str] | None = None) -> None:
    """Check, print and write; exit status 1 with --strict where something is not reached."""
    parser = argparse.ArgumentParser(
        "python -m data_prep.check_corpus",
        description="Check a made corpus: is emotion to be seen and heard, do lips close, is the face found "
        "and read?",
    )
    parser.add_argument("--corpus", type=Path, required=True, help="made by python -m data_prep.synthetic")
    parser.add_argument("--shards", type=Path, required=True, help="made of it by python -m data_prep.mead")
    parser.add_argument("--output", type=Path, required=True, help="folder for check.json, .md and pictures")
    parser.add_argument(
        "--raw-clips",
        type=int,
        default=48,
        help="test clips to look at again for MediaPipe's raw scores, 0 for none (default: 48)",
    )
    parser.add_argument("--strict", action="store_true", help="exit status 1 where something is not reached")
    options = parser.parse_args(arguments)
    if options.raw_clips < 0:
        raise UserError(f"--raw-clips must be 0 or more, not {options.raw_clips}")
    found = check(options.corpus, options.shards, options.raw_clips)
    print(write_findings(found, options.output), end="")
    missed = [line.check for line in found.lines if line.reached is False]
    if options.strict and missed:
        raise SystemExit(1)


if __name__ == "__main__":
    run_main(main, "data_prep.check_corpus")
