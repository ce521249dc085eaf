"""What shards and coefficients hold, as tables from the contracts in the code."""

from lit_emotalk import schema
from lit_emotalk.coefficients import ARKIT, POSE_SIZE

POSE = (
    "rotation vector x, radians",
    "rotation vector y, radians",
    "rotation vector z, radians",
    "translation to the right, half widths of the crop",
    "translation downwards, half widths of the crop",
    "logarithm of the face's scale relative to the crop's half width",
)
COLUMNS = 3


def shard_tables() -> str:
    """The entries of a sample and the keys of its record, one Markdown table each."""
    parts = []
    for title, entries in (
        ("An entry of `signals-*.tar`", schema.SIGNALS_ENTRIES),
        ("An entry of `frames-*.tar`", schema.FRAMES_ENTRIES),
        ("A key of a clip's record", schema.RECORD),
    ):
        rows = [f"| `{name}` | {text.replace('|', chr(92) + '|')} |" for name, text in entries.items()]
        parts.append("\n".join([f"| {title} | what |", "| --- | --- |", *rows]))
    return f"Version {schema.VERSION}.\n\n" + "\n\n".join(parts)


def coefficient_tables() -> str:
    """The weights by number and name, and the pose."""
    cells = [f"{number} `{name}`" for number, name in enumerate(ARKIT.names)]
    rows = [cells[start : start + COLUMNS] for start in range(0, len(cells), COLUMNS)]
    lines = ["| weight | | |", "|" + " --- |" * COLUMNS]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    lines += ["", "| pose | what |", "| --- | --- |"]
    assert len(POSE) == POSE_SIZE
    lines += [f"| {ARKIT.expression_size + index} | {text} |" for index, text in enumerate(POSE)]
    return "\n".join(lines)
