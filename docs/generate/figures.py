"""Figures of boxes and arrows as SVG, drawn from `figures.yaml`; they take the page's colours."""

from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import yaml

FIGURES = Path(__file__).with_name("figures.yaml")
WIDTH, HEIGHT = 134, 58
GAP_X, GAP_Y = 24, 26
MARGIN = 8
LINE, LETTER = 15, 12.5
ARROW = (
    '<defs><marker id="{name}-tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>'
)


@cache
def figures() -> dict[str, Any]:
    """Name -> title, `boxes` (name: [column, row, text, and perhaps `frozen` or `data`]), `arrows`
    ([from, to] and perhaps a label)."""
    return yaml.safe_load(FIGURES.read_text())


def figure(name: str) -> str:
    """The figure as a block of HTML: an SVG that a screen reader calls by its title, which stands below."""
    content = figures()[name]
    boxes: dict[str, list[Any]] = content["boxes"]
    columns = max(box[0] for box in boxes.values()) + 1
    rows = max(box[1] for box in boxes.values()) + 1
    width = round(2 * MARGIN + columns * WIDTH + (columns - 1) * GAP_X)
    height = round(2 * MARGIN + rows * HEIGHT + (rows - 1) * GAP_Y)
    parts = [box_svg(*box) for box in boxes.values()]
    parts += [arrow_svg(boxes[start], boxes[end], name, *label) for start, end, *label in content["arrows"]]
    title = escape(content["title"])
    return (
        f'<figure class="network"><div><svg viewBox="0 0 {width} {height}" role="img" aria-label="{title}" '
        f'style="width: {width}px">{ARROW.format(name=name)}{"".join(parts)}</svg></div>'
        f"<figcaption>{title}</figcaption></figure>"
    )


def corner(box: list[Any]) -> tuple[float, float]:
    """The upper left corner of a box."""
    return MARGIN + box[0] * (WIDTH + GAP_X), MARGIN + box[1] * (HEIGHT + GAP_Y)


def box_svg(column: float, row: float, text: str, kind: str = "trained") -> str:
    """A box with its lines of text in the middle."""
    left, top = corner([column, row])
    lines = text.split("\n")
    first = top + HEIGHT / 2 - (len(lines) - 1) * LINE / 2
    words = "".join(
        f'<text x="{left + WIDTH / 2:g}" y="{first + i * LINE:g}" font-size="{LETTER}">{escape(line)}</text>'
        for i, line in enumerate(lines)
    )
    return f'<rect class="{kind}" x="{left:g}" y="{top:g}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>{words}'


def arrow_svg(start: list[Any], end: list[Any], name: str, label: str = "") -> str:
    """An arrow between the sides of two boxes that face each other."""
    (x1, y1), (x2, y2) = corner(start), corner(end)
    if end[0] >= start[0] + 1:
        ends = (x1 + WIDTH, y1 + HEIGHT / 2, x2, y2 + HEIGHT / 2)
    elif y2 > y1:
        ends = (x1 + WIDTH / 2, y1 + HEIGHT, x2 + WIDTH / 2, y2)
    else:
        ends = (x1 + WIDTH / 2, y1, x2 + WIDTH / 2, y2 + HEIGHT)
    points = " ".join(f"{value:g}" for value in ends)
    x, y = (ends[0] + ends[2]) / 2, (ends[1] + ends[3]) / 2 - 6
    words = f'<text class="label" x="{x:g}" y="{y:g}" font-size="11">{escape(label)}</text>' if label else ""
    xs = points.split()
    return f'<path d="M{xs[0]} {xs[1]}L{xs[2]} {xs[3]}" marker-end="url(#{name}-tip)"/>{words}'
