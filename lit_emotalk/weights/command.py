"""`lit-emotalk weights [list | fetch NAME ...]`: which third-party weights are here; gets others."""

import argparse

from rich.console import Console
from rich.table import Table

from lit_emotalk.weights import fetch as weights


def main(argv: list[str]) -> None:
    """Run the command; raises UserError for an unknown name or a file that cannot be had."""
    parser = argparse.ArgumentParser(prog="lit-emotalk weights", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("list", help="every file, whether it is here, and what is used where it is not")
    fetch = commands.add_parser("fetch", help="get a file from its source and verify it")
    fetch.add_argument("names", nargs="+", metavar="NAME")
    args = parser.parse_args(argv)
    if args.command != "fetch":
        _print_table()
        return
    for name in args.names:
        if weights.available(name):
            print(f"{name}: present at {weights.path(name)}")
        else:
            print(f"{name}: fetched to {weights.fetch(name)}")


def _print_table() -> None:
    table = Table("name", "state", "licence", "needed by", "without it", title="third-party weights")
    for row in weights.table():
        table.add_row(row["name"], row["state"], row["licence"], row["needed_by"], row["without"])
    Console().print(table)
