"""What emotion is asked for: one input, a blend of several, or a schedule over time; and how each is written.

One emotion in words: `happy` (a label), `a furious person` (any words), `image=FILE`, `audio=FILE`,
`video=FILE`, or a blend of these, `happy:0.7,surprised:0.3`. A schedule: `0s neutral; 1.5s happy 0.8; 4s
angry`, where the last number is the intensity.
"""

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from lit_emotalk.emotions import ALIASES, COMPOUNDS, EMOTIONS
from lit_emotalk.errors import UserError
from lit_emotalk.schema import FPS

MODALITIES = ("text", "image", "audio", "video", "label")
FADE_SECONDS = 0.4
"""How long a schedule takes from one emotion to the next (our choice)."""

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)"
_PART = re.compile(rf"\s*(.*\S)\s*:\s*({_NUMBER})\s*")
_ENTRY = re.compile(rf"({_NUMBER})\s*s?\s+(.*\S)")
_INTENSITY = re.compile(rf"(.*\S)\s+({_NUMBER})")
_FILES = ("image", "audio", "video")
_SCHEDULE_FILES = (".txt", ".csv", ".json")


@dataclass(frozen=True)
class Emotion:
    """The emotion asked for: exactly one of text, image, audio, video, label and blend; intensity in [0, 1].

    image, audio, video: paths. label: a canonical emotion or compound. blend: emotions and their weights,
    whose own intensities do not count. Raises UserError where none or several are given, a text is empty, a
    weight is negative or not finite, all weights are zero, or the intensity is out of range.
    """

    text: str | None = None
    image: Path | str | None = None
    audio: Path | str | None = None
    label: str | None = None
    intensity: float = 1.0
    video: Path | str | None = None
    blend: tuple[tuple["Emotion", float], ...] | None = None

    def __post_init__(self) -> None:
        given = [name for name in (*MODALITIES, "blend") if getattr(self, name) is not None]
        if len(given) != 1:
            raise UserError(
                "give exactly one of text, image, audio, video, label and blend as the emotion, "
                f"not {' and '.join(given) or 'none'}"
            )
        if self.text is not None and not self.text.strip():
            raise UserError("the emotion's text is empty; describe it in a few words")
        if not 0.0 <= self.intensity <= 1.0:
            raise UserError(f"the intensity must be between 0 and 1, not {self.intensity}")
        if self.blend is not None:
            weights = [weight for _, weight in self.blend]
            if not np.isfinite(weights).all() or min(weights, default=0) < 0 or not any(weights):
                raise UserError("a blend needs weights of at least 0, one of them above 0")


def parse_emotion(what: str, intensity: float = 1.0) -> Emotion:
    """One emotion as it is written on the command line or in a schedule (see this module); UserError if it is
    not."""
    if any(_PART.fullmatch(part) for part in what.split(",")):
        return parse_blend(what, intensity)
    modality, separator, path = what.partition("=")
    if separator and modality.strip() in _FILES:
        named: dict[str, Any] = {modality.strip(): path.strip(), "intensity": intensity}
        return Emotion(**named)
    name = what.strip().lower()
    if name in EMOTIONS or name in COMPOUNDS or name in ALIASES:
        return Emotion(label=name, intensity=intensity)
    return Emotion(text=what.strip(), intensity=intensity)


def parse_blend(what: str, intensity: float = 1.0) -> Emotion:
    """A blend written `happy:0.7,surprised:0.3`; its parts may be labels, words, or files as `image=FILE`.

    Raises UserError where a part has no weight, or a weight is wrong.
    """
    parts = []
    for part in what.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise UserError(f"'{part.strip()}' has no weight; write a blend as happy:0.7,surprised:0.3")
        parts.append((parse_emotion(match[1]), float(match[2])))
    return Emotion(blend=tuple(parts), intensity=intensity)


@dataclass(frozen=True)
class Schedule:
    """Emotions over time: (seconds, emotion) in order of time, each held until the next begins.

    The first holds from the start, whatever its time. From one to the next fades linearly over `fade`
    seconds, half before and half after the time given, less where two times are closer than that. Raises
    UserError where there is no entry, a time is negative or not after the one before, or `fade` is negative.
    """

    entries: tuple[tuple[float, Emotion], ...]
    fade: float = FADE_SECONDS

    def __post_init__(self) -> None:
        times = [time for time, _ in self.entries]
        if not times or times[0] < 0 or not np.isfinite(times).all():
            raise UserError("a schedule needs entries with times from 0 s on: 0s neutral; 1.5s happy 0.8")
        if any(late <= early for early, late in pairwise(times)):
            raise UserError(f"the times of a schedule must grow, not {', '.join(f'{t:g}' for t in times)}")
        if not 0 <= self.fade < np.inf:
            raise UserError(f"the fade must be 0 s or longer, not {self.fade}")

    @classmethod
    def of(cls, items: Sequence[Sequence[Any]], intensity: float = 1.0) -> "Schedule":
        """From (seconds, emotion) or (seconds, emotion, intensity); an emotion is an `Emotion` or its words.

        `intensity` is that of entries in words without one of their own. UserError like the class.
        """
        entries = []
        for item in items:
            if not isinstance(item, Sequence) or isinstance(item, str) or len(item) not in (2, 3):
                raise UserError(f"a schedule's entry is (seconds, emotion, intensity), not {item!r}")
            time, what, *strength = item
            try:
                seconds, level = float(time), float(strength[0]) if strength else intensity
            except (TypeError, ValueError):
                raise UserError(f"a schedule's times and intensities are numbers, not {item!r}") from None
            if not isinstance(what, str | Emotion):
                raise UserError(f"a schedule's emotion is written in words, not {what!r}")
            entries.append((seconds, parse_emotion(what, level) if isinstance(what, str) else what))
        return cls(tuple(entries))

    @classmethod
    def parse(cls, text: str, intensity: float = 1.0) -> "Schedule":
        """From `0s neutral; 1.5s happy 0.8`, or the path of a file with such entries, one a line or by `;`.

        A `.json` file holds a list of [seconds, emotion, intensity], a `.csv` file the columns time, emotion
        and intensity; the intensity may be left out. UserError for anything else.
        """
        if not cls.is_timed(text):
            return cls.of(_read_items(Path(text)), intensity)
        return cls.of([_item(entry) for entry in re.split(r"[;\n]", text) if entry.strip()], intensity)

    @staticmethod
    def is_written(text: str) -> bool:
        """Whether a text is written as a schedule: it begins with a time or names a txt, csv or json file."""
        return Schedule.is_timed(text) or Path(text).suffix.lower() in _SCHEDULE_FILES

    @staticmethod
    def is_timed(text: str) -> bool:
        """Whether a text is the schedule itself, no file's name: it begins with a time."""
        return _ENTRY.match(text.strip()) is not None

    def weights(self, frames: int) -> np.ndarray:
        """How much of each entry is in each video frame: (frames, entries) float32, rows sum to one."""
        middle = (np.arange(frames) + 0.5) / FPS
        times = np.array([time for time, _ in self.entries])
        begun = np.ones((frames, len(times) + 1))
        begun[:, -1] = 0
        for place in range(1, len(times)):
            gaps = np.diff(times[max(place - 1, 1) : place + 2])
            half = min(self.fade, *gaps, np.inf) / 2
            begun[:, place] = (
                ((middle - times[place]) / (2 * half) + 0.5).clip(0, 1) if half else middle >= times[place]
            )
        return (begun[:, :-1] - begun[:, 1:]).astype(np.float32)


def _item(entry: str) -> tuple[Any, ...]:
    match = _ENTRY.fullmatch(entry.strip())
    if match is None:
        raise UserError(f"'{entry.strip()}' is no entry of a schedule; write 1.5s happy 0.8")
    strength = _INTENSITY.fullmatch(match[2])
    return (match[1], strength[1], strength[2]) if strength else (match[1], match[2])


def _read_items(path: Path) -> list[Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise UserError(
            f"'{str(path)[:80]}' is no schedule (0s neutral; 1.5s happy 0.8), nor a file of one"
        ) from error
    if path.suffix.lower() == ".json":
        try:
            items = json.loads(text)
        except ValueError as error:
            raise UserError(f"{path} is not JSON ({error})") from error
        if not isinstance(items, list):
            raise UserError(f"{path} must hold a list of [seconds, emotion, intensity]")
        return items
    if path.suffix.lower() == ".csv":
        rows = list(csv.DictReader(text.splitlines()))
        if not rows or not {"time", "emotion"} <= rows[0].keys():
            raise UserError(f"{path} must have the columns time, emotion and, if wanted, intensity")
        return [
            (row["time"], row["emotion"] or "", *([row["intensity"]] if row.get("intensity") else []))
            for row in rows
        ]
    lines = (line.partition("#")[0] for line in text.splitlines())
    return [_item(entry) for line in lines for entry in line.split(";") if entry.strip()]
