"""Where the files of a tar lie, read from its headers: several times as fast as tarfile, for tars of many
thousand small files."""

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

BLOCK = 512
NAME, SIZE, SUM, KIND, MAGIC, PREFIX = (
    slice(0, 100), slice(124, 136), slice(148, 156), slice(156, 157), slice(257, 263), slice(345, 500),
)  # fmt: skip
"""Fields of a header (POSIX.1-1988)."""
FILE = (b"0", b"\0")
POSIX_MAGIC = b"ustar\0"

TarError = tarfile.TarError
Member = tuple[str, int, int]
"""Name, offset and bytes."""


def members(path: Path) -> Iterator[Member]:
    """The regular files of an uncompressed tar, in its order.

    A tar with headers of another kind (long names, folders, links, pax) is left to tarfile. Raises TarError
    where a header is damaged.
    """
    try:
        found = list(_plain_members(path))
    except ValueError:
        with tarfile.open(path, "r:") as tar, open(path, "rb") as file:
            found = [(each.name, each.offset_data, each.size) for each in tar if each.isfile()]
            file.seek(tar.offset)
            if any(file.read(BLOCK)):  # where tarfile stopped without a word
                raise tarfile.ReadError("a header is damaged") from None
    yield from found


def _plain_members(path: Path) -> Iterator[Member]:
    """ValueError for a tar of anything but regular files with short names in ASCII."""
    descriptor, offset, headers = os.open(path, os.O_RDONLY), 0, list[bytes]()
    try:
        while any(header := os.pread(descriptor, BLOCK, offset)):
            long_name = header[MAGIC] == POSIX_MAGIC and any(header[PREFIX])
            if header[KIND] not in FILE or long_name:
                raise ValueError
            size = _octal(header[SIZE])
            headers.append(header)
            yield header[NAME].rstrip(b"\0").decode("ascii"), offset + BLOCK, size
            offset += BLOCK + -(-size // BLOCK) * BLOCK
    finally:
        os.close(descriptor)
    _check_sums(headers)


def _check_sums(headers: list[bytes]) -> None:
    """A header's sum is that of its bytes, its own eight counted as spaces."""
    rows = np.frombuffer(b"".join(headers), np.uint8).reshape(len(headers), BLOCK)
    sums = rows.sum(1, dtype=np.int64) - rows[:, SUM].sum(1, dtype=np.int64) + 8 * ord(" ")
    if sums.tolist() != [_octal(header[SUM]) for header in headers]:
        raise ValueError


def _octal(field: bytes) -> int:
    return int(field.split(b"\0")[0], 8)
