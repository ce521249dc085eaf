"""Which modules of the project a step's command runs."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from lit_emotalk.errors import UserError
from lit_emotalk.io.sources import PROJECT, module_file, named_in

COMMANDS = "lit_emotalk.cli"
"""The module that holds the table of `lit-emotalk`'s commands."""


def modules_of(command: str) -> list[str]:
    """The module behind `lit-emotalk NAME` or `python -m NAME`, and every class path in the command's words
    and in the YAML files that it names; empty for a command of another project. UserError: a YAML that
    cannot be read."""
    words = shlex.split(command)
    found = []
    if words[:1] == ["lit-emotalk"] and len(words) > 1:
        found += named_in(COMMANDS, words[1])
    elif words[:2] == ["python", "-m"] and len(words) > 2:
        name = words[2]
        found += [part for part in (name, f"{name}.__main__") if module_file(part)]
    if not found:
        return []
    for word in words[2:]:
        path = Path(word)
        if path.suffix in (".yaml", ".yml") and path.is_file():
            found += _class_paths(_content(path))
        else:
            found += re.findall(rf"\b(?:{'|'.join(PROJECT)})(?:\.\w+)+", word)
    return sorted(set(found))


def _content(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path} is no readable YAML: {' '.join(str(error).split())}") from error


def _class_paths(content: Any) -> Iterator[str]:
    """Dotted names of the project anywhere in a YAML's content."""
    if isinstance(content, dict):
        for value in content.values():
            yield from _class_paths(value)
    elif isinstance(content, list):
        for value in content:
            yield from _class_paths(value)
    elif isinstance(content, str) and content.split(".")[0] in PROJECT and content.count(".") > 0:
        yield content
