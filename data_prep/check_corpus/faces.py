"""Is the face found? From the preparation's report of lost frames and rejected clips."""

import csv
from pathlib import Path

from data_prep.check_corpus.lines import Line
from lit_emotalk.errors import UserError

ASKED = 0.995
FACELESS = ("no face", "the face is")
"""How the reasons of clips begin that were rejected for their picture."""


def check_faces(shards: Path) -> list[Line]:
    """The line on frames with a face. A clip that was rejected for its face counts as lost, with as many
    frames as the mean clip has. Raises UserError where the report is missing or damaged."""
    try:
        with open(shards / "report.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        frames = sum(int(row["frames"]) for row in rows)
        lost = sum(int(row["lost_frames"]) for row in rows)
        with open(shards / "rejected.csv", newline="", encoding="utf-8") as file:
            reasons = [row[-1] for row in csv.reader(file) if len(row) > 1]
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"{shards} has no whole report ({error}); prepare the corpus again") from error
    if not rows:
        raise UserError(f"{shards}/report.csv names no clip; prepare the corpus again")
    rejected = sum(any(part in reason for part in FACELESS) for reason in reasons)
    missed = lost + rejected * frames / len(rows)
    share = 1 - missed / (frames + rejected * frames / len(rows))
    return [
        Line(
            "frames in which MediaPipe finds the face",
            f"at least {ASKED:.1%}",
            f"{share:.2%} of {frames} ({lost} lost, {rejected} clips rejected for their face)",
            share >= ASKED,
            {"share": share, "frames": frames, "lost": lost, "rejected_clips": rejected},
        )
    ]
