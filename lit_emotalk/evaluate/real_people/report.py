"""The report as Markdown and JSON."""

import json
from pathlib import Path

from lit_emotalk.emotions import EMOTIONS
from lit_emotalk.evaluate.columns import COLUMNS
from lit_emotalk.evaluate.real_people.findings import Findings
from lit_emotalk.evaluate.real_people.generator import COPY
from lit_emotalk.evaluate.real_people.lips import FARTHEST_LAG
from lit_emotalk.evaluate.real_people.preparation import Preparation
from lit_emotalk.evaluate.tables.statistics import Estimate
from lit_emotalk.evaluate.tables.write import cell_text
from lit_emotalk.evaluate.transfer import MOST_MOVING, Transfer
from lit_emotalk.io.files import write_text

NAMES_SHOWN = 5
FEWEST_FOR_INTERVAL = 2
DASH = "–"
TRANSFER_HEAD = ("PSNR face", "PSNR mouth", "sharp face %", "sharp mouth %", "lips", "r", "strength")


def write_report(findings: Findings, folder: Path) -> str:
    """Write report.json and then report.md into `folder`; returns the Markdown."""
    text = markdown(findings)
    content = json.dumps(findings.plain(), indent=1, ensure_ascii=False)
    write_text(folder / "report.json", content + "\n")
    write_text(folder / "report.md", text)
    return text


def markdown(found: Findings) -> str:
    """The report."""
    facts = found.facts
    lines = [
        f"# {facts['clips']} clips of real people",
        "",
        f"Models {facts['models']}, shards {facts['shards']}, measured by lit-emotalk {facts['version']}.",
        "",
        *_preparation(found.preparation, facts["clips"]),
        *_emotions(found),
        *_lips(found),
        *_generator(found),
        *_chain(found),
        "## Pictures",
        "",
    ]
    for name, shown in found.pictures.items():
        lines += [f"{shown}:", "", f"![{shown}]({name})", ""]
    lines += ["## Time", "", *_table(["step", "s"], [[k, f"{v:.0f}"] for k, v in found.seconds.items()]), ""]
    return "\n".join(lines)


def _preparation(prepared: Preparation, used: int) -> list[str]:
    rejected = sum(map(len, prepared.rejected.values()))
    line = f"{prepared.clips} clips taken, {rejected} rejected"
    if prepared.frames is not None:
        line += f"; {prepared.frames} frames"
    if prepared.rate is not None:
        line += f", {prepared.rate:.0f} frames/s of each process"
    lines = ["## Preparation", "", f"{line}. This report is on {used} of them.", ""]
    rows = [[reason, str(len(files)), _some(files)] for reason, files in prepared.rejected.items()]
    return lines + ([*_table(["rejected because", "clips", "which"], rows), ""] if rows else [])


def _emotions(found: Findings) -> list[str]:
    lines = ["## Reading emotion", "", "Nearest of nine by the emotion space's texts (chance 11 %)."]
    lines += [f"From the {side}: {DASH}, {r.reason}." for side, r in found.readings.items() if r.reason]
    read = {side: reading for side, reading in found.readings.items() if not reading.reason}
    rows = []
    for emotion in EMOTIONS:
        cells = [
            f"{100 * reading.recalls[emotion]:.0f} % of {reading.counts[EMOTIONS.index(emotion)].sum()}"
            if emotion in reading.recalls
            else DASH
            for reading in read.values()
        ]
        if set(cells) - {DASH}:
            rows.append([emotion, *cells])
    if rows:
        means = [r.mean_recall for r in read.values()]
        rows.append(["unweighted mean", *(DASH if m is None else f"{100 * m:.0f} %" for m in means)])
        lines += ["", *_table(["recall", *(f"from the {side}" for side in read)], rows)]
    return [*lines, ""]


def _lips(found: Findings) -> list[str]:
    lines = ["## Lips from speech", ""]
    if found.silent:
        lines.append(f"Left out, since nobody speaks: {len(found.silent)} clips ({_some(found.silent)}).")
    if found.still:
        lines.append(f"Left out, since the mouth does not move: {len(found.still)} ({_some(found.still)}).")
    if not found.lips:
        return [*lines, f"{DASH}: nobody speaks in any clip.", ""]
    rows = [
        [
            name,
            str(lips.correlation.clips),
            _interval(lips.correlation),
            f"{lips.lag:+d}",
            f"{lips.at_lag:.2f}",
            f"{lips.ratio:.2f}",
        ]
        for name, lips in found.lips.items()
    ]
    head = ["corpus", "clips", "mean r [95 %]", "best lag, frames", "r there", "ratio of std"]
    return [
        *lines,
        "",
        *_table(head, rows),
        "",
        "Opening of the mouth by the linear face, predicted from the clip's own sound (which also gives the "
        "emotion) against tracked. "
        f"Best lag: within {FARTHEST_LAG} frames, positive where the prediction comes after the true mouth. "
        "Ratio: predicted over tracked standard deviation, of the median clip. "
        "Intervals draw people, and clips within them; a clip that no label put to others is its own person.",
        "",
    ]


def _generator(found: Findings) -> list[str]:
    lines = ["## The generator alone", ""]
    for kind, (ways, pairs, seen) in found.transfer.items():
        copied = ways[COPY].lips
        rows = [[name, *_transfer_cells(way, copied)] for name, way in ways.items()]
        head = [f"{pairs} pairs {kind}", *TRANSFER_HEAD]
        lines += [*_table(head, rows), "", f"Faces found in all pictures of {seen} pairs.", ""]
    return [
        *lines,
        "Lips: distance of the mouth's landmarks, beside the copy's. r and strength: of the tracked change "
        f"of expression from the source, medians over the {MOST_MOVING} units that change most. "
        "The untrained network moves the source as its guide, the linear face, says: what it lacks to the "
        "generator is what training added.",
        "",
    ]


def _transfer_cells(way: Transfer, copied: float | None) -> list[str]:
    lips = None if way.lips is None or not copied else 100 * (way.lips / copied - 1)
    return [
        f"{way.psnr_face:.2f}",
        f"{way.psnr_mouth:.2f}",
        _number(way.sharp_face, "{:.0f}"),
        _number(way.sharp_mouth, "{:.0f}"),
        _number(lips, "{:+.0f} %"),
        _number(way.correlation, "{:.2f}"),
        _number(way.strength, "{:.2f}"),
    ]


def _chain(found: Findings) -> list[str]:
    table = found.chain
    lines = [
        "## The whole chain",
        "",
        "First frame, own sound, own head pose; the emotion by the label, else by the clip's own picture.",
    ]
    if found.silent:
        lines.append(f"Among them {len(found.silent)} clips in which nobody speaks.")
    lines.append("")
    reasons: list[str] = []
    rows = []
    for column in table.spec.columns:
        shown = [
            cell_text(table, column, cells[column], reasons, "**{}**", " ({})") for _, cells in table.rows
        ]
        rows.append([table.heading(column), *shown])
    lines += [*_table(["", *(name for name, _ in table.rows)], rows), ""]
    lines += [f"({number}) {reason}." for number, reason in enumerate(reasons, 1)]
    lines += [""] * bool(reasons)
    lines += [f"- {COLUMNS[column].title}: {DASH}, {reason}." for column, reason in found.absent.items()]
    return [*lines, *(f"- {note}" for note in table.notes), ""]


def _interval(value: Estimate) -> str:
    if value.clips < FEWEST_FOR_INTERVAL:
        return f"{value.mean:.2f} [{DASH}, one clip]"
    return f"{value.mean:.2f} [{value.low:.2f}, {value.high:.2f}]"


def _number(value: float | None, form: str) -> str:
    return DASH if value is None else form.format(value)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return ["| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines]
