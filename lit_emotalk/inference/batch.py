"""Many videos from a CSV: a bad row is listed and the rest goes on; finished rows are skipped."""

import csv
import io
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lit_emotalk.errors import UserError
from lit_emotalk.inference.options import Options
from lit_emotalk.inference.output.files import checked_output
from lit_emotalk.inference.steps import Steps
from lit_emotalk.io.files import write_text
from lit_emotalk.io.progress import track

if TYPE_CHECKING:
    from lit_emotalk.inference.talking_face import TalkingFace

NEEDED = ("portrait", "speech", "output")
OPTIONAL: dict[str, Any] = {
    "emotion": str,
    "intensity": float,
    "strength": float,
    "face": int,
    "second": str,
    "seed": int,
    "motion": str,
    "pose_from": str,
    "frame": str,
}
"""Column -> what its text is read as; an empty field is as good as none."""


@dataclass
class Row:
    """One video of a batch: its line in the CSV (the first row is 2), what it asks for, and what became of
    it: `status` is waiting, made, skipped or failed; `message` what failed, or what is doubtful."""

    line: int
    fields: dict[str, str]
    status: str = "waiting"
    message: str = ""
    frames: int = 0
    seconds: dict[str, float] = field(default_factory=dict)


def read_rows(path: Path) -> list[Row]:
    """The rows of a batch. Raises UserError where the file is unreadable, empty, or lacks or has unknown
    columns."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the batch {path}: {getattr(error, 'strerror', 0) or error}") from error
    reader = csv.DictReader(io.StringIO(text), restkey="")
    columns = [name.strip() for name in reader.fieldnames or []]
    if missing := [name for name in NEEDED if name not in columns]:
        raise UserError(f"{path} lacks the column(s) {', '.join(missing)}; it needs {', '.join(NEEDED)}")
    if unknown := [name for name in columns if name not in (*NEEDED, *OPTIONAL)]:
        raise UserError(f"{path} has unknown columns: {', '.join(unknown)}; known: {', '.join(OPTIONAL)}")
    reader.fieldnames = columns
    rows = [
        Row(reader.line_num, {name: (fields.get(name) or "").strip() for name in columns})
        for fields in reader
    ]
    if not rows:
        raise UserError(f"{path} has no rows")
    return rows


def run_batch(
    path: Path, rows: list[Row], models: str | None, device: str, options: Options, speed: str = "auto"
) -> None:
    """Make the videos of all rows and write `<name>_report.csv` beside `path`, renewed after every row.

    `options` hold for rows that say nothing else. Raises UserError in the end where a row failed.
    """
    report = path.with_name(f"{path.stem}_report.csv")
    waiting = [row for row in rows if not _finished(row, path.parent, options)]
    print(f"{len(rows)} rows, {len(rows) - len(waiting)} of them finished before", file=sys.stderr)
    steps = Steps()
    if waiting:
        with steps.step("start-up"):
            from lit_emotalk.inference.talking_face import TalkingFace

            face = TalkingFace.load(models, device, speed)
        outputs: set[Path] = set()
        for row in track(waiting, "videos", unit="videos"):
            run_row(face, row, path.parent, options, outputs)
            if row.status == "failed":
                print(f"{path}, line {row.line}: {row.message}", file=sys.stderr)
            write_report(report, rows)
    else:
        write_report(report, rows)
    for row in waiting:
        for name, spent in row.seconds.items():
            steps.seconds[name] = steps.seconds.get(name, 0.0) + spent
    failed = [row for row in rows if row.status == "failed"]
    made = sum(row.status == "made" for row in rows)
    print(f"{made} made, {len(rows) - len(waiting)} skipped, {len(failed)} failed; report: {report}")
    if steps.seconds:
        print(f"time: {steps.summary()}")
    if failed:
        lines = ", ".join(str(row.line) for row in failed)
        raise UserError(f"{len(failed)} of {len(rows)} rows failed (lines {lines} of {path}); see {report}")


def run_row(face: "TalkingFace", row: Row, folder: Path, options: Options, outputs: set[Path]) -> None:
    """Make one row's video; what went wrong is left in the row. `outputs` are those of the rows before."""
    steps = Steps()
    try:
        if missing := [name for name in NEEDED if not row.fields[name]]:
            raise UserError(f"the field(s) {', '.join(missing)} are empty")
        portrait, speech, output = (folder / row.fields[name] for name in NEEDED)
        if output in outputs:
            raise UserError(f"{output} is the output of a row before")
        outputs.add(output)
        chosen = {name: _read(row, name) for name in OPTIONAL if row.fields.get(name)}
        emotion = chosen.pop("emotion", None)
        for name in ("second", "pose_from"):
            if name in chosen:
                chosen[name] = folder / chosen[name]
        doubts: list[str] = []
        asked = replace(options, progress=False, tell=doubts.append, **chosen)
        made = face.talk(portrait, speech, output, emotion, asked, steps)
        row.status, row.frames, row.message = "made", made.frames, "; ".join(doubts)
    except UserError as error:
        row.status, row.message = "failed", str(error)
    row.seconds = steps.seconds


def write_report(path: Path, rows: list[Row]) -> None:
    """Write what became of every row as CSV: line, status, output, frames, seconds, message."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["line", "status", "output", "frames", "seconds", "message"])
    for row in rows:
        spent = f"{sum(row.seconds.values()):.2f}"
        writer.writerow([row.line, row.status, row.fields["output"], row.frames, spent, row.message])
    write_text(path, text.getvalue())


def _finished(row: Row, folder: Path, options: Options) -> bool:
    """Outputs appear only when they are whole: one that is there is finished."""
    output = folder / row.fields["output"]
    if options.overwrite or not row.fields["output"] or not output.exists():
        return False
    try:
        checked_output(output, overwrite=True)
    except UserError:
        return False
    row.status = "skipped"
    return True


def _read(row: Row, name: str) -> Any:
    try:
        return OPTIONAL[name](row.fields[name])
    except ValueError:
        raise UserError(f"{name} must be a number, not '{row.fields[name]}'") from None
