"""Canonical emotions, levels, compounds, prompts, and the names that corpora use for them."""

from lit_emotalk.errors import UserError

EMOTIONS: tuple[str, ...] = (
    "neutral", "calm", "happy", "sad", "angry", "fear", "disgusted", "surprised", "contempt",
)  # fmt: skip
"""The nine canonical emotions; a sample's `emotion` is an index into this tuple."""

MEAD_EMOTIONS: tuple[str, ...] = tuple(e for e in EMOTIONS if e != "calm")
"""MEAD's eight, also the embedded corpus's training emotions, in canonical order."""

RAVDESS_EMOTIONS: tuple[str, ...] = tuple(e for e in EMOTIONS if e != "contempt")
"""RAVDESS's eight, in canonical order."""

LEVELS: tuple[int, ...] = (1, 2, 3)
"""Intensity levels of MEAD; those of `LEVELLESS` have level 1 only."""

LEVELLESS: tuple[str, ...] = ("neutral", "calm")
"""Emotions that are the same at every intensity."""

COMPOUNDS: dict[str, tuple[str, str]] = {
    "happily surprised": ("happy", "surprised"),
    "happily disgusted": ("happy", "disgusted"),
    "sadly fearful": ("sad", "fear"),
    "sadly angry": ("sad", "angry"),
    "sadly surprised": ("sad", "surprised"),
    "sadly disgusted": ("sad", "disgusted"),
    "fearfully angry": ("fear", "angry"),
    "fearfully surprised": ("fear", "surprised"),
    "angrily surprised": ("angry", "surprised"),
    "angrily disgusted": ("angry", "disgusted"),
}
"""Compound emotions and their two parts; never in a training split."""

RAVDESS_CODES: dict[str, str] = {
    "01": "neutral", "02": "calm", "03": "happy", "04": "sad",
    "05": "angry", "06": "fear", "07": "disgusted", "08": "surprised",
}  # fmt: skip

ALIASES: dict[str, str] = {
    "fearful": "fear",
    "disgust": "disgusted",
    "surprise": "surprised",
    "anger": "angry",
}


def intensity_of(level: int) -> float:
    """Intensity in [0, 1] of a level: 1, 2, 3 -> 1/3, 2/3, 1 (our choice)."""
    return level / len(LEVELS)


def canonical(label: str) -> str:
    """The canonical emotion or compound that `label` names; raises UserError listing the known labels."""
    name = label.strip().lower()
    name = ALIASES.get(name, name)
    if name not in EMOTIONS and name not in COMPOUNDS:
        raise UserError(f"unknown emotion label '{label}'; known: {', '.join((*EMOTIONS, *COMPOUNDS))}")
    return name
