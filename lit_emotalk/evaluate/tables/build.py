"""From results to a table's cells and notes."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.columns import COLUMNS, arrow
from lit_emotalk.evaluate.store import SET_KEY, Row, read_results
from lit_emotalk.evaluate.tables.spec import RowSpec, TableSpec
from lit_emotalk.evaluate.tables.statistics import (
    FEWEST_COMPARED,
    Estimate,
    Values,
    clear_winner,
    estimate,
)
from lit_emotalk.metrics.base import ARROWS
from lit_emotalk.metrics.theval_score import QUALITY, QUALITY_REASON

FEW_SPEAKERS = 5
RATING_DECIMALS = 2


@dataclass(frozen=True)
class Cell:
    """A number with its interval (a set's number has none), or the `reason` why there is none; `signed` where
    it is a difference."""

    estimate: Estimate | None = None
    value: float | None = None
    reason: str = ""
    bold: bool = False
    signed: bool = False


@dataclass(frozen=True)
class Table:
    """A table: `rows` of (name, column -> cell), `reported` of (name, column -> number), `notes` below it."""

    spec: TableSpec
    rows: tuple[tuple[str, dict[str, Cell]], ...]
    notes: tuple[str, ...]

    def heading(self, column: str) -> str:
        """A column's title with its arrow."""
        if self.spec.questions:
            return f"{self.spec.questions[column]} ↑"
        return f"{COLUMNS[column].title} {arrow(column)}"

    def shown(self, column: str, value: float) -> str:
        """A number with its column's decimals."""
        decimals = RATING_DECIMALS if self.spec.questions else COLUMNS[column].decimals
        return f"{value:.{decimals}f}"


def build(spec: TableSpec, results: list[Path] | None = None) -> Table:
    """The table of `spec` from its results (or from `results`). UserError where results are missing or
    differ in protocol."""
    paths = list(results or spec.results)
    if not paths:
        raise UserError(f"the table '{spec.title}' names no results; give --results")
    headers, rows = [], []
    for path in paths:
        header, found, _ = read_results(path)
        headers.append(header["protocol"])
        rows += found
    differing = sorted(k for k in headers[0] if any(h.get(k) != headers[0][k] for h in headers))
    if differing:
        raise UserError(
            f"the results of '{spec.title}' differ in {', '.join(differing)}; evaluate them alike"
        )
    protocol = headers[0]
    methods = {row.method for row in spec.rows}
    rows = [row for row in rows if row["method"] in methods]
    values, speakers = collect(rows)
    cells: dict[str, dict[str, Cell]] = {row.method: {} for row in spec.rows}
    for column in spec.columns:
        for row in spec.rows:
            cells[row.method][column] = _cell(spec, protocol, rows, values, speakers, row, column)
        rivals = {
            row.method: values[row.method, column]
            for row in spec.rows
            if row.competes and (row.method, column) in values
        }
        best = None
        if spec.differences_to is not None:
            base = cells[spec.differences_to][column]
            for row in spec.rows:
                if row.method != spec.differences_to:
                    own = cells[row.method][column]
                    cells[row.method][column] = difference(spec, own, base, values, speakers, row, column)
        elif arrow(column) != ARROWS["truth"]:
            best = clear_winner(rivals, speakers, arrow(column) == ARROWS["lower"], spec.bootstrap)
        if best is not None:
            cell = cells[best][column]
            cells[best][column] = Cell(cell.estimate, cell.value, cell.reason, bold=True)
    named = tuple((row.name, cells[row.method]) for row in spec.rows)
    return Table(spec, named, (*spec.notes, *protocol_notes(spec, protocol, rows)))


def difference(
    spec: TableSpec,
    own: Cell,
    base: Cell,
    values: dict[tuple[str, str], Values],
    speakers: dict[str, str],
    row: RowSpec,
    column: str,
) -> Cell:
    """A row's difference to the row of `differences_to`: its mean over the clips of both with its interval,
    bold where that leaves out zero on `FEWEST_COMPARED` clips or more; of a set's number without interval; a
    dash where either lacks it."""
    assert spec.differences_to is not None
    if own.value is not None and base.value is not None:
        return Cell(value=own.value - base.value, signed=True)
    if own.estimate is None or base.estimate is None:
        return Cell(reason=own.reason or base.reason)
    mine, theirs = values[row.method, column], values[spec.differences_to, column]
    pairs = {clip: mine[clip] - theirs[clip] for clip in mine.keys() & theirs.keys()}
    if not pairs:
        return Cell(reason=f"no clip in common with {spec.differences_to}")
    found = estimate(pairs, speakers, spec.bootstrap)
    clear = len(pairs) >= FEWEST_COMPARED and (found.low > 0 or found.high < 0)
    return Cell(found, bold=clear, signed=True)


def collect(rows: list[Row]) -> tuple[dict[tuple[str, str], Values], dict[str, str]]:
    """Numbers per clip by (method, column), and each clip's speaker."""
    values: dict[tuple[str, str], Values] = {}
    speakers: dict[str, str] = {}
    for row in rows:
        if row["key"] == SET_KEY:
            continue
        speakers[row["key"]] = str(row.get("speaker") or "unknown")
        for column, value in row["metrics"].items():
            values.setdefault((row["method"], column), {})[row["key"]] = value
    return values, speakers


def _cell(
    spec: TableSpec,
    protocol: dict[str, Any],
    rows: list[Row],
    values: dict[tuple[str, str], Values],
    speakers: dict[str, str],
    shown: RowSpec,
    column: str,
) -> Cell:
    method = shown.method
    for row in rows:
        if row["method"] == method and row["key"] == SET_KEY and column in row["metrics"]:
            return Cell(value=row["metrics"][column])
    if (method, column) in values:
        return Cell(estimate(values[method, column], speakers, spec.bootstrap))
    if not any(row["method"] == method for row in rows):
        return Cell(reason=shown.absent)
    return Cell(reason=absence(spec, protocol, column, [row for row in rows if row["method"] == method]))


def absence(spec: TableSpec, protocol: dict[str, Any], column: str, rows: list[Row]) -> str:
    """Why a column is empty for the method that `rows` are of."""
    if column in spec.absent:
        return spec.absent[column]
    if column == "fid" and not protocol["fid"]:
        return "needs the Inception weights: lit-emotalk weights fetch fid_inception"
    if column in ("lpips", "tlpips") and not protocol["lpips"]:
        return "needs AlexNet's weights: lit-emotalk weights fetch lpips_alexnet"
    if column.startswith("sync") and protocol["sync"] == "none":
        return "no SyncNet: neither the official weights nor an export of stage sync"
    if column == "emo_net" and protocol.get("emotion_network", "none") == "none":
        return "needs its weights: lit-emotalk weights fetch face_expression face_expression_manifest"
    if column == "emo_space" and protocol.get("emotion_space", "none") == "none":
        return "needs an export of stage align: --models, or --emotion-space"
    if column == "theval_all" or column.removeprefix("theval_score_") in QUALITY:
        return QUALITY_REASON
    reasons = _reasons(column, rows)
    if reasons:
        return reasons.most_common(1)[0][0]
    return "not measured on any clip"


def protocol_notes(spec: TableSpec, protocol: dict[str, Any], rows: list[Row]) -> list[str]:
    """Footnotes: samples, intervals, failures, and each column's protocol and backbone."""
    clips = {row["key"]: row for row in rows if row["key"] != SET_KEY}
    people = {str(row.get("speaker")) for row in clips.values()}
    frames = [row["frames"]["used"] for row in clips.values() if "frames" in row]
    sides = sorted({row["frames"]["side"] for row in clips.values() if "frames" in row})
    notes = [
        f"{len(clips)} clips of {len(people)} speakers, {sum(frames)} frames a method at "
        f"{' and '.join(map(str, sides))} pixels, 25 fps; identity, flow, LPIPS and FID on every "
        f"{_ordinal(protocol['stride'])} frame.",
        f"Mean over clips with its {spec.bootstrap.level:.0%} bootstrap interval ({spec.bootstrap.samples} "
        f"resamples of speakers, then of clips within them). {_bold_means(spec)}",
    ]
    if len(people) < FEW_SPEAKERS:
        notes.append(f"With {len(people)} speakers the intervals say little about other speakers.")
    failed = sorted({f"{row['key']} ({row['method']})" for row in rows if "error" in row})
    if failed:
        notes.append(f"{len(failed)} could not be scored and are left out: {', '.join(failed[:8])}.")
    lost = sum(row.get("failures", {}).get("no_face_in_generated", 0) for row in rows)
    if lost:
        notes.append(f"{lost} generated frames have no detectable face; the face metrics leave them out.")
    off = sum("frames_off_reference" in row.get("failures", {}) for row in rows)
    if off:
        done = "shifted to it" if protocol.get("align") else "compared frame by frame all the same"
        notes.append(f"{off} videos are off their reference, as their sound tells; they were {done}.")
    for column in spec.columns:
        shown = COLUMNS[column]
        backbone = _backbone(protocol, column)
        parts = [f"{shown.title}: {shown.protocol.text}", shown.note]
        parts.append(
            f"unit {shown.protocol.unit}" if shown.protocol.unit and "percent" not in shown.note else ""
        )
        parts.append(f"backbone {backbone}" if backbone != "none" else "")
        notes.append("; ".join(part for part in parts if part) + ".")
        notes += lacking(column, rows)
    notes += distance_notes(spec, rows)
    between = between_speakers(rows)
    if "csim" in spec.columns and between is not None:
        notes.append(f"CSIM between true clips of different speakers, for comparison: {between:.3f}.")
    return notes


def lacking(column: str, rows: list[Row]) -> list[str]:
    """A line for each reason why some rows lack a column."""
    title = COLUMNS[column].title
    return [
        f"{count} videos have no {title}: {reason}."
        for reason, count in sorted(_reasons(column, rows).items())
    ]


def _reasons(column: str, rows: list[Row]) -> Counter[str]:
    """Why rows lack a column, or for a score the measure that it is of, and how many."""
    measured = column.replace("theval_score_", "theval_")
    return Counter(row["missing"][measured] for row in rows if measured in row.get("missing", {}))


def distance_notes(spec: TableSpec, rows: list[Row]) -> list[str]:
    """How many frames E-FID and pose FID rest on."""
    if not {"e_fid", "pose_fid"} & set(spec.columns):
        return []
    frames = {row["method"]: row["frames"] for row in rows if row["key"] == SET_KEY}
    counted = [
        f"{shown.name} {frames[shown.method]['e_fid']} and {frames[shown.method]['e_fid_true']}"
        for shown in spec.rows
        if "e_fid" in frames.get(shown.method, {})
    ]
    return [f"Generated and true frames in E-FID and pose FID: {', '.join(counted)}."] if counted else []


def _backbone(protocol: dict[str, Any], column: str) -> str:
    kept = {"sync": "sync", "csim": "identity", "emo_net": "emotion_network", "emo_space": "emotion_space"}
    name = column if column in kept else column.split("_")[0]
    return protocol.get(kept[name], "none") if name in kept else COLUMNS[column].protocol.backbone


def between_speakers(rows: list[Row]) -> float | None:
    """Mean cosine of the identity embeddings of true clips of different speakers; None without two
    speakers."""
    known = [(str(row.get("speaker")), np.array(row["identity"])) for row in rows if row.get("identity")]
    cosines = [float(a @ b) for i, (one, a) in enumerate(known) for other, b in known[:i] if one != other]
    return float(np.mean(cosines)) if cosines else None


def _bold_means(spec: TableSpec) -> str:
    if spec.differences_to is None:
        return "Bold: best of the generated rows, every paired difference's interval leaving out zero."
    name = next(row.name for row in spec.rows if row.method == spec.differences_to)
    return f"Rows but {name}: paired differences to it; bold: the interval leaves out zero."


def _ordinal(number: int) -> str:
    return {1: "1st", 2: "2nd", 3: "3rd"}.get(number, f"{number}th")
