"""People of all looks: an identity with a wider choice of skin, hair, brows, beard, makeup, teeth and lines.

The corpus' people (see `identity`) walk through plain looks in order; these are drawn independently, so that
hair does not tell the beard nor the age the makeup.
"""

from dataclasses import replace

import numpy as np

from data_prep.synthetic.heads.identity import (
    HAIR_COLOURS,
    HAIR_MEN,
    HAIR_WOMEN,
    LEAST_CURL,
    Colour,
    Glasses,
    Identity,
    draw_identity,
)

PEOPLE_PER_DECK = 16
"""The decks that `draw_identity` walks through are shuffled anew after so many people."""
GLASSES_SHARE = 0.22
DYED: tuple[Colour, ...] = ((0.62, 0.10, 0.16), (0.20, 0.24, 0.55), (0.72, 0.70, 0.66), (0.50, 0.16, 0.42))
LIPSTICK: tuple[Colour, ...] = (
    (0.60, 0.09, 0.12), (0.66, 0.34, 0.36), (0.42, 0.13, 0.19), (0.74, 0.40, 0.36), (0.78, 0.25, 0.38),
    (0.36, 0.20, 0.18),
)  # fmt: skip


def draw_person(seed: int, index: int, name: str) -> Identity:
    """Person `index` of the faces of `seed`, a function of both."""
    deck, place = divmod(index, PEOPLE_PER_DECK)
    drawn = draw_identity(seed + deck, place)
    rng = np.random.default_rng([seed, 7003, index])
    woman, age = drawn.woman, drawn.age
    style = str(rng.choice(HAIR_WOMEN if woman else HAIR_MEN))
    hair = replace(
        drawn.hair,
        style=style,
        colour=_hair_colour(drawn, rng),
        curl=max(drawn.hair.curl, LEAST_CURL.get(style, 0.0)),
        volume=float(rng.uniform(0.1, 1.0)),
        gloss=float(rng.uniform(0.05, 1.0)),
        line=float(rng.uniform(-0.12, 0.14)),
    )
    makeup = 0.0 if not woman or rng.random() < 0.35 else float(rng.uniform(0.2, 1.0))
    beard = "none"
    if not woman and rng.random() < 0.55:
        beard = str(rng.choice(["stubble", "full", "moustache", "goatee"], p=[0.45, 0.3, 0.1, 0.15]))
    return replace(
        drawn,
        name=name,
        index=index,
        hair=hair,
        skin=_skin(drawn.skin, rng),
        ruddiness=float(rng.uniform(0.0, 1.1)),
        pores=float(rng.uniform(0.1, 1.3)),
        blotches=float(rng.uniform(0.1, 1.4)),
        wrinkles=float(np.clip(0.8 * age + rng.normal(0.12, 0.18), 0.0, 1.2)),
        lips=_lips(drawn, makeup, rng),
        brow_colour=_mixed(drawn.brow_colour, hair.colour, float(rng.uniform(0, 0.6))),
        brow_thickness=float(rng.uniform(0.15, 1.1)),
        brow_density=float(rng.uniform(0.45, 1.0)),
        brow_arch=float(rng.uniform(0.0, 1.0)),
        beard=beard,
        beard_density=float(rng.uniform(0.3, 1.0)),
        makeup=makeup,
        teeth=_teeth(rng),
        glasses=_glasses(rng) if rng.random() < GLASSES_SHARE else None,
    )


def _hair_colour(drawn: Identity, rng: np.random.Generator) -> Colour:
    if rng.random() < 0.05:
        return _clipped(np.array(DYED[rng.integers(len(DYED))]) * rng.uniform(0.7, 1.2))
    if rng.random() < 0.12:
        return _clipped(np.array(list(HAIR_COLOURS.values())[rng.integers(len(HAIR_COLOURS))]))
    return _clipped(np.array(drawn.hair.colour) * rng.uniform(0.6, 1.5))


def _skin(drawn: Colour, rng: np.random.Generator) -> Colour:
    """Any brightness, more or less yellow, and less saturated than the corpus' skins."""
    tone = np.array(drawn) * rng.uniform(0.72, 1.16) * np.exp(rng.normal(0, [0.02, 0.03, 0.05]))
    return _clipped(tone + (tone.mean() - tone) * rng.uniform(0.0, 0.18))


def _lips(drawn: Identity, makeup: float, rng: np.random.Generator) -> Colour:
    tone = np.array(drawn.skin)
    pink = np.array([0.94, 0.58, 0.58]) * tone.mean()
    natural = (0.5 * tone * np.array([0.92, 0.74, 0.77]) + 0.5 * pink) * np.exp(rng.normal(0, 0.05, 3))
    stick = np.array(LIPSTICK[rng.integers(len(LIPSTICK))]) * (0.45 + 0.8 * tone.mean())
    return _clipped(natural + (stick - natural) * np.clip((makeup - 0.3) * 1.2, 0, 0.75))


def _teeth(rng: np.random.Generator) -> Colour:
    """From bleached to yellowish."""
    return _clipped(np.array([0.96, 0.93, 0.86]) - np.array([0.12, 0.17, 0.28]) * rng.beta(1.4, 2.0))


def _glasses(rng: np.random.Generator) -> Glasses:
    """Thin metal or broad plastic."""
    metal = rng.random() < 0.4
    tone = rng.uniform(0.3, 0.8) if metal else rng.uniform(0.01, 0.5) ** 2
    colour = tone * np.exp(rng.normal(0, 0.15 if metal else 0.5, 3))
    return Glasses(
        width=float(rng.uniform(0.72, 0.9)),
        height=float(rng.uniform(0.6, 1.0)),
        roundness=float(rng.uniform(0.0, 1.0)),
        thickness=float(rng.uniform(0.007, 0.012) if metal else rng.uniform(0.012, 0.026)),
        colour=_clipped(colour),
        gloss=float(rng.uniform(0.2, 1.0)),
    )


def _mixed(first: Colour, second: Colour, share: float) -> Colour:
    return _clipped(np.array(first) * (1 - share) + np.array(second) * share)


def _clipped(value: np.ndarray) -> Colour:
    red, green, blue = (float(x) for x in np.clip(value, 0.0, 1.0))
    return red, green, blue
