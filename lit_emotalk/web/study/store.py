"""The ratings of a study: one SQLite file, in which what was acknowledged stays."""

import sqlite3
import threading
import time
from pathlib import Path
from types import TracebackType

from lit_emotalk.errors import UserError

RATINGS_FILE = "ratings.sqlite"
BUSY_SECONDS = 10.0
SCHEMA = """
create table if not exists study (id text primary key) strict;
create table if not exists answers (
    rater text not null,
    item integer not null check (item >= 0),
    question text not null,
    score integer not null check (score between 1 and 5),
    answered real not null,
    primary key (rater, item, question)
) strict, without rowid;
"""


class Conflict(Exception):
    """An answer to an item that is not the rater's next one, or another answer to one already answered."""


class Store:
    """The answers of all raters, safe for threads and for several processes.

    Every `record` is one transaction that is on the disk before it returns (write-ahead log, synchronous
    FULL). Raises UserError where the file cannot be opened or belongs to another study.
    """

    def __init__(self, folder: Path, study_id: str) -> None:
        self._lock = threading.Lock()
        path = folder / RATINGS_FILE
        try:
            self._connection = sqlite3.connect(
                path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            for pragma in ("journal_mode = wal", "synchronous = full"):
                self._connection.execute(f"pragma {pragma}")
            self._connection.executescript(SCHEMA)
            self._connection.execute(
                "insert into study select ? where not exists (select 1 from study)", (study_id,)
            )
            (owner,) = self._connection.execute("select id from study").fetchone()
        except sqlite3.Error as error:
            raise UserError(f"cannot open {path}: {error}") from error
        if owner != study_id:
            raise UserError(f"{path} holds the ratings of another study; move it away")

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def done(self, rater: str) -> int:
        """How many items a rater has answered; it is the number of their next item, from 0."""
        with self._lock:
            return self._done(rater)

    def record(self, rater: str, item: int, scores: dict[str, int]) -> None:
        """Keep the answers (question -> 1..5) to a rater's next item.

        The same answers once more change nothing. Raises `Conflict` for other answers to an answered item and
        for an item that is not next, and sqlite3.Error where the disk does not take them; then nothing is
        kept.
        """
        with self._lock:
            self._connection.execute("begin immediate")
            try:
                following = self._done(rater)
                if item < following:
                    if self._scores(rater, item) != scores:
                        raise Conflict(f"item {item} has been answered")
                elif item > following:
                    raise Conflict(f"item {item} is not next")
                else:
                    now = time.time()
                    rows = [(rater, item, question, score, now) for question, score in scores.items()]
                    self._connection.executemany("insert into answers values (?, ?, ?, ?, ?)", rows)
                self._connection.execute("commit")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("rollback")

    def answers(self) -> dict[tuple[str, int], dict[str, int]]:
        """All answers: (rater, item) -> question -> score."""
        found: dict[tuple[str, int], dict[str, int]] = {}
        with self._lock:
            rows = self._connection.execute(
                "select rater, item, question, score from answers order by rater, item, question"
            ).fetchall()
        for rater, item, question, score in rows:
            found.setdefault((rater, item), {})[question] = score
        return found

    def _done(self, rater: str) -> int:
        (last,) = self._connection.execute(
            "select coalesce(max(item), -1) from answers where rater = ?", (rater,)
        ).fetchone()
        return last + 1

    def _scores(self, rater: str, item: int) -> dict[str, int]:
        return dict(
            self._connection.execute(
                "select question, score from answers where rater = ? and item = ?", (rater, item)
            ).fetchall()
        )
