"""The command line of `lit-emotalk tables`."""

import argparse
from pathlib import Path

from lit_emotalk.errors import UserError


def main(argv: list[str]) -> None:
    """Run the command: print a table's Markdown and write it as Markdown, CSV, LaTeX and JSON; UserError for
    wrong input."""
    parser = argparse.ArgumentParser(
        prog="lit-emotalk tables", description="Tables of results beside the paper's numbers."
    )
    parser.add_argument("--spec", type=Path, nargs="+", required=True, help="experiments/tables/*.yaml")
    parser.add_argument("--results", type=Path, nargs="+", help="results.jsonl files instead of the spec's")
    parser.add_argument("--ratings", type=Path, help="CSV of a user study instead of the spec's")
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        help="folder for NAME.md, .csv, .tex and .json; or one .md file, the others beside it",
    )
    args = parser.parse_args(argv)
    from lit_emotalk.evaluate.tables.build import build
    from lit_emotalk.evaluate.tables.ratings import build_ratings
    from lit_emotalk.evaluate.tables.spec import read_spec
    from lit_emotalk.evaluate.tables.write import write

    one_file = args.output.suffix == ".md"
    if one_file and len(args.spec) > 1:
        raise UserError("--output names one file but there are several specs; name a folder")
    stems = [path.stem for path in args.spec]
    if twice := [stem for stem in stems if stems.count(stem) > 1]:
        raise UserError(f"two specs are called {twice[0]}: their tables would be one file; rename one")
    for path in args.spec:
        spec = read_spec(path)
        table = build(spec, args.results) if spec.ratings is None else build_ratings(spec, args.ratings)
        print(write(table, args.output if one_file else args.output / path.stem))
