"""The `lit-emotalk` command: finds the subcommand's module and hands over; imports nothing heavy itself."""

import importlib
import sys
from functools import partial

import lit_emotalk
from lit_emotalk.errors import exit_with, run_main

PROGRAM = "lit-emotalk"

COMMANDS: dict[str, tuple[str, str]] = {
    "fit": ("lit_emotalk.training.command", "train a stage; continues its run if there is one"),
    "validate": ("lit_emotalk.training.command", "validate a stage's last checkpoint"),
    "test": ("lit_emotalk.training.command", "test a stage's last checkpoint"),
    "hello": (
        "lit_emotalk.evaluate.hello",
        "eight emotions of a portrait and a voice that ship with the starter",
    ),
    "animate": ("lit_emotalk.inference.command", "a portrait, speech and an emotion to a video"),
    "serve": ("lit_emotalk.web.command", "a web page that makes videos, and a WebSocket for live speech"),
    "export": ("lit_emotalk.inference.programs", "the networks as programs by torch.export or ONNX"),
    "emotion": ("lit_emotalk.inference.emotion.command", "what the emotion space makes of an input"),
    "coefficients": ("lit_emotalk.evaluate.coefficients.command", "score stage eac alone, beside baselines"),
    "evaluate": ("lit_emotalk.evaluate.command", "score models on a corpus"),
    "real-people": (
        "lit_emotalk.evaluate.real_people.command",
        "a report on models and videos of real people",
    ),
    "tables": ("lit_emotalk.evaluate.tables.command", "tables of evaluations beside the paper's numbers"),
    "figures": ("lit_emotalk.evaluate.figures.command", "contact sheets and comparisons from videos"),
    "study": ("lit_emotalk.web.study.command", "a user study: build and serve it, read the ratings"),
    "weights": ("lit_emotalk.weights.command", "list and fetch third-party weights"),
    "pack": ("lit_emotalk.training.pack", "a folder of exports at half precision, with how they were made"),
    "sweep": ("lit_emotalk.training.sweep", "a grid of trainings, by W&B or here"),
    "recipe": ("lit_emotalk.training.recipe.runner", "run a list of steps; what has not changed is skipped"),
}
"""Subcommand -> (module with `main(argv)`, what it does)."""

WITH_NAME = ("fit", "validate", "test")
FIRST = "lit_emotalk.training.early"
"""The module whose `main` sees the arguments of these before their own module is imported."""
CONTINUING = ("fit", "evaluate", "sweep", "recipe")
"""Commands that take up their work where it was interrupted, as a batch of animate does."""
TRAINING = (*WITH_NAME, "sweep")
"""Commands in which Lightning answers SIGTERM."""


def usage() -> str:
    """The text of `lit-emotalk --help`."""
    lines = [f"usage: {PROGRAM} COMMAND ...", "", (lit_emotalk.__doc__ or "").strip(), "", "commands:"]
    lines += [f"  {name:<12} {what}" for name, (_, what) in COMMANDS.items()]
    return "\n".join(
        [*lines, "", f"{PROGRAM} COMMAND --help tells more. {PROGRAM} --version prints the version."]
    )


def run(command: str, arguments: list[str]) -> None:
    """Import the module behind a command and call its `main`."""
    if command in WITH_NAME:
        arguments = [command, *arguments]
        importlib.import_module(FIRST).main(arguments)
    importlib.import_module(COMMANDS[command][0]).main(arguments)


def main() -> None:
    """Entry point of `lit-emotalk`: wrong use ends with one line on stderr and exit status 2."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage())
        return
    if arguments[0] == "--version":
        from lit_emotalk.io.version import __version__

        print(__version__)
        return
    command, rest = arguments[0], arguments[1:]
    if command not in COMMANDS:
        exit_with(f"unknown command '{command}'; known: {', '.join(COMMANDS)}")
    run_main(
        partial(run, command, rest),
        f"{PROGRAM} {command}",
        continues=command in CONTINUING or (command == "animate" and "--batch" in rest),
        own_signals=command in TRAINING,
    )


if __name__ == "__main__":
    main()
