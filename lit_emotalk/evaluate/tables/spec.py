"""What a table holds: a YAML file with its rows, columns, reported numbers and bootstrap."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.columns import COLUMNS
from lit_emotalk.io.files import read_yaml

KNOWN = (
    "title", "results", "ratings", "rows", "columns", "questions", "reported", "absent", "notes", "bootstrap",
    "differences_to",
)  # fmt: skip


@dataclass(frozen=True)
class RowSpec:
    """A row: `method` as in the results, `name` as printed; `competes` for bold print (not the truth
    itself); `absent` says why there may be no results of it."""

    method: str
    name: str
    competes: bool = True
    absent: str = "no results of this method"


@dataclass(frozen=True)
class Bootstrap:
    """`samples` resamples of speakers, and of clips within them, from `seed`; `level` of the intervals."""

    samples: int = 2000
    seed: int = 0
    level: float = 0.95


@dataclass(frozen=True)
class TableSpec:
    """A table.

    `results` are files, relative to the working directory. `columns` are names of
    `lit_emotalk.evaluate.columns`; in a user study, which has a file of `ratings` instead of results, they
    are keys of `questions`, which holds their titles. `reported` holds the paper's own numbers, row name ->
    column -> number, under `reported_title`. `absent` says for a column why it may be empty. `notes` are
    printed below. `differences_to` names the row whose numbers stand as they are, while the others' are their
    paired differences to it.
    """

    title: str
    rows: tuple[RowSpec, ...]
    columns: tuple[str, ...]
    results: tuple[Path, ...] = ()
    reported_title: str = ""
    reported: dict[str, dict[str, float]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    bootstrap: Bootstrap = Bootstrap()
    ratings: Path | None = None
    questions: dict[str, str] = field(default_factory=dict)
    differences_to: str | None = None

    @property
    def counted(self) -> tuple[str, str]:
        """What an estimate rests on: clips of speakers, or ratings by raters."""
        return ("clips", "speakers") if self.ratings is None else ("ratings", "raters")


def read_spec(path: Path) -> TableSpec:
    """Read and check a table's YAML; UserError where it is missing or something in it is unknown or of a
    wrong kind."""
    content = read_yaml(path, "table spec")
    if not isinstance(content, dict):
        raise UserError(f"{path} is not a table spec: expected keys {', '.join(KNOWN)}")
    unknown = sorted(set(content) - set(KNOWN))
    if unknown:
        raise UserError(f"{path} has unknown key(s) {', '.join(unknown)}; known: {', '.join(KNOWN)}")
    missing = [name for name in ("title", "rows", "columns") if not content.get(name)]
    if missing:
        raise UserError(f"{path} lacks {', '.join(missing)}")
    try:
        return _spec(content)
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise UserError(f"{path} is not a table spec: {error}") from error


def _spec(content: dict[str, Any]) -> TableSpec:
    reported = dict(content.get("reported") or {})
    title = str(reported.pop("title", "reported in the paper"))
    columns = tuple(content["columns"])
    named = {*columns, *content.get("absent", {}), *(name for row in reported.values() for name in row)}
    questions = {str(name): str(title) for name, title in (content.get("questions") or {}).items()}
    ratings = content.get("ratings")
    if (ratings is None) != (not questions):
        raise ValueError("ratings and questions go together")
    if ratings is not None and content.get("results"):
        raise ValueError("a table has results or ratings, not both")
    known = questions or COLUMNS
    base = content.get("differences_to")
    if base is not None and (questions or base not in {row["method"] for row in content["rows"]}):
        raise ValueError(f"differences_to names {base}, which is no row of results")
    unknown = sorted(named - set(known))
    if unknown:
        raise ValueError(f"unknown column(s) {', '.join(unknown)}; known: {', '.join(known)}")
    return TableSpec(
        title=str(content["title"]),
        rows=tuple(RowSpec(**row) for row in content["rows"]),
        columns=columns,
        results=tuple(Path(name) for name in content.get("results") or ()),
        reported_title=title,
        reported={str(name): {c: float(v) for c, v in row.items()} for name, row in reported.items()},
        absent=dict(content.get("absent") or {}),
        notes=tuple(content.get("notes") or ()),
        bootstrap=Bootstrap(**(content.get("bootstrap") or {})),
        ratings=None if ratings is None else Path(ratings),
        questions=questions,
        differences_to=base,
    )
