"""The table of scores as JSON, CSV and Markdown."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from lit_emotalk.evaluate.coefficients.scores import Figures
from lit_emotalk.io.files import write_text

COLUMNS: dict[str, tuple[str, str, float, str]] = {
    "error": ("error", "{:.1f}", 100, "mean absolute error of the moving units, x 100"),
    "error_mouth": ("mouth", "{:.1f}", 100, "of mouth and jaw"),
    "error_brows": ("brows", "{:.1f}", 100, "of the brows"),
    "error_eyes": ("eyes", "{:.1f}", 100, "of eyes, cheeks and nose, lids and gaze left out"),
    "velocity": ("velocity", "{:.2f}", 100, "error of the frame-to-frame differences, x 100"),
    "lips": (
        "lips %",
        "{:.2f}",
        1,
        "lip landmark distance by the linear face, percent of the inter-ocular one",
    ),
    "opening": ("opening", "{:.2f}", 1, "correlation of the mouth's opening with the truth, mean over clips"),
    "lag": ("lag", "{:+d}", 1, "frames by which the mouth comes after the true one"),
    "sound_lag": ("sound lag", "{:+d}", 1, "frames by which the mouth comes after the loudness"),
    "closure": ("closed %", "{:.0f}", 100, "m, b, p in which the lips meet"),
    "closure_gap": (
        "gap",
        "{:.0f}",
        100,
        "the largest difference of that share from the truth's, over emotions",
    ),
    "lve": (
        "LVE",
        "{:.2f}",
        1,
        "largest squared distance of a frame's lip points, squared percent",
    ),
    "fdd": (
        "FDD",
        "{:.2f}",
        1,
        "difference of the upper face's dynamics, percent of the inter-ocular one",
    ),
    "mhd": ("MHD", "{:.2f}", 1, "root mean squared distance of all points of the linear face, percent"),
    "e_fid": ("E-FID", "{:.3f}", 1, "Fréchet distance of the expressions of all frames"),
    "slcc": ("SLCC", "{:.2f}", 1, "correlation of the mouth's opening and the loudness, mean over clips"),
    "emotion_3": ("level 3 %", "{:.0f}", 100, "emotion named by a classifier fitted on true training faces"),
    "emotion_2": ("level 2 %", "{:.0f}", 100, "the same at level 2"),
    "emotion_1": ("level 1 %", "{:.0f}", 100, "the same at level 1"),
    "intensity": (
        "grows %",
        "{:.0f}",
        100,
        "(speaker, emotion) pairs whose face grows from level 1 to 2 to 3",
    ),
    "compounds": ("compounds", "{}", 1, "compounds nearer to their own true face than to a part's"),
}
"""Figure -> (title, format, factor, meaning), in the order of the table."""


def cell(name: str, figures: Figures) -> str:
    """A figure as the table shows it; a dash where it was not computed."""
    value: Any = figures.get(name)
    _, form, factor, _ = COLUMNS[name]
    if value is None:
        return "–"
    return form.format(value if isinstance(value, str | int) else factor * value)


def markdown(rows: dict[str, Figures], absent: dict[str, str], title: str) -> str:
    """The table, method by method, with what its columns mean; `absent`: method -> why it has no figures."""
    shown = [name for name in COLUMNS if any(row.get(name) is not None for row in rows.values())]
    lines = [
        f"### {title}",
        "",
        "| method | " + " | ".join(COLUMNS[name][0] for name in shown) + " |",
        "| --- |" + " ---: |" * len(shown),
    ]
    lines += [f"| {name} | " + " | ".join(cell(k, row) for k in shown) + " |" for name, row in rows.items()]
    lines += [f"| {name} |" + " – |" * len(shown) for name in absent]
    lines += ["", *(f"- {name}: –, {reason}" for name, reason in absent.items())] if absent else []
    return "\n".join([*lines, "", *(f"- {COLUMNS[name][0]}: {COLUMNS[name][3]}" for name in shown), ""])


def write_report(
    rows: dict[str, Figures], absent: dict[str, str], facts: dict[str, Any], title: str, folder: Path
) -> str:
    """Write scores.json, scores.csv and scores.md into `folder`; returns the Markdown. `absent`: method ->
    why it has no figures."""
    text = markdown(rows, absent, title)
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerow(["method", *COLUMNS])
    writer.writerows([method, *(row.get(name) for name in COLUMNS)] for method, row in rows.items())
    write_text(
        folder / "scores.json", json.dumps({"facts": facts, "rows": rows, "absent": absent}, indent=1) + "\n"
    )
    write_text(folder / "scores.csv", sheet.getvalue())
    write_text(folder / "scores.md", text)
    return text
