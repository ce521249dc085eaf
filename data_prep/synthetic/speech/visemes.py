"""Lips from phonemes: targets for each sound, blended by dominance (after Cohen and Massaro 1993), and
closures.

Target values and dominances are our choice.
"""

from dataclasses import dataclass

import numpy as np

from data_prep.synthetic.speech.espeak import BILABIALS, Phoneme

SPEECH_UNITS: tuple[str, ...] = (
    "jawOpen", "mouthFunnel", "mouthPucker", "mouthLowerDown", "mouthUpperUp", "mouthStretch", "mouthSmile",
    "mouthRollLower", "jawForward",
)  # fmt: skip
"""Units that speech moves, left and right together."""


@dataclass(frozen=True)
class Viseme:
    """One mouth shape: `target` unit -> weight, `jaw` and `lips`: how firmly it holds the jaw and the lips
    against its neighbours, `rounding`: how much it forbids a spread mouth."""

    target: dict[str, float]
    jaw: float = 1.0
    lips: float = 1.0
    rounding: float = 0.0


VISEMES: dict[str, Viseme] = {
    "sil": Viseme({}, 0.5, 0.5),
    "PP": Viseme({"jawOpen": 0.04}, 2.5, 1.0),
    "FF": Viseme({"jawOpen": 0.06, "mouthRollLower": 0.5, "mouthUpperUp": 0.2}, 2.5, 3.0),
    "TH": Viseme({"jawOpen": 0.16, "mouthLowerDown": 0.25, "mouthUpperUp": 0.08}, 1.2, 0.8),
    "DD": Viseme({"jawOpen": 0.15, "mouthLowerDown": 0.2, "mouthUpperUp": 0.06}, 1.2, 0.4),
    "KK": Viseme({"jawOpen": 0.2, "mouthLowerDown": 0.15}, 0.7, 0.3),
    "CH": Viseme(
        {"jawOpen": 0.08, "mouthFunnel": 0.5, "mouthPucker": 0.15, "mouthLowerDown": 0.2, "jawForward": 0.15},
        1.8,
        1.5,
        0.5,
    ),
    "SS": Viseme(
        {
            "jawOpen": 0.06,
            "mouthStretch": 0.2,
            "mouthSmile": 0.08,
            "mouthLowerDown": 0.3,
            "mouthUpperUp": 0.1,
        },
        2.0,
        0.8,
    ),
    "RR": Viseme({"jawOpen": 0.17, "mouthFunnel": 0.35, "mouthPucker": 0.2}, 0.9, 1.0, 0.4),
    "WW": Viseme({"jawOpen": 0.07, "mouthPucker": 0.75, "mouthFunnel": 0.25}, 1.5, 2.5, 1.0),
    "HH": Viseme({"jawOpen": 0.2}, 0.3, 0.1),
    "YY": Viseme(
        {"jawOpen": 0.1, "mouthSmile": 0.15, "mouthStretch": 0.15, "mouthLowerDown": 0.15}, 1.0, 0.8
    ),
    "aa": Viseme(
        {"jawOpen": 0.55, "mouthLowerDown": 0.3, "mouthUpperUp": 0.15, "mouthStretch": 0.1}, 1.3, 0.9
    ),
    "eh": Viseme({"jawOpen": 0.38, "mouthStretch": 0.2, "mouthSmile": 0.12, "mouthLowerDown": 0.3}, 1.2, 0.9),
    "ih": Viseme(
        {"jawOpen": 0.22, "mouthStretch": 0.18, "mouthSmile": 0.12, "mouthLowerDown": 0.22}, 1.0, 0.7
    ),
    "ee": Viseme(
        {"jawOpen": 0.14, "mouthStretch": 0.3, "mouthSmile": 0.25, "mouthLowerDown": 0.25}, 1.2, 1.2
    ),
    "oh": Viseme({"jawOpen": 0.4, "mouthFunnel": 0.5, "mouthPucker": 0.25}, 1.3, 1.6, 0.7),
    "oo": Viseme({"jawOpen": 0.13, "mouthPucker": 0.65, "mouthFunnel": 0.3}, 1.3, 2.0, 1.0),
    "uh": Viseme({"jawOpen": 0.25, "mouthLowerDown": 0.12}, 0.8, 0.3),
}

_SOUNDS: dict[str, str] = {
    "sil": "sil", "PP": "p b m", "FF": "f v", "TH": "T D", "DD": "t d n l", "KK": "k g N", "CH": "tS dZ S Z",
    "SS": "s z", "RR": "r 3", "WW": "w", "HH": "h ?", "YY": "j", "aa": "a A V 0", "eh": "E e", "ih": "I I#",
    "ee": "i", "oh": "O o", "oo": "U u", "uh": "@ a#", "aa ih": "aI", "aa oo": "aU", "oh ih": "OI",
    "oh oo": "oU", "eh ee": "eI", "eh RR": "e@", "ee RR": "i@", "oo RR": "U@", "oh RR": "O@ o@",
    "aa RR": "A@", "uh DD": "@L",
}  # fmt: skip
"""Mouth shapes and the beginnings of the espeak-ng phonemes that have them; the longest fitting one counts.
"""

_SHAPES: dict[str, tuple[str, ...]] = {
    sound: tuple(shapes.split()) for shapes, sounds in _SOUNDS.items() for sound in sounds.split()
}

VOWELS: frozenset[str] = frozenset({"aa", "eh", "ih", "ee", "oh", "oo", "uh"})
OPENING_UNITS: tuple[str, ...] = ("jawOpen", "mouthLowerDown", "mouthUpperUp")
LEAD_SECONDS = 0.05
"""How much earlier than its sound a mouth shape is: with shapes in time with the sounds, loudness and opening
agreed best when the mouth came 0.3 frames of 40 ms later; in LRS3 it comes 0.8 to 0.9 frames earlier."""
SPREAD_SECONDS = 0.055
CLOSURE_LEADS = (0.03, 0.015)
"""Seconds by which lips close and open before the sound of m, b and p begins and ends."""
CLOSING_SECONDS, OPENING_SECONDS = 0.06, 0.05
SHORTEST_CLOSURE_SECONDS = 0.042


def visemes_of(name: str) -> tuple[str, ...]:
    """The mouth shapes of an espeak-ng phoneme, two for a diphthong; an unknown sound is like a schwa."""
    for length in range(len(name), 0, -1):
        if name[:length] in _SHAPES:
            return _SHAPES[name[:length]]
    return _SHAPES["@"]


def is_vowel(name: str) -> bool:
    """Whether an espeak-ng phoneme is a vowel or diphthong."""
    return visemes_of(name)[0] in VOWELS


def viseme_track(phonemes: tuple[Phoneme, ...]) -> list[tuple[str, float, float]]:
    """(viseme, start, end) in seconds; a diphthong is parted in the middle."""
    return [(shape, start, end) for shape, start, end, _ in _parts(phonemes)]


def _parts(phonemes: tuple[Phoneme, ...]) -> list[tuple[str, float, float, int]]:
    """(viseme, start, end, index of the phoneme)."""
    track: list[tuple[str, float, float, int]] = []
    for i, phoneme in enumerate(phonemes):
        shapes = visemes_of(phoneme.name)
        edges = np.linspace(phoneme.start, phoneme.end, len(shapes) + 1)
        track += [
            (shape, float(a), float(b), i) for shape, a, b in zip(shapes, edges[:-1], edges[1:], strict=True)
        ]
    return track


@dataclass(frozen=True)
class LipTrack:
    """Speech at given times: `units` name -> (T,) weights; `closure` (T,) 1 where the lips must touch;
    `rounding` (T,); `activity` (T,) 1 while speaking, 0 in silence. All in [0, 1]."""

    units: dict[str, np.ndarray]
    closure: np.ndarray
    rounding: np.ndarray
    activity: np.ndarray


def lip_track(
    phonemes: tuple[Phoneme, ...], times: np.ndarray, opening: np.ndarray | None = None
) -> LipTrack:
    """Coarticulated lips at `times` (T,) seconds: every sound pulls at the mouth with a dominance that falls
    off before and after it, and the mouth is where the pulls balance.

    The mouth is `LEAD_SECONDS` ahead of the sound. `opening`: factor on how far each phoneme opens it (P,), 1
    where it is not given.
    """
    parts = _parts(phonemes)
    segments = [VISEMES[shape] for shape, *_ in parts]
    starts, ends = (np.array([part[place] for part in parts]) - LEAD_SECONDS for place in (1, 2))
    inset = 0.25 * (ends - starts)
    distance = np.maximum(np.maximum(starts + inset - times[:, None], times[:, None] - ends + inset), 0.0)
    reach = np.exp(-((distance / SPREAD_SECONDS) ** 2)) + 1e-9
    jaw = reach * np.array([v.jaw for v in segments])
    lips = reach * np.array([v.lips for v in segments])
    wide = np.ones(len(parts)) if opening is None else opening[[part[3] for part in parts]]
    units = {}
    for name in SPEECH_UNITS:
        pull = jaw if name == "jawOpen" else lips
        targets = np.array([v.target.get(name, 0.0) for v in segments])
        targets = np.minimum(targets * wide, 1.0) if name in OPENING_UNITS else targets
        units[name] = (pull * targets).sum(1) / pull.sum(1)
    rounding = (lips * np.array([v.rounding for v in segments])).sum(1) / lips.sum(1)
    spoken = np.array([shape != "sil" for shape, *_ in parts])
    activity = (reach * spoken).sum(1) / reach.sum(1)
    return LipTrack(units, closure_track(phonemes, times), rounding, activity)


def closure_track(phonemes: tuple[Phoneme, ...], times: np.ndarray) -> np.ndarray:
    """How closed the lips must be, (T,): 1 within m, b and p, easing in and out.

    A closure is heard while it lasts, so that it is ahead of its sound by less than other shapes; a frame
    falls into the middle of each.
    """
    closure = np.zeros(len(times))
    for phoneme in phonemes:
        if phoneme.name[:1] not in BILABIALS:
            continue
        middle = (phoneme.start + phoneme.end) / 2
        start = min(phoneme.start - CLOSURE_LEADS[0], middle - SHORTEST_CLOSURE_SECONDS / 2)
        end = max(phoneme.end - CLOSURE_LEADS[1], middle + SHORTEST_CLOSURE_SECONDS / 2)
        ease = np.clip(
            1 - np.maximum((start - times) / CLOSING_SECONDS, (times - end) / OPENING_SECONDS), 0, 1
        )
        closure = np.maximum(closure, 0.5 - 0.5 * np.cos(np.pi * ease))
    return closure
