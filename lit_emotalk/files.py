"""Files that are either whole or absent, small files of text and YAML, and checksums."""

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from lit_emotalk.errors import UserError


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary name beside `path` (same suffix); it is renamed to `path` if the block succeeds.

    Parent directories are made. On any exception the temporary file is removed and `path` is untouched.
    Raises UserError where the place cannot be written or the disk is full.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        _remove(temporary)
        if error.filename is None and error.errno is None:
            raise
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    except BaseException:
        _remove(temporary)
        raise


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def write_text(path: Path | str, text: str) -> None:
    """Write a text file atomically (UTF-8)."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_text(path: Path) -> str:
    """A small file's text (UTF-8, a byte order mark is dropped); raises UserError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise UserError(f"cannot read {path} ({reason})") from error


def read_yaml(path: Path, what: str) -> Any:
    """A small YAML file's content; raises UserError where it is missing, no text or no YAML. `what` the file
    is meant to be is said in the error."""
    if not path.is_file():
        raise UserError(f"no such {what}: {path}")
    try:
        return yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not a readable {what}: {' '.join(str(error).split())}") from error


def sha256_file(path: Path | str) -> str:
    """Hexadecimal sha256 of a file's bytes."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def sha256_text(text: str) -> str:
    """Hexadecimal sha256 of a text's UTF-8 bytes."""
    return hashlib.sha256(text.encode()).hexdigest()
