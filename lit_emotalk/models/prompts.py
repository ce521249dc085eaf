"""What the text tower is given in training: templates over words for each canonical emotion, and the words
kept out.

`WORDS` appear in training prompts; `HELD_OUT_WORDS` never do (a test asserts it): they measure what the space
makes of words that it was not given. The held-out ones are the everyday words of each emotion, the ones that
a user is likely to type.
"""

from lit_emotalk.emotions import COMPOUNDS, EMOTIONS


def _split(words: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in words.split(","))


WORDS: dict[str, tuple[str, ...]] = {
    "neutral": _split(
        "neutral, emotionless, expressionless, impassive, deadpan, poker-faced, unexpressive, ordinary, "
        "unmoved, stone-faced, flat, straight-faced, dispassionate, bland, unconcerned, toneless, "
        "apathetic, vacant, inexpressive, unfeeling, plain"
    ),
    "calm": _split(
        "calm, relaxed, placid, untroubled, soothed, restful, easygoing, mellow, unhurried, quiet, at "
        "ease, collected, level-headed, laid-back, patient, unruffled, comfortable, meditative, "
        "soothing, cool-headed"
    ),
    "happy": _split(
        "happy, delighted, elated, jolly, merry, ecstatic, gleeful, jubilant, blissful, laughing, "
        "pleased, joyous, euphoric, beaming, radiant, amused, contented, upbeat, giddy, playful, "
        "enthusiastic, grinning, exultant"
    ),
    "sad": _split(
        "sad, sorrowful, depressed, mournful, melancholic, grieving, dejected, weeping, downcast, "
        "despairing, woeful, glum, hopeless, forlorn, despondent, hurt, lonely, disappointed, "
        "brokenhearted, somber, crestfallen"
    ),
    "angry": _split(
        "angry, mad, furious, enraged, irritated, livid, irate, wrathful, fuming, aggressive, "
        "indignant, exasperated, incensed, seething, cross, vengeful, shouting, frustrated, resentful, "
        "irked, hateful, ferocious"
    ),
    "fear": _split(
        "fearful, scared, petrified, anxious, dreading, spooked, timid, worried, alarmed, trembling, "
        "threatened, uneasy, apprehensive, panicky, terror-stricken, cowering, jittery, intimidated, "
        "phobic, scared stiff"
    ),
    "disgusted": _split(
        "disgusted, revolted, queasy, repelled, nauseous, loathing, sick, revulsed, abhorrent, "
        "distasteful, put off, squeamish, gagging, offended, repugnant, retching, yucky"
    ),
    "surprised": _split(
        "surprised, astounded, flabbergasted, dumbfounded, taken aback, awestruck, speechless, wide- "
        "eyed, bewildered, gobsmacked, thunderstruck, dazed, wonderstruck, incredulous, caught off "
        "guard, open-mouthed"
    ),
    "contempt": _split(
        "contemptuous, sneering, haughty, derisive, supercilious, disrespectful, dismissive, smug, "
        "snobbish, patronizing, belittling, sarcastic, superior, snide, jeering, despising, ridiculing, "
        "cynical, stuck-up"
    ),
}
"""Words and synonyms of each canonical emotion in training prompts; the first is the emotion's own adjective.
"""

HELD_OUT_WORDS: dict[str, tuple[str, ...]] = {
    "neutral": _split("blank, indifferent, unemotional, detached, matter-of-fact"),
    "calm": _split("peaceful, serene, tranquil, composed, gentle"),
    "happy": _split("joyful, cheerful, glad, thrilled, smiling, overjoyed"),
    "sad": _split("unhappy, gloomy, miserable, tearful, heartbroken, crying"),
    "angry": _split("outraged, annoyed, hostile, raging, infuriated"),
    "fear": _split("afraid, terrified, panicked, nervous, frightened, horrified"),
    "disgusted": _split("repulsed, sickened, appalled, nauseated, grossed out"),
    "surprised": _split("astonished, startled, stunned, amazed, shocked"),
    "contempt": _split("scornful, mocking, arrogant, condescending, disdainful"),
}
"""Everyday words of each emotion that no training prompt holds."""

TEMPLATES: tuple[str, ...] = (
    "a {} person",
    "a person who feels {}",
    "the speaker sounds {}",
    "a person talking with a {} expression",
    "speaking in a {} voice",
    "a {} face",
    "{}",
)
"""Sentences around a word, the most telling first (our choice)."""

LEVEL_ADVERBS: tuple[tuple[str, ...], ...] = (("slightly", "a little"), ("", "quite"), ("very", "extremely"))
"""Adverbs for levels 1, 2 and 3."""


def fill(template: str, word: str) -> str:
    """A template with its word."""
    return template.format(word)


def training_prompts(emotion: str, count: int) -> list[str]:
    """`count` different prompts of a canonical emotion, in a fixed order.

    The words take turns, each time round with another template and every third time with an adverb of degree.
    Raises ValueError where the vocabulary does not give so many.
    """
    words = WORDS[emotion]
    adverbs = [adverb for pair in LEVEL_ADVERBS for adverb in pair if adverb]
    prompts: dict[str, None] = {}
    for turn in range(len(words) * len(TEMPLATES) * 3):
        lap, place = divmod(turn, len(words))
        word = words[place] if lap % 3 != 2 else f"{adverbs[(place + lap) % len(adverbs)]} {words[place]}"
        prompts[fill(TEMPLATES[(lap + place) % len(TEMPLATES)], word)] = None
        if len(prompts) == count:
            return list(prompts)
    raise ValueError(f"the vocabulary of '{emotion}' gives {len(prompts)} prompts, not {count}")


def word_prompts(word: str) -> list[str]:
    """Every template filled with one word: their mean code is the word's."""
    return [fill(template, word) for template in TEMPLATES]


def held_out() -> list[tuple[str, int]]:
    """The held-out words with their emotion's index."""
    return [(word, EMOTIONS.index(emotion)) for emotion in EMOTIONS for word in HELD_OUT_WORDS[emotion]]


def compound_prompts(compound: str) -> list[str]:
    """Every template filled with a compound emotion, as 'happily surprised'; raises KeyError if unknown."""
    if compound not in COMPOUNDS:
        raise KeyError(compound)
    return word_prompts(compound)
