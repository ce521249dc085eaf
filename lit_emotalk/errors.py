"""The one error that users see: a single line that says what is wrong and what to do."""

import os
import signal
import sys
import threading
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


def run_main(
    main: Callable[[], None], program: str, continues: bool = False, own_signals: bool = False
) -> None:
    """Run a command's main function; a `UserError` becomes one line and exit status 2, Ctrl-C status 130, a
    reader of its output who goes away 141, SIGTERM 143 after what was begun is removed.

    `continues`: the same command does not do again what it did. `own_signals`: it answers SIGTERM itself.
    """
    if not own_signals and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _terminate)
    try:
        main()
        sys.stdout.flush()
    except UserError as error:
        exit_with(error, program)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None
    except KeyboardInterrupt:
        more = "; run the same command again to continue" if continues else ""
        print(f"{program}: interrupted{more}", file=sys.stderr)
        raise SystemExit(130) from None


def _terminate(signum: int, _: object) -> NoReturn:
    """End by an exception, so that temporary files are removed on the way."""
    raise SystemExit(128 + signum)
