"""A table as Markdown, CSV, LaTeX and JSON."""

import csv
import io
import json
from pathlib import Path

from lit_emotalk.evaluate.tables.build import Cell, Table
from lit_emotalk.io.files import write_text

LATEX_ESCAPES = {
    "%": r"\%",
    "_": r"\_",
    "&": r"\&",
    "#": r"\#",
    "|": r"\textbar{}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
}


def write(table: Table, stem: Path) -> str:
    """Write `stem`.md, .csv, .tex and .json; returns the Markdown."""
    text = markdown(table)
    write_text(stem.with_suffix(".md"), text)
    write_text(stem.with_suffix(".csv"), comma_separated(table))
    write_text(stem.with_suffix(".tex"), latex(table))
    write_text(stem.with_suffix(".json"), json.dumps(numbers(table), indent=2, ensure_ascii=False) + "\n")
    return text


def cell_text(table: Table, column: str, cell: Cell, reasons: list[str], bold: str, mark: str) -> str:
    """A cell: mean and interval, or a dash with the number of its reason, which is added to `reasons`."""
    if cell.estimate is not None:
        found = cell.estimate
        mean, low, high = (
            sign(cell, value) + table.shown(column, value) for value in (found.mean, found.low, found.high)
        )
        return f"{bold.format(mean) if cell.bold else mean} [{low}, {high}]"
    if cell.value is not None:
        return sign(cell, cell.value) + table.shown(column, cell.value)
    if cell.reason not in reasons:
        reasons.append(cell.reason)
    return f"-{mark.format(reasons.index(cell.reason) + 1)}"


def sign(cell: Cell, value: float) -> str:
    """The plus of a difference."""
    return "+" if cell.signed and value > 0 else ""


def markdown(table: Table) -> str:
    """GitHub's Markdown; the reported numbers are a block of their own, in italics."""
    spec, reasons = table.spec, list[str]()
    width = len(spec.columns)
    lines = [f"### {spec.title}", ""]
    lines += [_pipes(["Method", *map(table.heading, spec.columns)]), _pipes(["---"] + ["---:"] * width)]
    for name, cells in table.rows:
        lines.append(
            _pipes([name, *(cell_text(table, c, cells[c], reasons, "**{}**", " ({})") for c in spec.columns)])
        )
    if spec.reported:
        lines.append(_pipes([f"*{spec.reported_title}*", *[""] * width]))
    for name, row in spec.reported.items():
        lines.append(_pipes([f"*{name}*", *(f"*{row[c]:g}*" if c in row else "" for c in spec.columns)]))
    lines += ["", *(f"({i}) {reason}." for i, reason in enumerate(reasons, 1))]
    lines += [""] * bool(reasons) + [f"- {note}" for note in table.notes]
    return "\n".join(lines) + "\n"


def comma_separated(table: Table) -> str:
    """One line per row and column: block, method, column, mean, low, high, clips, speakers (in a user study
    ratings, raters), reason."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["block", "method", "column", "mean", "low", "high", *table.spec.counted, "reason"])
    for name, cells in table.rows:
        for column, cell in cells.items():
            found = cell.estimate
            numbers = (
                [found.mean, found.low, found.high, found.clips, found.speakers]
                if found
                else [cell.value, *[""] * 4]
            )
            writer.writerow(
                ["measured", name, column, *("" if v is None else v for v in numbers), cell.reason]
            )
    for name, row in table.spec.reported.items():
        for column, value in row.items():
            writer.writerow(["reported", name, column, value, "", "", "", "", ""])
    return text.getvalue()


def latex(table: Table) -> str:
    """A booktabs table; the reported numbers are grey (needs the packages booktabs and xcolor)."""
    spec, reasons = table.spec, list[str]()
    lines = [
        r"\begin{table}",
        rf"\caption{{{_tex(spec.title)}}}",
        rf"\begin{{tabular}}{{l{'r' * len(spec.columns)}}}",
        r"\toprule",
    ]
    lines += [_row(["Method", *map(table.heading, spec.columns)]), r"\midrule"]
    for name, cells in table.rows:
        texts = [cell_text(table, c, cells[c], reasons, "BOLD({})BOLD", " ({})") for c in spec.columns]
        line = _row([name, *texts])
        lines.append(line.replace("BOLD(", r"\textbf{").replace(")BOLD", "}"))
    if spec.reported:
        head = (
            rf"\multicolumn{{{len(spec.columns) + 1}}}{{l}}{{\color{{gray}}{_tex(spec.reported_title)}}} \\"
        )
        lines += [r"\midrule", head]
    for name, row in spec.reported.items():
        values = [f"{row[c]:g}" if c in row else "" for c in spec.columns]
        lines.append(" & ".join(rf"\color{{gray}}{_tex(text)}" for text in [name, *values]) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}", r"\par\footnotesize"]
    notes = [f"({i}) {reason}." for i, reason in enumerate(reasons, 1)] + list(table.notes)
    return "\n".join([*lines, *(_tex(note) + r"\\" for note in notes), r"\end{table}"]) + "\n"


def numbers(table: Table) -> dict[str, object]:
    """The numbers for programs: rows of columns of mean, low, high, clips, speakers (or ratings, raters)."""
    keys = ("mean", "low", "high", *table.spec.counted)
    rows = {
        name: {
            column: dict(zip(keys, vars(cell.estimate).values(), strict=True))
            if cell.estimate
            else {"mean": cell.value, "reason": cell.reason}
            for column, cell in cells.items()
        }
        for name, cells in table.rows
    }
    return {"title": table.spec.title, "rows": rows, "reported": table.spec.reported, "notes": table.notes}


def _pipes(texts: list[str]) -> str:
    return "| " + " | ".join(text.replace("|", r"\|") for text in texts) + " |"


def _row(texts: list[str]) -> str:
    return " & ".join(map(_tex, texts)) + r" \\"


def _tex(text: str) -> str:
    return "".join(LATEX_ESCAPES.get(letter, letter) for letter in text)
