"""What people type as an emotion: words that mean one, and others. Even entries set the threshold of
`lit_emotalk.inference.emotion.doubts`, odd ones check it."""

from lit_emotalk.models.prompts import HELD_OUT_WORDS

_HELD_OUT = [word for words in HELD_OUT_WORDS.values() for word in words]

SENSIBLE: tuple[str, ...] = (
    *_HELD_OUT,
    *(f"a {word} person" for word in _HELD_OUT),
    "someone who just won the lottery", "like she has seen a ghost",
    "boiling with rage", "a grieving widow",
    "barely holding back tears", "rolling her eyes", "a bit tired and annoyed", "screaming in terror",
    "very proud of herself", "looking down on others", "deeply in love", "embarrassed", "jealous", "proud",
    "bored", "tired", "confused", "hopeful", "nostalgic", "excited",
    "curious", "guilty", "ashamed", "relieved",
    "determined", "shy", "crying with joy", "laughing out loud",
    "with a broken heart", "creeped out", "grumpy",
    "sulking", "gloating", "an angry man shouting",
    "a woman who is happy to see you", "someone scared of spiders",
    "over the moon", "down in the dumps", "on cloud nine", "at the end of his rope", "cool as a cucumber",
    "jaw dropped", "half asleep", "happily surprised", "sadly angry", "fearfully surprised", "very happy",
    "a little sad", "slightly annoyed", "extremely angry", "mildly amused",
    "smiling gently", "in a bad mood",
    "in a good mood", "frightened to death", "full of hatred", "full of joy", "on the verge of tears",
    "shocked by the news", "smells something rotten", "feeling sick",
    "trying to stay calm", "sad but smiling",
)  # fmt: skip

SENSELESS: tuple[str, ...] = (
    "zxqv", "asdf", "qwerty", "blorf", "xkcd", "12345", "!!!", "...", "aaaaaaa", "lorem ipsum", "foo bar",
    "fghjkl", "wug", "snorgle", "1", "hjkl jkl", "kdsjfh skdjfh",
    "brillig slithy toves", "???", "test", "a",
    "zzz", "undefined", "null", "a chair", "the train to london", "tax return", "photosynthesis",
    "python programming", "a red bicycle", "quarterly report", "mount everest", "a glass of water",
    "the president", "two plus two", "pizza with cheese", "railway timetable",
    "concrete", "seven", "a spoon",
    "carburetor", "the weather in paris", "blue", "linux kernel", "monday morning", "a long road",
)  # fmt: skip

FOREIGN: tuple[str, ...] = (
    "愤怒", "злой", "怒り", "화난", "ein wütender Mann", "eine glückliche Frau", "traurig", "fröhlich",
    "une personne triste", "en colère", "heureux", "enojado", "una persona feliz", "triste", "arrabbiato",
    "felice", "φοβισμένος", "غاضب", "szczęśliwy", "开心", "悲しい", "überrascht", "dégoûté", "asustado",
    "boos",
    "glücklich", "wütend", "peur", "sorpresa", "ledsen", "очень весёлый человек", "ein trauriger Junge",
)  # fmt: skip

NEGATED: tuple[str, ...] = (
    "not happy", "not angry", "not sad at all", "never happy", "isn't happy", "without fear", "no anger",
    "nobody is happy", "not a happy person", "neither sad nor angry", "Not afraid", "not surprised",
    "hardly happy", "don't be sad", "a person who is not angry", "he can’t smile", "no longer happy",
    "cannot laugh", "happy? not!", "wasn't amused", "none of them is glad",
)  # fmt: skip

AFFIRMED: tuple[str, ...] = (
    "unhappy", "can't stop laughing", "not only happy but ecstatic",
    "never been happier", "nothing but joy",
    "couldn't be happier", "no doubt furious", "a notable smile", "knotted brow", "happy", "annoyed",
    "cannot help smiling", "nonplussed", "nothing short of furious", "not just sad, desperate",
)  # fmt: skip
