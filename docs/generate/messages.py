"""Every message about wrong input that the program prints, read from its sources, with what to do."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from re import search
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PACKAGES = ("lit_emotalk", "data_prep")
TEXT_OF = {"UserError": 0, "Refusal": 1, "exit_with": 0}
"""What ends a command, a clip or a stream with one line -> which argument is the line."""
ADVICE = Path(__file__).with_name("advice.yaml")
OPEN = "…"
LEAST_WORDS = 2


@dataclass(frozen=True)
class Message:
    """One line that a file may print; what differs from case to case is in capitals, or … ."""

    path: str
    line: int
    text: str


@dataclass(frozen=True)
class Kind:
    """Messages that one advice serves: those of the area's files that match `says`."""

    says: str
    do: str


@dataclass(frozen=True)
class Area:
    """What a user was doing: files by the beginnings of their paths, and kinds of messages in order."""

    title: str
    where: tuple[str, ...]
    kinds: tuple[Kind, ...]


@cache
def messages() -> tuple[Message, ...]:
    """All messages of the packages; a line that is passed on whole from elsewhere is where it comes from."""
    return tuple(
        Message(path.relative_to(ROOT).as_posix(), node.lineno, text)
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and (text := text_of(node))
    )


def text_of(call: ast.Call) -> str:
    """The line of a call in `TEXT_OF`, "" for other calls and for lines without words of their own."""
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    if name not in TEXT_OF or len(call.args) <= TEXT_OF[name]:
        return ""
    argument = call.args[TEXT_OF[name]]
    own = [n.value for n in ast.walk(argument) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return template(argument) if len(" ".join(own).split()) >= LEAST_WORDS else ""


def template(node: ast.expr) -> str:
    """An expression of text, its variable parts as names in capitals or …"""
    match node:
        case ast.Constant(value=value):
            return str(value)
        case ast.JoinedStr(values=values):
            return "".join(template(value) for value in values)
        case ast.FormattedValue(value=value) | ast.Subscript(value=ast.JoinedStr() as value):
            return placeholder(value)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return template(left) + template(right)
        case ast.IfExp(body=body, orelse=orelse):
            return f"{template(body)} / {template(orelse)}"
    return OPEN


def placeholder(value: ast.expr) -> str:
    """What stands for a value in a message."""
    match value:
        case ast.JoinedStr():
            return template(value)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.strip("_").upper()
        case ast.Call(func=ast.Name(id="len")):
            return "N"
    return OPEN


@cache
def areas() -> tuple[Area, ...]:
    """`advice.yaml`: what to do, by area and kind; the last kind of an area takes what no other matches."""
    content: list[dict[str, Any]] = yaml.safe_load(ADVICE.read_text())
    return tuple(
        Area(
            entry["title"],
            tuple(entry["where"]),
            (*(Kind(**kind) for kind in entry.get("kinds", ())), Kind("", entry["otherwise"])),
        )
        for entry in content
    )


def place_of(message: Message) -> tuple[Area, Kind]:
    """Where a message belongs: the area with the longest beginning of its path, the first kind that matches.

    Raises LookupError for a file of no area.
    """
    fitting = [(len(start), a) for a in areas() for start in a.where if message.path.startswith(start)]
    if not fitting:
        raise LookupError(f"{ADVICE.name} has no area for {message.path}: {message.text}")
    area = max(fitting, key=lambda pair: pair[0])[1]
    return area, next(kind for kind in area.kinds if search(kind.says, message.text))


def troubleshooting() -> str:
    """The page's body: areas, in each the advice, and below it the messages that it is for."""
    sorted_in: dict[tuple[Area, Kind], list[str]] = {}
    for message in messages():
        sorted_in.setdefault(place_of(message), []).append(message.text)
    lines: list[str] = []
    for area in areas():
        lines += [f"## {area.title}", ""]
        for kind in area.kinds:
            if texts := sorted(set(sorted_in.get((area, kind), ()))):
                lines += [" ".join(kind.do.split()), ""]
                lines += [f"- `{text.replace('`', chr(39))}`" for text in texts]
                lines += [""]
    return "\n".join(lines)
