"""The command line of `lit-emotalk serve`."""

import argparse
from pathlib import Path

from lit_emotalk.errors import UserError, install_extra
from lit_emotalk.weights.starter import HELP, models_folder


def main(argv: list[str]) -> None:
    """Serve until interrupted. UserError for wrong input and where the extra `web` is missing."""
    parser = argparse.ArgumentParser(
        prog="lit-emotalk serve",
        description="A web page on this machine: a portrait, speech and emotions to videos; and a WebSocket "
        "for live speech (docs/serving.md). Visitors' files are removed when they leave.",
    )
    parser.add_argument("--models", type=Path, help=f"folder of the exports align, eac, hef ({HELP})")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0: reachable from other machines")
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="HOST",
        help="a name by which browsers reach the server, beside localhost and addresses; may be repeated",
    )
    parser.add_argument(
        "--tls",
        nargs=2,
        type=Path,
        metavar=("CERTIFICATE", "KEY"),
        help="PEM files: serve https; without it browsers give camera and microphone to localhost alone",
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="longest speech (default 60)")
    parser.add_argument("--streams", type=int, default=2, help="live streams at once (default 2)")
    parser.add_argument(
        "--keep-minutes",
        type=float,
        default=30.0,
        metavar="MINUTES",
        help="files of a visitor who is not heard of are removed after (default 30)",
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    args = parser.parse_args(argv)
    for name, day in (("seconds", 24 * 3600), ("keep_minutes", 24 * 60)):
        if not 0 < getattr(args, name) <= day:
            raise UserError(f"--{name.replace('_', '-')} must be above 0 and at most a day")
    if args.streams < 0:
        raise UserError("--streams must be 0 or more")
    try:
        from lit_emotalk.web.limits import Limits
        from lit_emotalk.web.server import serve
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("lit_emotalk"):
            raise
        raise UserError(f"serving needs {error.name}; {install_extra('web')}") from error
    limits = Limits(sound_seconds=args.seconds, streams=args.streams, keep_minutes=args.keep_minutes)
    serve(models_folder(args.models), args.host, args.port, limits, tuple(args.name), args.tls, args.device)
