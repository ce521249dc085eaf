"""The emotional voice: what each emotion does to a neutral one, at each level, and how speakers differ in it.

Emotions come in families: a controlled member and an outburst (Banse and Scherer 1996: cold and hot anger,
anxiety and panic, happiness and elation, sadness and despair). Level 2 is the first, level 3 the second,
level 1 less than the first.

Directions, from the literature:
- pitch: outbursts highest, panic, elation, hot anger, then despair; sadness, contempt, disgust lowest (Banse
  and Scherer 1996; Juslin and Laukka 2003; Murray and Arnott 1993 for disgust, very much lower).
- loudness and spectrum: anger, then panic and elation loud with much energy above 1 kHz; sadness, calm
  (tenderness) quiet with little (Juslin and Laukka 2003; Goudbeek and Scherer 2010). Pitch rises by 0.2 to
  0.6 semitones a dB of effort (Gramming et al. 1988); what effort does to the spectrum: `effects.py`.
- span: wide in anger, happiness, surprise; narrow in sadness and anxiety (Scherer 2003; Murray and Arnott
  1993).
- rate: slow in sadness, calm, disgust; fast in fear (Juslin and Laukka 2003; Murray and Arnott 1993; for
  anger and happiness findings differ, so they stay near neutral here and speakers differ).
- ending: falling in sadness, calm and contempt, rising in happiness, fear and above all surprise (Juslin and
  Laukka 2003, "F0 contour").
- breath in sadness, fear and calm, tension and roughness in anger, tremor in fear and despair, irregular
  grumbling in disgust (Murray and Arnott 1993, "voice quality"; Gobl and Ni Chasaide 2003; Scherer 1986).
- resonances: spread lips raise them in happiness (Tartter 1980: smiling raises F2 and F3 by some per cent).

Sizes: loudness from normal to shouted speech spans about 25 dB (Traunmueller and Eriksson 2000); pitch
follows by the semitones a dB above; the rest is our choice, checked against medians of human actors by
`python -m tests.benchmarks.acting`.
"""

from dataclasses import dataclass

import numpy as np

from data_prep.synthetic.speech.prosody import Prosody, blend, vary_prosody
from lit_emotalk.emotions import COMPOUNDS, EMOTIONS

COMPOUND_SHARE = 0.65
WEAK_SHARE = 0.6
"""Level 1's share of level 2."""

CONTROLLED: dict[str, Prosody] = {
    "neutral": Prosody(),
    "calm": Prosody(
        pitch=-0.05, span=-0.2, rate=-0.25, loudness=-3.5, tilt=-0.4, breath=0.3, gap=1.0, ending=0.2,
        drawl=0.2,
    ),
    "happy": Prosody(
        pitch=0.22, span=0.1, loudness=5.5, tension=0.1, emphasis=0.15, ending=0.2, formants=0.05,
    ),
    "sad": Prosody(
        pitch=0.0, span=-0.4, rate=-0.2, loudness=-3.0, tilt=-0.3, breath=0.3, tremor=0.15, gap=1.0,
        ending=0.2, drawl=0.15, formants=-0.02,
    ),
    "angry": Prosody(
        pitch=0.25, span=0.1, rate=-0.1, loudness=10.0, rough=0.15, tension=0.6, gap=1.0, emphasis=0.1,
        ending=0.2,
    ),
    "fear": Prosody(
        pitch=0.35, span=-0.3, rate=0.1, loudness=4.0, breath=0.3, tremor=0.4, ending=0.22,
    ),
    "disgusted": Prosody(
        pitch=-0.02, span=0.1, rate=-0.3, loudness=0.5, tilt=0.2, breath=0.15, rough=0.3, tension=0.2,
        nasal=0.15, gap=1.0, emphasis=-0.1, ending=0.18, drawl=0.2, formants=-0.02,
    ),
    "surprised": Prosody(
        pitch=0.33, span=0.75, rate=0.05, loudness=5.0, breath=0.2, emphasis=0.2, ending=0.4, drawl=0.1,
    ),
    "contempt": Prosody(
        pitch=-0.12, span=0.1, rate=-0.2, loudness=-1.0, tension=0.1, nasal=0.5, gap=0.6, emphasis=0.2,
        ending=-0.3, drawl=0.35,
    ),
}  # fmt: skip
"""The voice of each canonical emotion at level 2."""

OUTBURST: dict[str, Prosody] = {
    "happy": Prosody(
        pitch=0.9, span=0.1, rate=-0.15, loudness=16.0, tension=0.25, emphasis=0.2, ending=0.3, drawl=0.1,
        formants=0.06, dynamics=0.2,
    ),
    "sad": Prosody(
        pitch=0.5, span=-0.15, rate=-0.35, loudness=4.0, tilt=-0.2, breath=0.4, tremor=0.5, rough=0.1,
        gap=4.0, ending=0.3, drawl=0.25, formants=-0.02, dynamics=0.3,
    ),
    "angry": Prosody(
        pitch=1.0, span=0.1, rate=-0.2, loudness=26.0, rough=0.25, tension=1.0, gap=4.0, emphasis=0.15,
        ending=0.3, dynamics=0.5,
    ),
    "fear": Prosody(
        pitch=1.05, span=-0.15, rate=0.02, loudness=22.0, tilt=-0.2, breath=0.25, tremor=0.7, gap=1.0,
        ending=0.35, dynamics=0.4,
    ),
    "disgusted": Prosody(
        pitch=0.25, span=0.15, rate=-0.5, loudness=8.0, tilt=0.2, breath=0.15, rough=0.4, tension=0.4,
        nasal=0.2, gap=3.0, emphasis=0.1, ending=0.25, drawl=0.3, formants=-0.03, dynamics=0.3,
    ),
    "surprised": Prosody(
        pitch=0.6, span=0.8, rate=-0.02, loudness=11.0, breath=0.2, emphasis=0.3, ending=0.5, drawl=0.2,
    ),
    "contempt": Prosody(
        pitch=-0.1, span=0.25, rate=-0.35, loudness=2.0, tension=0.25, nasal=0.6, gap=1.2, emphasis=0.3,
        ending=-0.45, drawl=0.5,
    ),
}  # fmt: skip
"""The voice of each emotion at level 3; neutral and calm have one level."""

SPEAKER_SIZES = Prosody(
    pitch=0.1, span=0.2, rate=0.15, loudness=2.0, tilt=0.6, breath=0.08, tremor=0.08, rough=0.08, tension=0.1,
    nasal=0.08, gap=0.5, emphasis=0.06, ending=0.12, drawl=0.08, formants=0.015, dynamics=0.05,
)  # fmt: skip
"""Deviations between speakers who act the same emotion (RAVDESS's actors differ by 0.2 to 0.4 octaves, 3 to 6
dB and a fifth of the duration; part of it is strength)."""

CLIP_SIZES = SPEAKER_SIZES.scaled(0.5)
SPEAKER_SHARE, CLIP_SHARE = 0.2, 0.1

_ACTOR_STREAM = 0xAC7


@dataclass(frozen=True)
class VocalActing:
    """How a speaker acts with the voice: `strength` of all emotions (about 1), and each canonical emotion's
    own change `ways` beside the common one (in the order of `EMOTIONS`)."""

    strength: float
    ways: tuple[tuple[float, ...], ...]


def draw_vocal_acting(seed: int, index: int) -> VocalActing:
    """The vocal acting of speaker `index` of the corpus of `seed`."""
    rng = np.random.default_rng([_ACTOR_STREAM, seed, index])
    strength = float(np.exp(0.13 * np.clip(rng.standard_normal(), -2, 2)))
    ways = []
    for emotion in EMOTIONS:
        typical = OUTBURST.get(emotion, CONTROLLED[emotion])
        sizes = SPEAKER_SIZES.scaled(0.0 if emotion == "neutral" else 1.0)
        own = vary_prosody(typical, sizes, rng, SPEAKER_SHARE)
        ways.append(tuple(a - b for a, b in zip(own.values(), typical.values(), strict=True)))
    return VocalActing(strength, tuple(ways))


def emotional_prosody(emotion: str, level: int) -> Prosody:
    """The voice of a canonical emotion or compound at level 1..3, as actors do it on average; a compound is
    both parts at 65 %."""
    if emotion in COMPOUNDS:
        first, second = (emotional_prosody(part, level) for part in COMPOUNDS[emotion])
        return first.plus(second).scaled(COMPOUND_SHARE)
    if level == 3 and emotion in OUTBURST:
        return OUTBURST[emotion]
    return CONTROLLED[emotion].scaled(WEAK_SHARE if level == 1 and emotion in OUTBURST else 1.0)


def acted_prosody(emotion: str, level: int, acting: VocalActing, rng: np.random.Generator) -> Prosody:
    """One reading of an emotion by one speaker: their strength and way, and what differs from clip to clip.

    Actors do not keep to levels: a reading lies up to a third of the way to a neighbouring level.
    """
    prosody = emotional_prosody(emotion, level)
    if emotion not in ("neutral", "calm"):
        aside = int(np.clip(level + rng.choice([-1, 1]), 1, 3))
        prosody = blend(prosody, emotional_prosody(emotion, aside), float(rng.uniform(0, 1 / 3)))
    size = {1: 0.5, 2: 0.75, 3: 1.0}[level]
    parts = COMPOUNDS.get(emotion, (emotion,))
    for part in parts:
        own = Prosody(*acting.ways[EMOTIONS.index(part)])
        prosody = prosody.plus(own.scaled(size / len(parts)))
    return vary_prosody(prosody.scaled(acting.strength), CLIP_SIZES, rng, CLIP_SHARE)
