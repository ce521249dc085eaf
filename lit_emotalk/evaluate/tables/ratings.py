"""The table of a user study, from a CSV of ratings: rater, video, method, question, score."""

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.tables.build import Cell, Table
from lit_emotalk.evaluate.tables.spec import TableSpec
from lit_emotalk.evaluate.tables.statistics import (
    Values,
    common,
    paired_winner,
    resample_crossed,
    weighted_estimate,
)

FIELDS = ("rater", "video", "method", "question", "score")
LOWEST, HIGHEST = 1.0, 5.0
"""The scale of the paper's study."""
FEW_RATERS = 5


@dataclass(frozen=True)
class Rating:
    """What a rater answered to a question about a method's version of a video: `score` in 1..5."""

    rater: str
    video: str
    method: str
    question: str
    score: float


def read_ratings(path: Path) -> list[Rating]:
    """All ratings of a CSV with the columns `FIELDS`.

    Raises UserError where the file is missing, empty or lacks a column, and names the line where a field is
    empty, a score is no number from 1 to 5, or somebody rated the same thing twice.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            lacking = [name for name in FIELDS if name not in (reader.fieldnames or ())]
            if lacking:
                raise UserError(
                    f"{path} lacks the column(s) {', '.join(lacking)}; it needs {', '.join(FIELDS)}"
                )
            ratings = [_rating(row, f"{path}, line {reader.line_num}") for row in reader]
    except OSError as error:
        raise UserError(
            f"no ratings at {path} ({error.strerror}); give the study's CSV with --ratings"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is no CSV of ratings: {error}") from error
    if not ratings:
        raise UserError(f"{path} holds no ratings")
    twice = Counter((r.rater, r.video, r.method, r.question) for r in ratings).most_common(1)[0]
    if twice[1] > 1:
        raise UserError(f"{path}: {' / '.join(twice[0])} is rated {twice[1]} times")
    return ratings


def _rating(row: dict[str, str | None], place: str) -> Rating:
    values = {name: (row[name] or "").strip() for name in FIELDS}
    empty = [name for name, value in values.items() if not value]
    if empty:
        raise UserError(f"{place}: no {empty[0]}")
    try:
        score = float(values.pop("score"))
    except ValueError:
        raise UserError(f"{place}: the score '{row['score']}' is no number") from None
    if not LOWEST <= score <= HIGHEST:
        raise UserError(f"{place}: the score {score:g} is not between {LOWEST:g} and {HIGHEST:g}")
    return Rating(**values, score=score)


def build_ratings(spec: TableSpec, path: Path | None = None) -> Table:
    """The table of a user study from the spec's ratings (or from those at `path`).

    Means with intervals over raters and videos; bold where a method is better than every other one on the
    ratings that one person gave of one video under both. Raises UserError like `read_ratings`, and where no
    rating speaks of the spec's rows.
    """
    assert spec.ratings is not None
    source = path or spec.ratings
    ratings = read_ratings(source)
    methods = {row.method for row in spec.rows}
    used = [rating for rating in ratings if rating.method in methods and rating.question in spec.columns]
    if not used:
        raise UserError(
            f"{source} rates {', '.join(sorted({r.method for r in ratings}))} on "
            f"{', '.join(sorted({r.question for r in ratings}))}; the table '{spec.title}' has "
            f"{', '.join(sorted(methods))} on {', '.join(spec.columns)}"
        )
    cells: dict[str, dict[str, Cell]] = {method: {} for method in methods}
    for column in spec.columns:
        asked = [rating for rating in used if rating.question == column]
        for method in methods:
            cells[method][column] = _cell(spec, [r for r in asked if r.method == method])
        best = _winner(spec, asked)
        if best is not None:
            cells[best][column] = Cell(cells[best][column].estimate, bold=True)
    rows = tuple((row.name, cells[row.method]) for row in spec.rows)
    return Table(spec, rows, (*spec.notes, *_notes(spec, ratings, used)))


def _cell(spec: TableSpec, ratings: list[Rating]) -> Cell:
    if not ratings:
        return Cell(reason="no ratings")
    weights = _resamples(spec, ratings)
    raters = len({rating.rater for rating in ratings})
    scores = np.array([rating.score for rating in ratings])
    return Cell(weighted_estimate(scores, weights, spec.bootstrap, raters))


def _resamples(spec: TableSpec, ratings: list[Rating]) -> np.ndarray:
    return resample_crossed([r.rater for r in ratings], [r.video for r in ratings], spec.bootstrap)


def _winner(spec: TableSpec, ratings: list[Rating]) -> str | None:
    """The method that is better than the others beyond doubt, on what was rated under all of them."""
    competing = {row.method for row in spec.rows if row.competes}
    values: dict[str, Values] = {}
    first: dict[str, Rating] = {}
    for rating in ratings:
        if rating.method in competing:
            key = f"{rating.rater}\n{rating.video}"
            values.setdefault(rating.method, {})[key] = rating.score
            first[key] = rating
    keys = common(values)
    if not keys:
        return None
    weights = _resamples(spec, [first[key] for key in keys])
    return paired_winner(values, keys, weights, False, spec.bootstrap)


def _notes(spec: TableSpec, ratings: list[Rating], used: list[Rating]) -> list[str]:
    raters, videos = len({r.rater for r in used}), len({r.video for r in used})
    notes = [
        f"{len(used)} ratings from {LOWEST:g} to {HIGHEST:g} by {raters} rater(s) of {videos} video(s).",
        f"Mean with its {spec.bootstrap.level:.0%} bootstrap interval ({spec.bootstrap.samples} resamples of "
        "raters and of videos). Bold: best, every paired difference's interval leaving out zero.",
    ]
    if raters < FEW_RATERS:
        notes.append(f"With {raters} rater(s) the intervals say little about other people.")
    kept = set(used)
    others = Counter(r.method for r in ratings if r not in kept)
    if others:
        left = ", ".join(f"{name} ({count})" for name, count in sorted(others.items()))
        notes.append(f"Ratings that the table has no place for: {left}.")
    return notes
