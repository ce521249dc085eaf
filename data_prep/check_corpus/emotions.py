"""Are emotions to be seen and to be heard? A classifier fitted on the train speakers, asked about the test
speakers."""

from dataclasses import dataclass

import numpy as np

from data_prep.check_corpus.clips import CheckedClip
from data_prep.check_corpus.lines import Line, Share
from data_prep.check_corpus.voice import voice_features
from lit_emotalk.emotions import MEAD_EMOTIONS
from lit_emotalk.errors import UserError
from lit_emotalk.io.progress import track
from lit_emotalk.metrics.face_emotion import emotion_classifier, face_features

FACE_ASKED, VOICE_ASKED = 0.90, 0.75
STRONG, WEAK = 3, 1


@dataclass(frozen=True)
class Guesses:
    """What a classifier said of N clips: `true` and `guessed` emotions (N,), their `level` (N,)."""

    true: np.ndarray
    guessed: np.ndarray
    level: np.ndarray

    def share(self, level: int) -> Share:
        """How many of a level's clips were guessed."""
        here = self.level == level
        return Share(int((self.true == self.guessed)[here].sum()), int(here.sum()))

    def chance(self, level: int) -> float:
        """What always guessing a level's most frequent emotion would reach."""
        here = self.true[self.level == level]
        return float(np.unique(here, return_counts=True)[1].max() / len(here))

    def confusion(self) -> np.ndarray:
        """Counts (8, 8): rows the true emotion, columns the guessed one, in `MEAD_EMOTIONS`' order."""
        counts = np.zeros((len(MEAD_EMOTIONS),) * 2, int)
        for true, guessed in zip(self.true, self.guessed, strict=True):
            counts[MEAD_EMOTIONS.index(true), MEAD_EMOTIONS.index(guessed)] += 1
        return counts


def check_emotions(clips: list[CheckedClip]) -> tuple[list[Line], dict[str, Guesses]]:
    """The lines on face and voice, and what was guessed of the test speakers by `face` and `voice`.

    Only MEAD's eight emotions count. Raises UserError where train lacks one of them or test has no clip of
    level 1 or 3.
    """
    known = [clip for clip in clips if clip.emotion in MEAD_EMOTIONS]
    features: dict[str, list[np.ndarray]] = {"face": [], "voice": []}
    for clip in track(known, "emotions", len(known), "clips"):
        features["face"].append(face_features(clip.coeffs))
        features["voice"].append(voice_features(clip.samples))
    lines, guesses = [], {}
    for name, asked in (("face", FACE_ASKED), ("voice", VOICE_ASKED)):
        table = np.stack(features[name])
        guesses[name] = guess_test_speakers(table, known)
        lines += _lines(name, asked, guesses[name], guess_each_speaker(table, known))
    return lines, guesses


def guess_test_speakers(table: np.ndarray, clips: list[CheckedClip]) -> Guesses:
    """Fit on the clips of train, guess those of test; table (N, F) are the clips' features."""
    train = np.array([clip.split == "train" for clip in clips])
    test = np.array([clip.split == "test" for clip in clips])
    emotions, levels = _labels(clips)
    lacking = sorted(set(MEAD_EMOTIONS) - set(emotions[train]))
    if lacking:
        raise UserError(f"the training split has no clip of {', '.join(lacking)}; make a whole corpus")
    for level in (WEAK, STRONG):
        if not (levels[test] == level).any():
            raise UserError(f"the test split has no clip of level {level}; make a whole corpus")
    model = emotion_classifier().fit(table[train], emotions[train])
    return Guesses(emotions[test], model.predict(table[test]), levels[test])


def guess_each_speaker(table: np.ndarray, clips: list[CheckedClip]) -> Guesses:
    """Guess every speaker's clips from all the other speakers': more clips for the same question."""
    emotions, levels = _labels(clips)
    speakers = np.array([clip.speaker for clip in clips])
    guessed = np.empty_like(emotions)
    for speaker in np.unique(speakers):
        own = speakers == speaker
        guessed[own] = emotion_classifier().fit(table[~own], emotions[~own]).predict(table[own])
    return Guesses(emotions, guessed, levels)


def _labels(clips: list[CheckedClip]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([clip.emotion for clip in clips]), np.array([clip.level for clip in clips])


def _lines(name: str, asked: float, test: Guesses, each: Guesses) -> list[Line]:
    what = f"emotion from the {'tracked face' if name == 'face' else 'sound'}"
    strong, weak, chance = test.share(STRONG), test.share(WEAK), test.chance(WEAK)
    lines = [
        Line(
            f"{what}, test speakers, level {STRONG}",
            f"at least {asked:.0%}",
            str(strong),
            strong.value >= asked,
            strong.values(),
        ),
        Line(
            f"{what}, test speakers, level {WEAK}",
            f"above chance, {chance:.1%}",
            str(weak),
            weak.bounds[0] > chance,
            weak.values() | {"chance": chance},
        ),
    ]
    for level in sorted(set(test.level.tolist()) - {WEAK, STRONG}):
        share = test.share(level)
        lines.append(Line(f"{what}, test speakers, level {level}", "", str(share), None, share.values()))
    for level in sorted(set(each.level.tolist())):
        share = each.share(level)
        lines.append(
            Line(f"{what}, each speaker from the others, level {level}", "", str(share), None, share.values())
        )
    return lines
