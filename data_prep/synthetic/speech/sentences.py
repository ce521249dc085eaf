"""What the speakers say: short emotion-free sentences with wide phoneme coverage, split so that splits share
none."""

from functools import cache
from pathlib import Path

import numpy as np

from lit_emotalk.schema import SPLITS

SHORT_WORDS = 6
"""Sentences of at most this many words are short (about 1.4 s at a neutral rate); the others take 3-4 s."""
LEAST_SHUFFLED = 4
"""Shuffled sentences have from this many to `SHORT_WORDS` words."""

_TURN: tuple[str, ...] = (
    "train",
    "train",
    "train",
    "val",
    "train",
    "train",
    "test",
    "train",
    "train",
    "test",
)


@cache
def load_sentences() -> tuple[str, ...]:
    """All sentences, in the order of `sentences.txt`."""
    text = Path(__file__).with_name("sentences.txt").read_text(encoding="utf-8")
    return tuple(line.strip() for line in text.splitlines() if line.strip())


@cache
def sentence_pool(split: str, short_only: bool) -> tuple[str, ...]:
    """The sentences of one split, only the short ones or all. The splits' pools are disjoint (7 : 1 : 2).

    Raises ValueError for an unknown split.
    """
    if split not in SPLITS:
        raise ValueError(f"unknown split '{split}'")
    pool: list[str] = []
    for short in (True, False)[: 1 if short_only else 2]:
        group = [s for s in load_sentences() if (len(s.split()) <= SHORT_WORDS) == short]
        pool += [s for i, s in enumerate(group) if _TURN[i % len(_TURN)] == split]
    return tuple(pool)


@cache
def words_of(split: str) -> tuple[str, ...]:
    """The different words of a split's sentences, in alphabetical order."""
    return tuple(
        sorted({word.strip(".,").lower() for s in sentence_pool(split, False) for word in s.split()})
    )


@cache
def more_words() -> tuple[str, ...]:
    """The words of `words.txt`, in none of the sentences, so that nothing learned hangs on the few hundred
    of the sentences (our choice)."""
    return tuple(Path(__file__).with_name("words.txt").read_text(encoding="utf-8").split())


def shuffled_sentences(split: str, count: int, rng: np.random.Generator) -> list[str]:
    """`count` short strings of words in random order, of a split's sentences and, to train, of `more_words`:
    what a network should learn to speak from, so that it hears every sound beside every other and cannot
    know sentences by heart."""
    words = words_of(split) + (more_words() if split == "train" else ())
    lengths = rng.integers(LEAST_SHUFFLED, SHORT_WORDS + 1, count)
    drawn = (rng.choice(len(words), int(length), replace=False) for length in lengths)
    return [" ".join(words[i] for i in places).capitalize() + "." for places in drawn]


def choose_sentences(split: str, short_only: bool, count: int, rng: np.random.Generator) -> list[str]:
    """`count` sentences from a split's pool, none repeated before the pool is used up."""
    pool = sentence_pool(split, short_only)
    chosen: list[str] = []
    while len(chosen) < count:
        chosen += [pool[i] for i in rng.permutation(len(pool))]
    return chosen[:count]
