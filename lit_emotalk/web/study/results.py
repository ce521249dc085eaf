"""`lit-emotalk study results`: the ratings of the attentive, as the CSV of `lit-emotalk tables`."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from lit_emotalk.errors import UserError
from lit_emotalk.io.files import write_text
from lit_emotalk.web.study.agreement import ordinal_alpha
from lit_emotalk.web.study.store import RATINGS_FILE, Store
from lit_emotalk.web.study.study import Study, read_study

FIELDS = ("rater", "video", "method", "question", "score")
Row = tuple[str, str, str, str, int]
"""A line of the CSV: rater, video (clip), method, question, score from 1 to 5."""


@dataclass(frozen=True)
class RaterRecord:
    """What a rater did: items answered of all, checks seen and failed, and their ratings (no practice, no
    checks)."""

    name: str
    answered: int
    items: int
    checks: int
    failed: int
    rows: tuple[Row, ...]


def write_results(folder: Path, output: Path, complete_only: bool = False) -> str:
    """Write the ratings CSV of a study and return the report to print: raters left out, agreement by
    question.

    Left out are raters who failed more attention checks than the study allows and, with `complete_only`,
    those who did not finish. UserError where the folder is no study, holds no ratings yet, or nobody is left.
    """
    study = read_study(folder)
    if not (folder / RATINGS_FILE).is_file():
        raise UserError(f"{folder} has no ratings yet; run lit-emotalk study serve --study {folder}")
    with Store(folder, study.id) as store:
        records = rater_records(study, store.answers())
    inattentive = [r for r in records if r.failed > study.mistakes]
    unfinished = [r for r in records if r not in inattentive and 0 < r.answered < r.items]
    silent = [r for r in records if r.answered == 0]
    out = [*inattentive, *(unfinished if complete_only else ())]
    rows = [row for record in records if record not in out for row in record.rows]
    lines = [f"{len(records)} raters invited; {len(silent)} have not started"]
    lines += [f"left out: {r.name} failed {r.failed} of {r.checks} attention checks" for r in inattentive]
    for record in unfinished:
        what = "left out" if complete_only else "kept"
        lines.append(
            f"{what}: {record.name} did not finish ({record.answered} of {record.items} items, "
            f"{record.checks - record.failed} of {record.checks} checks passed so far)"
        )
    if not rows:
        raise UserError(f"no rating of {folder} can be used: " + "; ".join(lines))
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(FIELDS)
    writer.writerows(rows)
    write_text(output, table.getvalue())
    lines += agreement_lines(study, rows)
    lines.append(f"{len(rows)} ratings in {output}; next: lit-emotalk tables --ratings {output} --spec ...")
    return "\n".join(lines)


def rater_records(study: Study, answers: dict[tuple[str, int], dict[str, int]]) -> list[RaterRecord]:
    """What each rater of the study did, from all answers: (rater, item) -> question -> score."""
    records = []
    for name, items in study.raters.items():
        given = {place: answers[name, place] for place in range(len(items)) if (name, place) in answers}
        checks = [place for place in given if items[place].kind == "check"]
        failed = [p for p in checks if any(score != items[p].expected for score in given[p].values())]
        rows = tuple(
            (name, items[place].clip, items[place].method, question, score)
            for place, scores in given.items()
            if items[place].kind == "rated"
            for question, score in scores.items()
        )
        records.append(RaterRecord(name, len(given), len(items), len(checks), len(failed), rows))
    return records


def agreement_lines(study: Study, rows: list[Row]) -> list[str]:
    """Krippendorff's alpha of each question, a line each."""
    lines = []
    for question in study.questions:
        asked = [row for row in rows if row[3] == question.name]
        alpha = ordinal_alpha([((video, method), rater, score) for rater, video, method, _, score in asked])
        shown = (
            "no two raters saw the same video, or all scores are equal" if alpha is None else f"{alpha:.3f}"
        )
        lines.append(
            f"agreement, {question.name}: Krippendorff's ordinal alpha {shown} "
            f"({len({row[0] for row in asked})} raters, {len({row[1:3] for row in asked})} videos)"
        )
    return lines
