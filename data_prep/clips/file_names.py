"""What the file names of known corpora say of a clip: MEAD's flat copies, RAVDESS's, CREMA-D's."""

import re
from dataclasses import dataclass

from lit_emotalk.emotions import RAVDESS_CODES, canonical
from lit_emotalk.errors import UserError

RAVDESS_NAME = re.compile(r"(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)")
RAVDESS_LEVELS = {"01": 2, "02": 3}
"""Normal intensity is MEAD's level 2, strong is 3; neutral and calm have level 1 only (our choice)."""
MILD = ("neutral", "calm")

MEAD_NAMES = (
    re.compile(
        r"(?P<speaker>[MW]\d{3})_(?P<view>[a-z0-9_]+?)_(?P<emotion>[a-z]+)_level_?(?P<level>[123])_\w+"
    ),
    re.compile(r"(?P<speaker>[MW]\d{3})_level_?(?P<level>[123])_(?P<emotion>[a-z]+)_\w+"),
)
"""`M030_front_angry_level3_001` and `M003_level_1_happy_024`, as other projects publish MEAD's clips."""

CREMA_NAME = re.compile(r"(?P<speaker>\d{4})_[A-Z]{3}_(?P<emotion>[A-Z]{3})_(?P<level>LO|MD|HI|XX|X)")
"""`1001_DFA_ANG_XX`."""
CREMA_EMOTIONS = {
    "ANG": "angry", "DIS": "disgusted", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad",
}  # fmt: skip
CREMA_LEVELS = {"LO": 1, "MD": 2, "HI": 3}

EXPECTED = "M030_front_angry_level3_001, M003_level_1_happy_024, 01-01-03-02-01-01-01 or 1001_DFA_ANG_XX"


@dataclass(frozen=True)
class Named:
    """What a name says: the speaker, the canonical emotion, the level 1..3 or None, and the scene: what
    clips of the speaker share camera, light and clothes with."""

    speaker: str
    emotion: str
    level: int | None
    scene: str


def read_name(stem: str) -> Named | None:
    """What a file's name without its suffix says; None where it is of no known corpus, or its emotion is
    none that we know."""
    for pattern in MEAD_NAMES:
        if match := pattern.fullmatch(stem):
            view = match.groupdict().get("view") or "front"
            return _mead(match["speaker"], match["emotion"], int(match["level"]), view)
    if match := RAVDESS_NAME.fullmatch(stem):
        emotion = RAVDESS_CODES.get(match[3])
        if emotion is None or match[4] not in RAVDESS_LEVELS:
            return None
        actor = f"Actor_{match[7]}"
        return Named(actor, emotion, ravdess_level(emotion, match[4]), actor)
    if (match := CREMA_NAME.fullmatch(stem)) and match["emotion"] in CREMA_EMOTIONS:
        emotion = CREMA_EMOTIONS[match["emotion"]]
        level = 1 if emotion == "neutral" else CREMA_LEVELS.get(match["level"])
        return Named(match["speaker"], emotion, level, match["speaker"])
    return None


def ravdess_level(emotion: str, intensity: str) -> int:
    """The level of a RAVDESS clip of a canonical emotion by its code of the intensity."""
    return 1 if emotion in MILD else RAVDESS_LEVELS[intensity]


def _mead(speaker: str, label: str, level: int, view: str) -> Named | None:
    try:
        return Named(speaker, canonical(label), level, f"{speaker} {view}")
    except UserError:
        return None
