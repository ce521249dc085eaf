"""What a preparation tells: rejected.csv, report.csv, faces.csv, prepared.json and the lines at its end."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_prep.clips.source import Source
from lit_emotalk.io.files import write_text

State = dict[str, Any]
FACES_HEADER = ["key", "face", "followed", "frames", "median pixels", "centre x", "centre y", "chosen by"]


def write_csv(path: Path, header: list[str], rows: list[Any]) -> None:
    """Write a CSV file, unless it is there with the same content."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_changed(path, written_down(text.getvalue()))


def written_down(text: str) -> str:
    """A text in which bytes of names that are no UTF-8 are spelled out, as "\\udce9"."""
    return text.encode("utf-8", "backslashreplace").decode()


def write_changed(path: Path, text: str) -> None:
    """Write a text file, unless it is there with the same content."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)


def write_rejected(output: Path, rejected: list[tuple[str, str]]) -> None:
    """`rejected.csv`: every file that is not in the shards, with the reason."""
    write_csv(output / "rejected.csv", ["source", "reason"], sorted(rejected))


def write_report(output: Path, fit: list[tuple[Source, str]], states: dict[str, State]) -> None:
    """`report.csv`: the facts of every clip, given with its split; `faces.csv`: the faces of clips that have
    several."""
    facts = [name for name in states[fit[0][0].key]["facts"] if name != "people"]
    rows, faces = [], []
    for source, split in sorted(fit, key=lambda item: item[0].key):
        known = states[source.key]["facts"]
        rows.append([source.key, split, *(known[name] for name in facts)])
        people = known.get("people", [])
        if len(people) > 1:
            faces += [[source.key, number, *person] for number, person in enumerate(people, 1)]
    write_csv(output / "report.csv", ["key", "split", *facts], rows)
    write_csv(output / "faces.csv", FACES_HEADER, faces)


def write_prepared(output: Path, fit: list[tuple[Source, str]], states: dict[str, State]) -> None:
    """`prepared.json`: clips, frames, and frames a second of one process over the clips whose time is
    known."""
    known = [states[source.key] for source, _ in fit]
    timed = [state for state in known if state.get("seconds")]
    seconds = sum(state["seconds"] for state in timed)
    rate = sum(state["facts"]["frames"] for state in timed) / seconds if timed else None
    facts = {
        "clips": len(fit),
        "frames": sum(state["facts"]["frames"] for state in known),
        "frames_per_second": None if rate is None else round(rate, 1),
    }
    write_changed(output / "prepared.json", json.dumps(facts) + "\n")


def summary(
    output: Path,
    fit: list[tuple[Source, str]],
    states: dict[str, State],
    rejected: list[tuple[str, str]],
    written: int,
) -> Iterator[str]:
    """The lines at the end of a run: `written` shards, clips by split, several faces."""
    if written == 0:
        yield f"{output}: nothing to do, the shards are up to date"
    else:
        yield f"{output}: wrote {written} shards"
    clips = Counter(split for _, split in fit)
    frames = sum(states[source.key]["facts"]["frames"] for source, _ in fit)
    split_text = ", ".join(f"{split} {count}" for split, count in sorted(clips.items()))
    yield f"{len(fit)} clips ({split_text}), {frames} frames; {len(rejected)} rejected, see rejected.csv"
    trimmed = [s.key for s, _ in fit if states[s.key]["facts"].get("trimmed")]
    if trimmed:
        more = f" and {len(trimmed) - 3} more" if len(trimmed) > 3 else ""
        yield f"cut to the longest good stretch of one person: {', '.join(trimmed[:3])}{more}; see report.csv"
    crowded = [s.key for s, _ in fit if states[s.key]["facts"].get("faces", 1) > 1]
    if crowded:
        more = f" and {len(crowded) - 3} more" if len(crowded) > 3 else ""
        yield f"several faces (the main one was followed): {', '.join(crowded[:3])}{more}; see faces.csv"
