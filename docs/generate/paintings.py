"""The paintings of the gallery: what they are and where they come from."""

from pathlib import Path
from typing import Any

import yaml

PAINTINGS = Path(__file__).with_name("paintings.yaml")
HEAD = ("painting", "painter", "year", "kept at", "where the picture comes from")


def paintings() -> list[dict[str, Any]]:
    """What `paintings.yaml` says of each painting."""
    return yaml.safe_load(PAINTINGS.read_text())


def painting_table() -> str:
    """The paintings as a Markdown table."""
    lines = ["| " + " | ".join(HEAD) + " |", "|" + " --- |" * len(HEAD)]
    for painting in paintings():
        painter = f"{painting['painter']} (died {painting['died']})"
        cells = (painting["title"], painter, painting["year"], painting["keeper"], painting["source"])
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
