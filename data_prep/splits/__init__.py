"""Which speakers are for training, validation and test: the usual choices, and files of the user's own."""

import json
from pathlib import Path

from lit_emotalk import schema
from lit_emotalk.errors import UserError
from lit_emotalk.io.files import composed

FOLDER = Path(__file__).parent
SHAPE = '{"val": ["M005", ...], "test": [...]}, and "train" if not all others train'
EVERYONE = "*"
"""In a split instead of names: all speakers that no other split names."""

Splits = dict[str, list[str]]


def names() -> list[str]:
    """The splits that ship with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def read_splits(chosen: str | Path) -> Splits:
    """Speakers by split, from a file, or from one that ships with the package by its name.

    Raises UserError for a file that is missing or malformed, or that puts a speaker into two splits.
    """
    path = FOLDER / f"{chosen}.json" if str(chosen) in names() else Path(chosen)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        known = f"give a JSON file or one of {', '.join(names())}"
        raise UserError(f"cannot read the splits {path}: {error.strerror}; {known}") from error
    except ValueError as error:
        raise UserError(f"the splits {path} are not JSON: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"the splits {path} must be {SHAPE}")
    splits = {name: speakers for name, speakers in content.items() if name in schema.SPLITS}
    if not splits or not all(
        isinstance(s, list) and all(isinstance(n, str) for n in s) for s in splits.values()
    ):
        raise UserError(f"the splits {path} must be {SHAPE}")
    splits = {split: [composed(speaker) for speaker in speakers] for split, speakers in splits.items()}
    check_disjoint(splits, f"the splits {path}")
    return splits


def check_disjoint(splits: Splits, what: str) -> None:
    """Raises UserError where a speaker is in two splits."""
    seen: dict[str, str] = {}
    for name, speakers in splits.items():
        for speaker in speakers:
            if speaker in seen:
                raise UserError(f"{what} put {speaker} into {seen[speaker]} and {name}")
            seen[speaker] = name


def split_of(speaker: str, splits: Splits) -> str | None:
    """The split of a speaker: the one that names it, or holds everyone; else train, unless train has names
    of its own (None)."""
    for split, speakers in splits.items():
        if speaker in speakers:
            return split
    for split, speakers in splits.items():
        if EVERYONE in speakers:
            return split
    return None if splits.get("train") else "train"
