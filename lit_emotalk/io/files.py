"""Files that are whole or absent, small files of text and YAML, checksums, and what was made of files."""

import hashlib
import os
import unicodedata
import uuid
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml

from lit_emotalk.errors import UserError

Value = TypeVar("Value")


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
    existing_file(path, what)
    try:
        return yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not a readable {what}: {' '.join(str(error).split())}") from error


def existing_file(path: Path | str, what: str) -> Path:
    """The path; raises UserError where it is no file, saying so of a folder. `what` the file is meant to be
    is said in the error."""
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path} is a folder; give a file with the {what}")
    if not path.is_file():
        raise UserError(f"no such {what}: {path}")
    return path


def sha256_file(path: Path | str) -> str:
    """Hexadecimal sha256 of a file's bytes."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def sha256_text(text: str) -> str:
    """Hexadecimal sha256 of a text's UTF-8 bytes."""
    return hashlib.sha256(text.encode()).hexdigest()


def composed(name: str) -> str:
    """A name whose accented letters are one character each: the same however a file system spells them."""
    return unicodedata.normalize("NFC", name)


def file_state(path: Path | str) -> tuple[Path, int, int]:
    """What changes with a file's content: its absolute path, time and size (0, 0 where it is no file)."""
    path = Path(path).absolute()
    facts = path.stat() if path.is_file() else None
    return (path, 0, 0) if facts is None else (path, facts.st_mtime_ns, facts.st_size)


class Recent(Generic[Value]):
    """The last `most` values that were kept, by key."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[Hashable, Value] = {}

    def get(self, key: Hashable) -> Value | None:
        """The value of a key, None where it was not kept."""
        return self._kept.get(key)

    def keep(self, key: Hashable, value: Value) -> Value:
        """Keep a value as the latest; returns it."""
        self._kept.pop(key, None)
        self._kept = dict([*self._kept.items(), (key, value)][-self._most :])
        return value
