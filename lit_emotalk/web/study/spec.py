"""What a study is: a YAML file with methods, clips, questions and raters."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lit_emotalk.errors import UserError
from lit_emotalk.io.folders import VIDEO_SUFFIXES, files_below

PICTURES = (".png", ".jpg", ".jpeg", ".webp")
GROUND_TRUTH = "ground_truth"
"""The anchors' method in the ratings."""
ALL = "all"
QUESTION_NAME = re.compile(r"[A-Za-z0-9_.-]{1,60}")
MOST_RATERS = 10_000
KNOWN = {
    "title", "introduction", "completion", "methods", "ground_truth", "sources", "clips", "questions",
    "raters", "clips_per_rater", "anchors_per_rater", "attention", "practice", "seed",
}  # fmt: skip


@dataclass(frozen=True)
class Question:
    """A question answered from 1 to 5: `name` as in the ratings, its `text`, what 1 (`low`) and 5 (`high`)
    mean."""

    name: str
    text: str
    low: str
    high: str


@dataclass(frozen=True)
class StudySpec:
    """A study.

    `videos` maps a method (with `GROUND_TRUTH` for the anchors, where there are any) to clip -> video file;
    `sources` maps clips to the source pictures shown beside the video. Each of `raters` people sees
    `clips_per_rater` clips under every method, `anchors_per_rater` of them also in their true form, and
    `checks` attention checks, of which `mistakes` may be failed. `practice` is a video shown first (a drawn
    card where it is None). `introduction` and `completion` are shown before and after.
    """

    title: str
    introduction: str
    completion: str
    videos: dict[str, dict[str, Path]]
    sources: dict[str, Path]
    clips: tuple[str, ...]
    questions: tuple[Question, ...]
    raters: int
    clips_per_rater: int
    anchors_per_rater: int
    checks: int
    mistakes: int
    practice: Path | None
    seed: int

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods compared, without the ground truth."""
        return tuple(name for name in self.videos if name != GROUND_TRUTH)


class _Loader(yaml.SafeLoader):
    """YAML in which a key that is given twice is an error."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    names = [str(loader.construct_object(key, deep=True)) for key, _ in node.value]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"'{twice[0]}' is named twice")
    return {
        loader.construct_object(key, deep=True): loader.construct_object(value, deep=True)
        for key, value in node.value
    }


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_spec(path: Path) -> StudySpec:
    """Read a study's YAML and find its files; folders are relative to the working directory.

    Raises UserError where the file or a video is missing, a key is unknown, a name is doubled or a number is
    out of its range.
    """
    if not path.is_file():
        raise UserError(f"no such study spec: {path}")
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
        return _spec(content)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not readable YAML: {error}") from error
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _spec(content: Any) -> StudySpec:
    top = _keys(content, "the study", KNOWN, ("title", "methods", "questions", "raters"))
    folders = _named(top["methods"], "methods")
    if GROUND_TRUTH in (name.casefold() for name in folders):
        raise UserError(f"give the true videos as the key {GROUND_TRUTH}, not under methods")
    if top.get(GROUND_TRUTH) is not None:
        folders = {**folders, GROUND_TRUTH: top[GROUND_TRUTH]}
    places = {name: Path(str(folder)) for name, folder in folders.items()}
    _distinct({name: str(place.resolve()) for name, place in places.items()})
    found = {name: _files(place, VIDEO_SUFFIXES, f"method {name}") for name, place in places.items()}
    clips = _clips(top.get("clips", ALL), found)
    videos = {name: _chosen(files, clips, f"{name} ({places[name]})") for name, files in found.items()}
    sources = {}
    if top.get("sources") is not None:
        folder = Path(str(top["sources"]))
        sources = _chosen(_files(folder, PICTURES, "sources"), clips, f"sources ({folder})")
    attention = _keys(top.get("attention") or {}, "attention", {"checks", "mistakes"}, ())
    checks = _number(attention.get("checks", 2), "attention.checks", 0, 100)
    anchors = len(clips) if GROUND_TRUTH in videos else 0
    per_rater = _number(top.get("clips_per_rater", len(clips)), "clips_per_rater", 1, len(clips))
    practice = None if top.get("practice") is None else Path(str(top["practice"]))
    if practice is not None and not practice.is_file():
        raise UserError(f"no such practice video: {practice}")
    return StudySpec(
        title=str(top["title"]),
        introduction=str(top.get("introduction") or ""),
        completion=str(top.get("completion") or ""),
        videos=videos,
        sources=sources,
        clips=clips,
        questions=_questions(top["questions"]),
        raters=_number(top["raters"], "raters", 1, MOST_RATERS),
        clips_per_rater=per_rater,
        anchors_per_rater=_number(
            top.get("anchors_per_rater", min(anchors, per_rater)),
            "anchors_per_rater",
            0,
            min(anchors, per_rater),
        ),
        checks=checks,
        mistakes=_number(attention.get("mistakes", 0), "attention.mistakes", 0, max(checks - 1, 0)),
        practice=practice,
        seed=_number(top.get("seed", 0), "seed", 0, 2**31),
    )


def _keys(content: Any, where: str, known: set[str], needed: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise UserError(f"{where} must be keys and values: {', '.join(sorted(known))}")
    unknown = sorted(str(key) for key in set(content) - known)
    if unknown:
        raise UserError(f"unknown key '{unknown[0]}' in {where}; known: {', '.join(sorted(known))}")
    missing = [key for key in needed if content.get(key) in (None, "", [], {})]
    if missing:
        raise UserError(f"{where} lacks {', '.join(missing)}")
    return content


def _named(content: Any, where: str) -> dict[str, Any]:
    if not isinstance(content, dict) or not content:
        raise UserError(f"{where} must be names and values")
    names = [str(name) for name in content]
    twice = [name for i, name in enumerate(names) if name.casefold() in map(str.casefold, names[:i])]
    if twice:
        raise UserError(f"'{twice[0]}' is named twice in {where} (capitals do not tell names apart)")
    empty = [name for name in names if not name.strip() or content.get(name, "") in (None, "")]
    if empty:
        raise UserError(f"'{empty[0]}' in {where} has no value")
    return dict(zip(names, content.values(), strict=True))


def _distinct(places: dict[str, str]) -> None:
    seen: dict[str, str] = {}
    for name, place in places.items():
        if place in seen:
            raise UserError(f"{seen[place]} and {name} have the same folder {place}")
        seen[place] = name


def _files(folder: Path, suffixes: tuple[str, ...], what: str) -> dict[str, Path]:
    """Files below a folder by their path without suffix."""
    if not folder.is_dir():
        raise UserError(f"no folder {folder} for {what}")
    found: dict[str, Path] = {}
    for path, fault in files_below(folder):
        if not fault and path.suffix.lower() in suffixes:
            key = path.relative_to(folder).with_suffix("").as_posix()
            if key in found:
                raise UserError(f"two files are called {key} in {folder}: {found[key].name} and {path.name}")
            found[key] = path
    return found


def _clips(wanted: Any, found: dict[str, dict[str, Path]]) -> tuple[str, ...]:
    if wanted == ALL:
        clips = sorted(set().union(*found.values()))
        if not clips:
            raise UserError(f"there is no video ({', '.join(VIDEO_SUFFIXES)}) in any method's folder")
        return tuple(clips)
    if not isinstance(wanted, list) or not wanted:
        raise UserError(f"clips must be '{ALL}' or a list of names without suffix")
    clips = [str(clip) for clip in wanted]
    twice = sorted({clip for clip in clips if clips.count(clip) > 1})
    if twice:
        raise UserError(f"clip '{twice[0]}' is named twice")
    return tuple(clips)


def _chosen(files: dict[str, Path], clips: tuple[str, ...], what: str) -> dict[str, Path]:
    missing = [clip for clip in clips if clip not in files]
    if missing:
        more = f" and {len(missing) - 4} more" if len(missing) > 4 else ""
        raise UserError(f"{what} lacks {', '.join(missing[:4])}{more}")
    return {clip: files[clip] for clip in clips}


def _questions(content: Any) -> tuple[Question, ...]:
    questions = []
    for name, value in _named(content, "questions").items():
        if not QUESTION_NAME.fullmatch(name):
            raise UserError(f"question '{name[:80]}' must be up to 60 letters, digits, '_', '-' or '.'")
        keys = _keys(value, f"question {name}", {"text", "low", "high"}, ("text",))
        questions.append(
            Question(name, str(keys["text"]), str(keys.get("low", "bad")), str(keys.get("high", "excellent")))
        )
    if len(questions) > 20:
        raise UserError(f"{len(questions)} questions an item; at most 20")
    return tuple(questions)


def _number(value: Any, name: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise UserError(f"{name} must be a whole number from {low} to {high}, not '{value}'")
    return value
