"""Takes the commands of a page apart and lets each program's own parser read them; nothing is run."""

import argparse
import importlib
import inspect
import re
import shlex
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import lightning as L

from docs.generate.configuration import class_keys, experiments, run_keys
from lit_emotalk.cli import COMMANDS, WITH_NAME
from tests.docs.pages import ROOT
from tests.makefile import make_plan

OTHERS = {"git", "cd", "wandb", "ffprobe", "ffmpeg"}
"""Programs that are not ours and whose arguments are not looked at."""
LACKING = ("the following arguments are required", "one of the arguments")
FIT_FLAGS = {"--config", "--print_config"}
OURS = re.compile(r"\S*bin/(lit-emotalk|python -m (data_prep|tests|lit_emotalk|docs))\b")
"""What make may run that has a parser of ours."""


class Wrong(AssertionError):
    """A command that its program would refuse."""


class Parsed(BaseException):
    """Ends a program once its arguments are read."""


def commands(code: str) -> Iterator[str]:
    """The commands of a bash block, one line each, without comments."""
    for line in code.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words:
            yield shlex.join(words)


def check(command: str, whole: bool = True) -> None:
    """Raise `Wrong` where the command would be refused. `whole` False: arguments may be left out."""
    words = shlex.split(command)
    while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words = words[1:]
    program = Path(words[0]).name
    check_files(words)
    if program in OTHERS:
        return
    if program == "make":
        check_make(words[1:])
    elif program == "lit-emotalk":
        check_command(words[1:], whole)
    elif program in ("python", "torchrun"):
        at = words.index("-m")
        if words[at + 1] == "lit_emotalk.cli":
            check_command(words[at + 2 :], whole)
        elif words[at + 1] != "pip":
            check_module(words[at + 1], words[at + 2 :], whole)
    elif program == "pip":
        check_extras(words)
    elif program == "sbatch":
        check_fit(["--config", *words[words.index("experiments/slurm/train.sbatch") + 1 :]])
    else:
        raise Wrong(f"unknown program {program}: {command}")


def check_files(words: list[str]) -> None:
    """Files of the repository that a command names are there."""
    for word in words:
        if word.startswith(("experiments/", "data_prep/", "tests/")) and not (ROOT / word).exists():
            raise Wrong(f"no such file: {word}")


def check_extras(words: list[str]) -> None:
    """Extras that are installed are declared."""
    import tomllib

    known = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    for extras in re.findall(r"\[([\w,]+)\]", " ".join(words)):
        if unknown := set(extras.split(",")) - known:
            raise Wrong(f"no such extra: {unknown}")


def check_make(arguments: list[str]) -> None:
    """Make knows the target and reads the variables, and what it would run is parsed in turn."""
    known = set(re.findall(r"(?:\$\(|\borigin )([A-Z][A-Z0-9_]*)\)", makefile()))
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        if equals and name not in known:
            raise Wrong(f"make has no variable {name}")
    for line in planned(tuple(arguments)).replace("\\\n", " ").splitlines():
        for words in shell_parts(line):
            if OURS.match(" ".join(words)) and "$" not in "".join(words):
                check(shlex.join(words))


@cache
def planned(arguments: tuple[str, ...]) -> str:
    """What make would run."""
    try:
        return make_plan(*arguments)
    except AssertionError as error:
        raise Wrong(str(error)) from None


def shell_parts(line: str) -> Iterator[list[str]]:
    """The simple commands of a line of shell, as words."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if set(word) <= set(";&|") or word in ("then", "else", "do"):
            yield words
            words = []
        else:
            words.append(word)


@cache
def makefile() -> str:
    """The Makefile."""
    return (ROOT / "Makefile").read_text()


def check_command(arguments: list[str], whole: bool) -> None:
    """A `lit-emotalk` command's own parser takes the arguments."""
    if not arguments or arguments[0] in ("--help", "--version", "COMMAND"):
        return
    name, rest = arguments[0], arguments[1:]
    if name not in COMMANDS:
        raise Wrong(f"lit-emotalk has no command {name}")
    if name in WITH_NAME:
        check_fit(rest, whole)
    else:
        check_main(COMMANDS[name][0], rest, whole)


def check_module(module: str, arguments: list[str], whole: bool) -> None:
    """A module with a main function and a parser takes the arguments."""
    found = importlib.util.find_spec(module)
    if found is None:
        raise Wrong(f"no module {module}")
    is_package = found.submodule_search_locations is not None
    check_main(f"{module}.__main__" if is_package else module, arguments, whole)


def check_main(module: str, arguments: list[str], whole: bool) -> None:
    """Call a module's `main` up to the point where its arguments are read."""
    if "--help" in arguments:
        arguments = []
        whole = False

    def parse(parser: argparse.ArgumentParser, args: Any = None, namespace: Any = None) -> None:
        _, unknown = parser.parse_known_args(args, namespace)
        raise Wrong(f"{parser.prog} has no {unknown}") if unknown else Parsed

    def refuse(parser: argparse.ArgumentParser, message: str) -> None:
        raise Parsed if not whole and message.startswith(LACKING) else Wrong(f"{parser.prog}: {message}")

    found = importlib.import_module(module)
    main = found.main if hasattr(found, "main") else found.COMMAND.run
    with (
        mock.patch.object(argparse.ArgumentParser, "parse_args", parse),
        mock.patch.object(argparse.ArgumentParser, "error", refuse),
        mock.patch.object(sys, "argv", [module, *arguments]),
    ):
        try:
            main(arguments) if inspect.signature(main).parameters else main()
        except Parsed:
            return
    raise Wrong(f"{module} read no arguments")


@cache
def trainer_keys() -> frozenset[str]:
    """Lightning's parameters of a trainer."""
    return frozenset(f"trainer.{name}" for name in inspect.signature(L.Trainer.__init__).parameters)


def check_fit(arguments: list[str], whole: bool = True) -> None:
    """Every key of a training's command is one of its configuration's."""
    pairs = zip(arguments, [*arguments[1:], ""], strict=True)
    configs = [value for word, value in pairs if word == "--config"]
    if whole and not configs:
        raise Wrong("a training needs --config")
    known = {key.name for key in run_keys()} | trainer_keys()
    for config in configs:
        if (ROOT / config) in experiments():
            known |= set(class_keys(ROOT / config))
    for word in arguments:
        if word.startswith("--") and word not in FIT_FLAGS:
            name = word.removeprefix("--").partition("=")[0]
            if name not in known:
                raise Wrong(f"{' '.join(configs)} has no key {name}")
