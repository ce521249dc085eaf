"""The one error that users see: a single line that says what is wrong and what to do."""

import sys
from collections.abc import Callable
from typing import NoReturn


class UserError(Exception):
    """Wrong input at a border (command line, config, shard, media file); its text is one clear line."""


def install_extra(extra: str) -> str:
    """How to install an optional part of this package, which lies on no index; see `optional-dependencies` of
    pyproject.toml."""
    return f"in your clone of lit_emotalk run: pip install -c constraints.txt -e '.[{extra}]'"


def exit_with(error: Exception | str, program: str = "lit-emotalk") -> NoReturn:
    """Print `error` as one line on stderr and exit with status 2."""
    line = " ".join(str(error).split())
    print(f"{program}: error: {line}", file=sys.stderr)
    raise SystemExit(2)


def run_main(main: Callable[[], None], program: str) -> None:
    """Run a command's main function; a `UserError` becomes one line and exit status 2, Ctrl-C status 130."""
    try:
        main()
    except UserError as error:
        exit_with(error, program)
    except KeyboardInterrupt:
        print(f"{program}: interrupted; run the same command again to continue", file=sys.stderr)
        raise SystemExit(130) from None
