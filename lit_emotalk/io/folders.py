"""What lies below a folder, links followed and nothing left out in silence; the endings of media files."""

import os
from collections.abc import Iterator
from pathlib import Path

VIDEO_SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".qt", ".mkv", ".webm", ".avi", ".divx", ".mpg", ".mpeg", ".mpe", ".m2v", ".vob",
    ".ts", ".mts", ".m2ts", ".flv", ".f4v", ".wmv", ".asf", ".3gp", ".3g2", ".ogv", ".mxf", ".dv",
)  # fmt: skip
SOUND_SUFFIXES = (
    ".wav", ".flac", ".m4a", ".mp3", ".ogg", ".oga", ".opus", ".aac", ".aif", ".aiff", ".wma", ".mka",
)  # fmt: skip


def files_below(root: Path, without: Path | None = None) -> Iterator[tuple[Path, str]]:
    """Every file below a folder by the order of its path, and why it cannot be used ("" where it can be).

    Linked folders are gone through like others, except where they lead back above themselves. Links to
    nothing, names that are no UTF-8, folders that cannot be read and things that are no files come with their
    reason. Names that begin
    with "." and the folder `without` are left out.
    """
    yield from _below(root, {root.resolve()}, None if without is None else without.resolve())


def is_text(name: str) -> bool:
    """Whether a name can be written down: its bytes are UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _below(folder: Path, above: set[Path], without: Path | None) -> Iterator[tuple[Path, str]]:
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        yield folder, f"the folder cannot be read ({error.strerror})"
        return
    for name in names:
        path = folder / name
        if name.startswith("."):
            continue
        if not is_text(name):
            yield path, "its name is no UTF-8; rename it"
            continue
        if path.is_dir():
            place = path.resolve()
            if place in above:
                yield path, "a link to a folder that it lies in"
            elif place != without:
                yield from _below(path, above | {place}, without)
        elif path.is_file():
            yield path, ""
        else:
            yield path, "a link to nothing" if path.is_symlink() else "neither a file nor a folder"
