"""The file of results: a header, then one JSON row per clip and method; it grows row by row and is taken up
again."""

import json
import os
from pathlib import Path
from typing import Any

from lit_emotalk.errors import UserError
from lit_emotalk.io.files import write_text

SCHEMA = 1
SET_KEY = "*"
"""The key of a row that speaks of all clips of a method (FID)."""

Row = dict[str, Any]


class ResultsFile:
    """`results.jsonl`: {"schema", "protocol"} first, then rows with at least `method` and `key`.

    Opening it reads what is there; half a last line (an interrupted write) is cut off. `append` adds a row
    and flushes it. With `restart`, a file that cannot be continued is begun anew. Raises UserError for a
    file of another schema version, of another protocol, or that is no such file.
    """

    def __init__(self, path: Path, protocol: dict[str, Any], restart: bool = False) -> None:
        self.path = path
        self.rows: dict[tuple[str, str], Row] = {}
        try:
            self._take_up(protocol)
        except UserError:
            if not restart:
                raise
            path.unlink()
        if not path.exists():
            write_text(path, json.dumps({"schema": SCHEMA, "protocol": protocol}) + "\n")
        self._handle = open(path, "a", encoding="utf-8")  # noqa: SIM115

    def _take_up(self, protocol: dict[str, Any]) -> None:
        if not self.path.exists():
            return
        header, rows, whole = read_results(self.path)
        changed = sorted(key for key in protocol if header["protocol"].get(key) != protocol[key])
        if changed:
            raise UserError(
                f"{self.path} was made with another protocol ({', '.join(changed)} differ); give another "
                "--output, or --restart to begin anew"
            )
        if whole < self.path.stat().st_size:
            os.truncate(self.path, whole)
        self.rows = {(row["method"], row["key"]): row for row in rows}

    def done(self, method: str, key: str, made_by: str | None) -> bool:
        """Whether this clip has been scored as made by these models; a clip that failed is tried again."""
        row = self.rows.get((method, key))
        return row is not None and "error" not in row and row.get("made_by") == made_by

    def append(self, row: Row) -> None:
        """Add a row; it replaces an earlier one of the same method and clip."""
        self.rows[row["method"], row["key"]] = row
        self._handle.write(json.dumps(row, ensure_ascii=False) + "\n")
        self._handle.flush()

    def close(self) -> None:
        """Close the file."""
        self._handle.close()


def read_results(path: Path) -> tuple[dict[str, Any], list[Row], int]:
    """Header, rows (the last of each method and clip) and the number of bytes that are whole lines.

    Raises UserError where the file is missing, empty, no results, or of another schema version.
    """
    if not path.is_file():
        raise UserError(f"no results at {path}; run lit-emotalk evaluate first")
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    try:
        header, *rows = [json.loads(line) for line in content[:whole].splitlines()]
        version, _ = header["schema"], header["protocol"]
        latest = {(row["method"], row["key"]): row for row in rows}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not a file of results; remove it or give another --output") from error
    if version != SCHEMA:
        raise UserError(f"{path} has results of schema version {version}, not {SCHEMA}; evaluate again")
    return header, list(latest.values()), whole
