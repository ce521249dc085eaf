"""How sure the emotion space is of words, and what is said where it is not.

Every text has a place in the space, also one that means nothing, or is not English. How near the text lies to
the words and prompts that the space was made of tells the two apart: the largest cosine to any of them in the
frozen text tower, before the projection that only keeps what tells emotions apart. On the lists of
`tests/inference/wordings.py` this does better (area under the curve 0.97) than the code's cosine to the
nearest emotion (0.89), its lead over the second (0.78), or its cosine to the nearest prompt's code (0.91).
"""

import re
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from lit_emotalk.emotions import EMOTIONS
from lit_emotalk.errors import UserError
from lit_emotalk.inference.emotion.request import Emotion, Schedule
from lit_emotalk.io.files import atomic_path, sha256_text
from lit_emotalk.models.emotion_space import EmotionSpace
from lit_emotalk.models.prompts import WORDS, training_prompts
from lit_emotalk.models.text import TextTower
from lit_emotalk.weights.fetch import entry, home

UNSURE_BELOW = {"minilm": 0.44}
"""By text tower: the nearness below which a text is doubted. On the even entries of
`tests/inference/wordings.py` as many texts that mean an emotion are doubted there as others are not; on the
odd ones 95 % of those that mean one pass and 92 % of the others are doubted. Another tower's texts are
not doubted: its nearness has not been measured."""

PROMPTS = 48
"""Prompts of each emotion that a text is compared with, beside the bare words."""

_NEGATIONS = re.compile(
    r"\b(?:not|no|never|neither|nor|none|nobody|nothing|without|hardly|scarcely|cannot)\b|n't\b",
    re.IGNORECASE,
)
_AFFIRMED = re.compile(
    r"\b(?:can(?:'|no)?t (?:stop|help)|not (?:only|just)|no doubt|nothing (?:but|short of)|"
    r"never (?:been |felt )?\w+er|couldn't be \w+er)\b",
    re.IGNORECASE,
)


class Doubts:
    """What a space's texts are to be doubted for."""

    def __init__(self, space: EmotionSpace) -> None:
        self._space = space
        self._limit = UNSURE_BELOW.get(space.config.text)
        self._known: torch.Tensor | None = None

    def nearness(self, text: str) -> float | None:
        """Cosine in [-1, 1] of a text to the nearest word or prompt of any emotion; None for a text tower
        that was not measured."""
        if self._limit is None:
            return None
        tower = self._space.text_tower
        if self._known is None:
            self._known = known(tower, self._space.config.text)
        return float((tower.embed_text([text]) @ self._known.T).max())

    def of_text(self, text: str) -> str | None:
        """What is doubtful about one text, in one line; None: nothing is."""
        nearest = next(iter(self._space.similarities(self._space.encode_text([text])[0])))
        if negates(text):
            return (
                f"'{text}' says what the face shall not show, and the emotion space knows no 'not': it is "
                f"read as {nearest}; say what the face shall show"
            )
        near = self.nearness(text)
        if near is not None and self._limit is not None and near < self._limit:
            return (
                f"'{text}' is like no words for an emotion that the space knows ({near:.2f} of 1, doubted "
                f"below {self._limit:g}): it is read as {nearest}; describe the emotion in English words"
            )
        return None

    def of(self, asked: Emotion | Schedule) -> list[str]:
        """What is doubtful about the texts of what is asked for, a line each."""
        found = [self.of_text(text) for text in dict.fromkeys(_texts(asked))]
        return [line for line in found if line is not None]


def known(tower: TextTower, name: str) -> torch.Tensor:
    """The tower's embeddings (N, size) of the words and prompts that texts are compared with.

    They follow from the texts and the tower's weights (`name` in the registry), and take a second: the folder
    of fetched weights keeps them, where it can be written.
    """
    texts = [text for each in EMOTIONS for text in (*WORDS[each], *training_prompts(each, PROMPTS))]
    key = sha256_text("\n".join([entry(name).sha256, *texts]))[:16]
    file = home() / f"prompts-{name}-{key}.npy"
    kept = _read(file, (len(texts), tower.size))
    if kept is None:
        kept = tower.embed_text(texts)
        with suppress(OSError, UserError), atomic_path(file) as path, path.open("wb") as handle:
            np.save(handle, kept.numpy())
    return kept


def _read(file: Path, shape: tuple[int, int]) -> torch.Tensor | None:
    """What is kept; None where nothing is, or something else."""
    try:
        found = np.load(file)
    except (OSError, ValueError, EOFError):
        return None
    fits = found.shape == shape and found.dtype == np.float32 and np.isfinite(found).all()
    return torch.from_numpy(found) if fits else None


def negates(text: str) -> bool:
    """Whether a text says what an emotion is not, as 'not happy' or 'without fear'; 'not only happy' and
    'can't stop laughing' do not."""
    text = text.replace("’", "'")
    return _NEGATIONS.search(_AFFIRMED.sub(" ", text)) is not None


def _texts(asked: Emotion | Schedule) -> list[str]:
    if isinstance(asked, Schedule):
        return [text for _, emotion in asked.entries for text in _texts(emotion)]
    if asked.blend is not None:
        return [text for part, _ in asked.blend for text in _texts(part)]
    return [] if asked.text is None else [asked.text]
