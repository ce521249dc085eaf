"""The check's findings as JSON, Markdown and pictures."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from data_prep.check_corpus.emotions import Guesses
from data_prep.check_corpus.lines import Line
from data_prep.check_corpus.lips import LAGS, LipReport
from data_prep.check_corpus.units import UnitScore
from lit_emotalk.emotions import MEAD_EMOTIONS
from lit_emotalk.io.files import atomic_path, write_text

DOTS_PER_INCH = 110


@dataclass(frozen=True)
class Findings:
    """All that a check found; `facts` say what was checked."""

    facts: dict[str, object]
    lines: list[Line]
    guesses: dict[str, Guesses]
    lips: LipReport
    units: list[UnitScore]


def write_findings(found: Findings, output: Path) -> str:
    """Write check.json, check.md, confusion.png, lips.png and units.png into `output`; the Markdown."""
    text = markdown(found)
    content = {
        "facts": found.facts,
        "lines": [asdict(line) for line in found.lines],
        "confusion": {name: guesses.confusion().tolist() for name, guesses in found.guesses.items()},
        "emotions": MEAD_EMOTIONS,
        "units": [asdict(score) for score in found.units],
    }
    _save(draw_confusion(found.guesses), output / "confusion.png")
    _save(draw_lips(found.lips), output / "lips.png")
    _save(draw_units(found.units), output / "units.png")
    write_text(output / "check.md", text)
    write_text(output / "check.json", json.dumps(content, indent=1) + "\n")
    return text


def markdown(found: Findings) -> str:
    """The lines as a table, and the units' scores."""
    facts = ", ".join(f"{value} {name}" for name, value in found.facts.items())
    rows = ["| check | asked | measured | |", "| --- | --- | --- | --- |"]
    rows += [f"| {line.check} | {line.asked} | {line.measured} | {line.verdict} |" for line in found.lines]
    rows += [
        "",
        "Shares have Wilson's 95 % interval; clips of a speaker are alike: it is a little narrow.",
    ]
    rows += ["", "| unit | moves (sd) | correlation | slope | mean error | MediaPipe's raw correlation |"]
    rows += ["| --- | ---: | ---: | ---: | ---: | ---: |"]
    for score in found.units:
        raw = "" if score.raw is None else f"{score.raw:.2f}"
        rows.append(
            f"| {score.name} | {score.spread:.2f} | {score.correlation:.2f} | {score.slope:.2f} "
            f"| {score.error:.3f} | {raw} |"
        )
    return "\n".join(["### Check of the corpus", "", facts, "", *rows]) + "\n"


def draw_confusion(guesses: dict[str, Guesses]) -> Figure:
    """Counts of true (rows) and guessed (columns) emotions of the test speakers: face and voice."""
    figure = Figure(figsize=(5.2 * len(guesses), 4.9), layout="constrained")
    for place, (name, found) in enumerate(guesses.items(), 1):
        counts = found.confusion()
        axes = figure.add_subplot(1, len(guesses), place)
        axes.imshow(counts / np.maximum(counts.sum(1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
        for row, column in np.argwhere(counts):
            dark = counts[row, column] > 0.5 * counts[row].sum()
            axes.text(
                column, row, counts[row, column], ha="center", va="center", color="white" if dark else "black"
            )
        axes.set_xticks(range(len(MEAD_EMOTIONS)), MEAD_EMOTIONS, rotation=45, ha="right")
        axes.set_yticks(range(len(MEAD_EMOTIONS)), MEAD_EMOTIONS)
        axes.set_title(f"{name}: {(found.true == found.guessed).mean():.0%} of {len(found.true)}, all levels")
        axes.set_xlabel("guessed")
        axes.set_ylabel("true (test speakers)")
    return figure


def draw_lips(lips: LipReport) -> Figure:
    """Correlation of lip gap and loudness by how many frames the lips come after the sound."""
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(LAGS, lips.truth, "o-", label="truth")
    axes.plot(LAGS, lips.picture, "s--", label="as MediaPipe sees them")
    axes.axvspan(-1, 1, color="0.92")
    axes.set_xlabel("lips after the sound (frames of 40 ms)")
    axes.set_ylabel("correlation of lip gap and loudness")
    axes.legend()
    return figure


def draw_units(units: list[UnitScore]) -> Figure:
    """Correlation of each unit's reading with the truth, beside MediaPipe's where it was read."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.add_subplot()
    places = np.arange(len(units))
    axes.bar(places - 0.2, [score.correlation for score in units], 0.4, label="tracker")
    raw = [score.raw for score in units if score.raw is not None]
    if len(raw) == len(units):
        axes.bar(places + 0.2, raw, 0.4, label="MediaPipe's raw score")
    axes.axhline(0.85, color="0.4", linewidth=0.8)
    axes.set_xticks(places, [score.name for score in units], rotation=45, ha="right")
    axes.set_ylabel("correlation with the truth")
    axes.legend()
    return figure


def _save(figure: Figure, path: Path) -> None:
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=DOTS_PER_INCH)
