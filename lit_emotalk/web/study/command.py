"""The command line of `lit-emotalk study`."""

import argparse
from pathlib import Path

from lit_emotalk.errors import UserError, install_extra


def main(argv: list[str]) -> None:
    """Run `build`, `serve` or `results`. UserError for wrong input and where the extra `study` is missing."""
    parser = argparse.ArgumentParser(
        prog="lit-emotalk study",
        description="A user study: build it from a YAML file, serve it to the raters, read their ratings.",
        epilog="ready specs: experiments/studies/*.yaml",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="build|serve|results")
    build = commands.add_parser("build", help="copy the videos under blind names and make the raters' links")
    build.add_argument("--spec", type=Path, required=True, help="experiments/studies/*.yaml")
    build.add_argument("--output", type=Path, required=True, help="folder to make; must not exist")
    build.add_argument("--url", default="http://127.0.0.1:8000", help="where raters will reach the server")
    serve = commands.add_parser("serve", help="show the study to its raters and keep their ratings")
    serve.add_argument("--study", type=Path, required=True, help="folder that `build` made")
    serve.add_argument("--host", default="127.0.0.1", help="0.0.0.0: reachable from other machines")
    serve.add_argument("--port", type=int, default=8000)
    results = commands.add_parser("results", help="write the ratings CSV and print agreement and exclusions")
    results.add_argument("--study", type=Path, required=True, help="folder that `build` made")
    results.add_argument("--output", type=Path, required=True, help="CSV for lit-emotalk tables --ratings")
    results.add_argument("--complete-only", action="store_true", help="leave out raters who did not finish")
    args = parser.parse_args(argv)
    if args.command == "build":
        from lit_emotalk.web.study.build import build_study

        print(build_study(args.spec, args.output, args.url))
    elif args.command == "serve":
        try:
            from lit_emotalk.web.study.server import serve_study
        except ModuleNotFoundError as error:
            raise UserError(f"serving a study needs {error.name}; {install_extra('study')}") from error
        serve_study(args.study, args.host, args.port)
    else:
        from lit_emotalk.web.study.results import write_results

        print(write_results(args.study, args.output, args.complete_only))
