"""Shards from afar (http, https, s3, gs): every file is fetched once into a cache on this machine."""

import errno
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from lit_emotalk.errors import UserError
from lit_emotalk.io.files import atomic_path, sha256_file

Result = TypeVar("Result")

CACHE_VARIABLE = "LIT_EMOTALK_CACHE"
"""Environment variable with the cache's directory; else `~/.cache/lit_emotalk/shards`."""

STALL_SECONDS = 30.0
"""How long an http server may send nothing; s3fs and gcsfs have timeouts of their own."""

PAUSES = (1.0, 2.0, 4.0, 8.0)
"""Seconds between attempts: a server that stalls is given up after about 165 s."""

PACKAGES = {"s3": "s3fs", "gs": "gcsfs"}


def is_remote(location: str | Path) -> bool:
    """Whether a location is a URL rather than a path."""
    return "://" in str(location)


def cache_directory() -> Path:
    """Where fetched shards are kept, by their sha256; it may be emptied at any time between runs."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "lit_emotalk" / "shards"


def fetch_text(address: str) -> str:
    """The text (UTF-8) at a URL; raises UserError like `fetch`."""

    def read() -> str:
        return filesystem(address).cat_file(address).decode("utf-8", errors="replace")

    return persistently(read, address)


def fetch(address: str, target: Path, sha256: str) -> None:
    """Fetch a URL to `target`, which appears only when it is whole and its checksum is right.

    Raises UserError where there is no such file, the package for its scheme is not installed, and where
    neither waiting nor trying again helped.
    """

    def copy() -> None:
        with atomic_path(target) as temporary:
            try:
                filesystem(address).get_file(address, str(temporary))
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    raise
                raise _Refused(error) from error
            if sha256_file(temporary) != sha256:
                raise ValueError("its checksum is not the manifest's")

    persistently(copy, address)


def filesystem(address: str) -> Any:
    """The fsspec file system of a URL, without state of earlier ones; raises UserError where it needs a
    package that is not here."""
    import aiohttp
    import fsspec

    scheme = address.partition("://")[0]
    options: dict[str, Any] = {}
    if scheme in ("http", "https"):
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=STALL_SECONDS, sock_read=STALL_SECONDS)
        options["client_kwargs"] = {"timeout": timeout}
    try:
        return fsspec.filesystem(scheme, skip_instance_cache=True, **options)
    except ImportError as error:
        package = PACKAGES.get(scheme, scheme)
        raise UserError(f"{address} needs the package {package}: pip install {package}") from error
    except ValueError as error:
        raise UserError(
            f"{address}: unknown kind of address '{scheme}'; known: http, https, s3, gs"
        ) from error


def persistently(act: Callable[[], Result], address: str) -> Result:
    """The result of `act`, tried again after each of `PAUSES`; raises UserError where it keeps failing."""
    began = time.monotonic()
    for attempt, pause in enumerate((*PAUSES, None), 1):
        try:
            return act()
        except UserError:
            raise
        except Exception as error:  # every file system of fsspec has errors of its own
            if isinstance(_cause(error), FileNotFoundError | PermissionError):
                raise UserError(f"cannot fetch {address}: {_why(error)}") from error
            if pause is None:
                raise UserError(
                    f"cannot fetch {address}: {_why(error)}; gave up after {attempt} attempts in "
                    f"{time.monotonic() - began:.0f} s; run the same command again to continue"
                ) from error
            print(
                f"{address}: {_why(error)}; trying again in {pause:g} s ({attempt} of {len(PAUSES)})",
                file=sys.stderr,
                flush=True,
            )
            time.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


class _Refused(Exception):
    """An OSError of a file system, kept apart from those of the local disk."""


def _cause(error: Exception) -> BaseException:
    return error.__cause__ or error if isinstance(error, _Refused) else error


def _why(error: Exception) -> str:
    cause = _cause(error)
    if isinstance(cause, FileNotFoundError):
        return "there is no such file"
    if isinstance(cause, TimeoutError):
        return f"the server sent nothing for {STALL_SECONDS:g} s"
    return " ".join(str(cause).split())[:200] or type(cause).__name__
