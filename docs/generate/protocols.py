"""Every metric's protocol as the code declares it: what the page on evaluation shows."""

from lit_emotalk.evaluate.columns import COLUMNS, Column, arrow
from lit_emotalk.metrics.base import Protocol

BETTER = {"↑": "higher is better", "↓": "lower is better", "→": "the nearer to the true videos' the better"}
HEAD = ("column", "in tables", "what is measured", "unit", "networks")


def protocol_table() -> str:
    """A Markdown table of every column that a row of results may hold, columns of one protocol together."""
    groups: dict[Protocol, list[tuple[str, Column]]] = {}
    for name, column in COLUMNS.items():
        groups.setdefault(column.protocol, []).append((name, column))
    lines = ["| " + " | ".join(HEAD) + " |", "|" + " --- |" * len(HEAD)]
    for protocol, columns in groups.items():
        names = "<br>".join(f"`{name}`" for name, _ in columns)
        titles = "<br>".join(f"{column.title} {arrow(name)}" for name, column in columns)
        notes = "; ".join(f"`{name}`: {column.note}" for name, column in columns if column.note)
        what = f"{protocol.text}. {notes}" if notes else protocol.text
        cells = (names, titles, what, protocol.unit, "" if protocol.backbone == "none" else protocol.backbone)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    signs = "; ".join(f"{sign} {text}" for sign, text in BETTER.items())
    return "\n".join(lines) + f"\n\n{signs}.\n"
