"""Visitors' files: each session has a folder of its own, which ends with the session."""

import fcntl
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lit_emotalk.web.limits import Limits

PREFIX = "lit-emotalk-web-"
LOCK_NAME = "lock"
Kind = Literal["portrait", "speech", "emotion-picture", "emotion-sound", "emotion-video", "driving", "video"]
SUFFIX: dict[Kind, str] = {
    "portrait": ".png",
    "speech": ".wav",
    "emotion-picture": ".png",
    "emotion-sound": ".wav",
    "emotion-video": ".clip",
    "driving": ".clip",
    "video": ".mp4",
}


class Busy(Exception):
    """There is no room now; its text says so to the visitor."""


def new_id() -> str:
    """A name that nobody can guess."""
    return secrets.token_urlsafe(18)


@dataclass
class Session:
    """One visitor: their folder and, by kind, the ids of their files in it, oldest first."""

    id: str
    folder: Path
    seen: float
    files: dict[Kind, list[str]] = field(default_factory=lambda: {kind: [] for kind in SUFFIX})
    seconds: dict[str, float] = field(default_factory=dict)
    """Length of each speech."""
    closed: threading.Event = field(default_factory=threading.Event)

    def path(self, kind: Kind, file: str) -> Path | None:
        """Where a file lies; None where this session has none such."""
        return self.folder / f"{file}{SUFFIX[kind]}" if file in self.files[kind] else None

    def place(self, kind: Kind) -> tuple[str, Path]:
        """A new id and where its file is to be written; `add` makes it known."""
        file = new_id()
        return file, self.folder / f"{file}{SUFFIX[kind]}"

    def add(self, kind: Kind, file: str, most: int, needed: Container[str] = ()) -> None:
        """Keep a file that was written; the oldest of its kind beyond `most` are removed, but for `needed`
        ids."""
        names = self.files[kind]
        spare = [name for name in names if name not in needed]
        names.append(file)
        for oldest in spare[: max(0, len(names) - most)]:
            names.remove(oldest)
            self.seconds.pop(oldest, None)
            (self.folder / f"{oldest}{SUFFIX[kind]}").unlink(missing_ok=True)

    def clear_if_closed(self) -> None:
        """Remove what was written after the session's end."""
        if self.closed.is_set():
            self.clear()

    def clear(self) -> None:
        """Remove all files."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Sessions:
    """All sessions, below `root`."""

    def __init__(self, root: Path, limits: Limits) -> None:
        self._root, self._limits = root, limits
        self._open: dict[str, Session] = {}
        self._lock = threading.Lock()

    def open(self) -> Session | None:
        """A new session; None where too many are open."""
        with self._lock:
            if len(self._open) >= self._limits.sessions:
                return None
            name = new_id()
            session = Session(name, self._root / name, time.monotonic())
            session.folder.mkdir(mode=0o700)
            self._open[name] = session
            return session

    def get(self, name: str) -> Session | None:
        """The session of that name, which lives on from now; None where there is none."""
        with self._lock:
            session = self._open.get(name)
            if session is not None:
                session.seen = time.monotonic()
            return session

    def close(self, session: Session) -> None:
        """End a session and remove its files."""
        with self._lock:
            self._open.pop(session.id, None)
        session.closed.set()
        session.clear()

    def check_room(self) -> None:
        """Raises Busy where the visitors' files take `total_bytes`."""
        used = sum(_size(path) for path in self._root.rglob("*"))
        if used >= self._limits.total_bytes:
            raise Busy("there is no room for more files just now; please try again later")

    def sweep(self) -> None:
        """End the sessions that have not been heard of for `keep_minutes`."""
        oldest = time.monotonic() - 60 * self._limits.keep_minutes
        with self._lock:
            old = [session for session in self._open.values() if session.seen < oldest]
        for session in old:
            self.close(session)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0


@contextmanager
def served_folder() -> Iterator[Path]:
    """A private temporary folder for a server's files, removed in the end; those that servers left which were
    killed are removed now."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        _remove_if_left(left)
    with (
        tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as name,
        open(Path(name) / LOCK_NAME, "w") as lock,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield Path(name)


def _remove_if_left(folder: Path) -> None:
    try:
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            return
        with open(folder / LOCK_NAME) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return
