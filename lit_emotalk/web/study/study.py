"""A built study as the server and the results read it."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lit_emotalk.errors import UserError
from lit_emotalk.web.study.build import MEDIA_FOLDER, STUDY_FILE
from lit_emotalk.web.study.plan import PlannedItem
from lit_emotalk.web.study.spec import Question

LONGEST_TOKEN = 64


@dataclass(frozen=True)
class Study:
    """A study's folder: `raters` maps a rater's name to their items, `tokens` to the sha256 of their link's
    token; `media` maps an item to its file's name, `sources` a clip to its picture's."""

    folder: Path
    id: str
    title: str
    introduction: str
    completion: str
    questions: tuple[Question, ...]
    raters: dict[str, tuple[PlannedItem, ...]]
    tokens: dict[str, bytes]
    media: dict[PlannedItem, str]
    sources: dict[str, str]
    mistakes: int

    @cached_property
    def files(self) -> dict[str, Path]:
        """Every file that raters may get, by its name."""
        names = {*self.media.values(), *self.sources.values()}
        return {name: self.folder / MEDIA_FOLDER / name for name in names}

    def rater_of(self, token: str) -> str | None:
        """Whose link a token is; None for a forged one. Takes equally long for right and wrong tokens."""
        if len(token) > LONGEST_TOKEN:
            return None
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        found = None
        for rater, known in self.tokens.items():
            if hmac.compare_digest(digest, known):
                found = rater
        return found


def read_study(folder: Path) -> Study:
    """Read the folder that `study build` made. UserError where it is none or a file of it is missing."""
    path = folder / STUDY_FILE
    if not path.is_file():
        raise UserError(
            f"{folder} is no study ({STUDY_FILE} is missing); make one with lit-emotalk study build"
        )
    try:
        study = _study(folder, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"cannot read {path} ({error}); build the study again") from error
    missing = [name for name, file in study.files.items() if not file.is_file()]
    if missing:
        raise UserError(
            f"{len(missing)} file(s) of {folder / MEDIA_FOLDER} are missing, such as {missing[0]}"
        )
    return study


def _study(folder: Path, content: dict[str, Any]) -> Study:
    media: dict[PlannedItem, str] = {}
    raters: dict[str, tuple[PlannedItem, ...]] = {}
    for rater, values in content["raters"].items():
        items = []
        for value in values["items"]:
            item = PlannedItem(**{name: value[name] for name in ("kind", "method", "clip", "expected")})
            media[item] = value["media"]
            items.append(item)
        raters[rater] = tuple(items)
    return Study(
        folder=folder,
        id=content["id"],
        title=content["title"],
        introduction=content["introduction"],
        completion=content["completion"],
        questions=tuple(Question(**question) for question in content["questions"]),
        raters=raters,
        tokens={r: bytes.fromhex(v["token_sha256"]) for r, v in content["raters"].items()},
        media=media,
        sources=content["sources"],
        mistakes=content["mistakes"],
    )
