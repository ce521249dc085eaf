"""The plan of a corpus: who says what with which emotion, and where each clip goes."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from data_prep.synthetic.heads.identity import draw_identity
from data_prep.synthetic.speech.sentences import choose_sentences
from lit_emotalk.emotions import COMPOUNDS, EMOTIONS, LEVELS, MEAD_EMOTIONS
from lit_emotalk.errors import UserError

MAX_SPEAKERS, MIN_SIZE, MAX_SIZE = 999, 64, 2048
TEST_SHARE, VAL_SHARE = 0.2, 1 / 15

_SENTENCE_STREAM, _SCENE_STREAM, _CLIP_STREAM = 0x5E27, 0x5CE2, 0xC119


@dataclass(frozen=True)
class Scale:
    """How large a corpus is: `takes` sentences for each emotion and level (`neutral_takes` for neutral, which
    has one level), of short sentences only or of all; `extras`: also calm, and compounds for the speakers of
    val and test; `scenes` for each speaker."""

    speakers: int
    levels: tuple[int, ...]
    takes: int
    neutral_takes: int
    short_only: bool
    extras: bool
    scenes: int


SCALES: dict[str, Scale] = {
    "demo": Scale(22, (1, 3), 1, 2, True, False, 2),
    "full": Scale(48, LEVELS, 4, 8, False, True, 6),
}


@dataclass(frozen=True)
class Parameters:
    """What decides a corpus' content: `speakers` 1..999, `size` of the frames in pixels (even, 64..2048)."""

    seed: int
    speakers: int
    scale: str
    size: int

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise UserError(f"--scale must be one of {', '.join(SCALES)}, not {self.scale}")
        if not 1 <= self.speakers <= MAX_SPEAKERS:
            raise UserError(f"--speakers must be between 1 and {MAX_SPEAKERS}, not {self.speakers}")
        if not MIN_SIZE <= self.size <= MAX_SIZE or self.size % 2:
            raise UserError(
                f"--size must be an even number of pixels, {MIN_SIZE} to {MAX_SIZE}, not {self.size}"
            )
        if self.seed < 0:
            raise UserError(f"--seed must be 0 or more, not {self.seed}")

    def to_json(self) -> dict[str, Any]:
        """As a plain dict."""
        return asdict(self)


@dataclass(frozen=True)
class ClipPlan:
    """One clip to make: speaker `index` (from 0) and name, split, emotion, level, take (from 1), sentence,
    and the number of the speaker's scene."""

    index: int
    speaker: str
    split: str
    emotion: str
    level: int
    take: int
    text: str
    scene: int

    @property
    def path(self) -> str:
        """The video's path below the corpus root, in MEAD's layout."""
        folder = self.emotion.replace(" ", "_")
        return f"{self.speaker}/video/front/{folder}/level_{self.level}/{self.take:03d}.mp4"


@dataclass(frozen=True)
class CorpusPlan:
    """All clips of a corpus, grouped by speaker and scene, and its speakers by split."""

    parameters: Parameters
    splits: dict[str, list[str]]
    clips: list[ClipPlan]


def plan_corpus(parameters: Parameters) -> CorpusPlan:
    """The plan of a corpus; a function of the parameters alone, and of each speaker's seed and index where it
    can be."""
    scale = SCALES[parameters.scale]
    names = [draw_identity(parameters.seed, index).name for index in range(parameters.speakers)]
    split_of = assign_splits(parameters.speakers)
    clips: list[ClipPlan] = []
    for index, name in enumerate(names):
        acts = acts_of(scale, split_of[index])
        rng = np.random.default_rng([_SENTENCE_STREAM, parameters.seed, index])
        texts = choose_sentences(split_of[index], scale.short_only, len(acts), rng)
        scenes = rng.permutation(np.arange(len(acts)) % scale.scenes)
        speaker_clips = [
            ClipPlan(index, name, split_of[index], *act, text, int(scene))
            for act, text, scene in zip(acts, texts, scenes, strict=True)
        ]
        clips += sorted(speaker_clips, key=lambda clip: clip.scene)
    splits = {
        split: [n for n, s in zip(names, split_of, strict=True) if s == split]
        for split in ("train", "val", "test")
    }
    return CorpusPlan(parameters, splits, clips)


def assign_splits(speakers: int) -> list[str]:
    """The split of each speaker: the last fifth tests (one at least where there are two speakers), those
    before validate (a fifteenth, one at least where there are three), the others train. Men and women
    alternate, so that each split has both where it is large enough."""
    test = max(1, round(TEST_SHARE * speakers)) if speakers >= 2 else 0
    val = max(1, round(VAL_SHARE * speakers)) if speakers >= 3 else 0
    return ["train"] * (speakers - val - test) + ["val"] * val + ["test"] * test


def clip_generator(seed: int, clip: ClipPlan) -> np.random.Generator:
    """The generator that a clip's performance draws from: a function of seed, speaker, emotion, level and
    take."""
    code = (*EMOTIONS, *COMPOUNDS).index(clip.emotion)
    return np.random.default_rng([_CLIP_STREAM, seed, clip.index, code, clip.level, clip.take])


def scene_generator(seed: int, clip: ClipPlan) -> np.random.Generator:
    """The generator that a clip's scene is drawn from: a function of seed, speaker and the scene's number."""
    return np.random.default_rng([_SCENE_STREAM, seed, clip.index, clip.scene])


def acts_of(scale: Scale, split: str) -> list[tuple[str, int, int]]:
    """(emotion, level, take) of all clips of one speaker."""
    acts = [("neutral", 1, take) for take in range(1, scale.neutral_takes + 1)]
    for emotion in MEAD_EMOTIONS:
        if emotion != "neutral":
            acts += [(emotion, level, take) for level in scale.levels for take in range(1, scale.takes + 1)]
    if scale.extras:
        acts += [("calm", 1, take) for take in range(1, scale.takes + 1)]
        if split != "train":
            acts += [(compound, level, 1) for compound in COMPOUNDS for level in scale.levels]
    return acts
