"""A class's configuration keys, with types, defaults and meanings, as its constructor and docstrings say."""

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NOTHING = inspect.Parameter.empty
GATHERED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@dataclass(frozen=True)
class Key:
    """One key: its dotted `name`, `type` as one would write it, `default` as YAML has it ("" where it must be
    given), `meaning` in words ("" where the docstring says nothing)."""

    name: str
    type: str
    default: str
    meaning: str


def keys_of(cls: type, prefix: str = "") -> Iterator[Key]:
    """Every key of a class's constructor, those of nested dataclasses after their own."""
    hints = constructor_hints(cls)
    for name, default in parameters(cls).items():
        hint = hints.get(name, Any)
        nested = dataclass_in(hint)
        yield Key(prefix + name, type_text(hint), default_text(default), meaning(cls, name))
        if nested is not None:
            given = default if dataclasses.is_dataclass(default) else None
            for key in keys_of(nested, f"{prefix}{name}."):
                last = key.name.removeprefix(f"{prefix}{name}.")
                if given is not None and hasattr(given, last):
                    key = dataclasses.replace(key, default=default_text(getattr(given, last)))
                yield key


def parameters(cls: type) -> dict[str, Any]:
    """Names and defaults of all that a constructor takes, the bases' too where it passes `**kwargs` on."""
    found: dict[str, Any] = {}
    for base in cls.__mro__:
        if "__init__" not in vars(base):
            continue
        signature = list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
        found |= {p.name: p.default for p in signature if p.kind not in GATHERED and p.name not in found}
        if not any(p.kind == inspect.Parameter.VAR_KEYWORD for p in signature):
            break
    if dataclasses.is_dataclass(cls):
        for field in dataclasses.fields(cls):
            if field.default_factory is not dataclasses.MISSING:
                found[field.name] = field.default_factory()
    return {name: default for name, default in found.items() if name != "network" or not is_module(cls, name)}


def is_module(cls: type, name: str) -> bool:
    """Whether a parameter is a network, which code passes and no YAML."""
    import torch

    hint = constructor_hints(cls).get(name)
    return isinstance(hint, type) and issubclass(hint, torch.nn.Module)


def constructor_hints(cls: type) -> dict[str, Any]:
    """Parameter -> type, the class's own before its bases'."""
    hints: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if "__init__" in vars(base) and base is not object:
            hints |= typing.get_type_hints(vars(base)["__init__"])
    return hints


def dataclass_in(hint: Any) -> type | None:
    """The dataclass that a type is, or is one of."""
    for part in (hint, *typing.get_args(hint)):
        if isinstance(part, type) and dataclasses.is_dataclass(part):
            return part
    return None


def type_text(hint: Any) -> str:
    """A type as one reads it: `int or null`, `"tiny" or "base"`, `list of str`."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return " or ".join(map(str, parts))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(type_text(part) for part in parts))
    if hint is type(None):
        return "null"
    if hint is Any:
        return "any"
    if hint is Path:
        return "path"
    if origin is not None:
        inner = ", ".join(type_text(part) for part in parts if part is not Ellipsis)
        return f"{origin.__name__.lower()} of {inner}" if inner else origin.__name__.lower()
    if dataclass_in(hint):
        return "keys below"
    return getattr(hint, "__name__", str(hint))


def default_text(default: Any) -> str:
    """A default as YAML has it."""
    if default is NOTHING or default is dataclasses.MISSING:
        return ""
    if dataclasses.is_dataclass(default):
        return "below"
    if default is None:
        return "null"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple | list):
        return "[" + ", ".join(map(default_text, default)) + "]"
    return str(default)


def meaning(cls: type, name: str) -> str:
    """What the class's docstring, or else a base's, says of a key."""
    for base in cls.__mro__:
        found = meanings(vars(base).get("__doc__") or "", parameters_of_docstring(cls)).get(name)
        if found:
            return found
    return ""


def parameters_of_docstring(cls: type) -> list[str]:
    """Names that docstrings of a class may explain."""
    return [*parameters(cls), "kwargs"]


def meanings(docstring: str, names: Iterable[str]) -> dict[str, str]:
    """`name: what it is` of a docstring, in lines of their own or in running text; several names may share
    one explanation, which ends at the next name or blank line."""
    name = "`?(?:" + "|".join(sorted(map(re.escape, names), key=len, reverse=True)) + ")`?"
    starts = list(re.finditer(rf"(?<![\w.`])({name}(?:(?:,\s+|\s+and\s+){name})*):\s", docstring))
    found: dict[str, str] = {}
    ends = [*(start.start() for start in starts[1:]), len(docstring)]
    for start, end in zip(starts, ends if starts else [], strict=True):
        text = docstring[start.end() : end]
        text = " ".join(text.split("\n\n")[0].split()).rstrip(".;, ")
        for each in re.findall(r"\w+", re.sub(r"\s+and\s+", " ", start.group(1))):
            found.setdefault(each, text)
    return found


def table(keys: Iterable[Key]) -> str:
    """The keys as a Markdown table."""
    lines = ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    for key in keys:
        default = f"`{key.default}`" if key.default else "must be given"
        cells = (f"`{key.name}`", key.type, default, key.meaning)
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines)
