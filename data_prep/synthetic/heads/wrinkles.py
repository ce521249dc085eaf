"""Lines of the skin: those that age leaves and those that expressions fold, with the units that drive
them.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from data_prep.synthetic.heads.texture import (
    COLUMNS,
    HIGH,
    LOW,
    ROWS,
    band_noise,
    blob,
    pack,
    places,
    slopes,
    step,
)

TEXEL = (HIGH - LOW) / ROWS
GROUPS = (
    "none", "forehead", "frown", "crow", "nasolabial", "bunny", "undereye", "chin", "pucker", "dimple", 
    "marionette", "neck",
)  # fmt: skip
FRONT = (
    slice(round((HIGH - 8.1) / TEXEL), round((HIGH - 6.0) / TEXEL)),
    slice(COLUMNS // 4, 3 * COLUMNS // 4),
)
"""Rows and columns of the texture in which there are lines."""


def fold_weights(weights: dict[str, float], wrinkles: float) -> np.ndarray:
    """Depth of every wrinkle group (2 x 12: the person's left, right) for unit weights by name."""
    folds = np.zeros((2, len(GROUPS)), np.float32)
    w = weights
    for i, side in enumerate(("Left", "Right")):
        smile, sneer, squint = w[f"mouthSmile{side}"], w[f"noseSneer{side}"], w[f"cheekSquint{side}"]
        frown = w[f"mouthFrown{side}"]
        folds[i, GROUPS.index("forehead")] = 0.75 * w["browInnerUp"] + 0.75 * w[f"browOuterUp{side}"]
        folds[i, GROUPS.index("frown")] = w[f"browDown{side}"] + 0.3 * sneer + 0.25 * w["browInnerUp"]
        folds[i, GROUPS.index("crow")] = 0.5 * smile + 0.6 * squint + 0.5 * w[f"eyeSquint{side}"]
        folds[i, GROUPS.index("nasolabial")] = (
            0.85 * smile
            + 0.7 * sneer
            + 0.5 * w[f"mouthUpperUp{side}"]
            + 0.35 * squint
            + 0.2 * w[f"mouthStretch{side}"]
        )
        folds[i, GROUPS.index("bunny")] = sneer
        folds[i, GROUPS.index("undereye")] = 0.6 * w[f"eyeSquint{side}"] + 0.5 * squint + 0.2 * smile
        folds[i, GROUPS.index("chin")] = w["mouthShrugLower"] + 0.35 * frown + 0.4 * w[f"mouthPress{side}"]
        folds[i, GROUPS.index("pucker")] = w["mouthPucker"] + 0.4 * w["mouthFunnel"]
        folds[i, GROUPS.index("dimple")] = (
            w[f"mouthDimple{side}"] + 0.35 * smile + 0.4 * w[f"mouthPress{side}"]
        )
        folds[i, GROUPS.index("marionette")] = (
            frown + 0.5 * w[f"mouthStretch{side}"] + 0.3 * w[f"mouthLowerDown{side}"]
        )
    return np.clip(folds, 0, 1.3) * (0.65 + 0.6 * wrinkles)


def _line(
    place: np.ndarray, points: list[tuple[float, float]], width: float, sided: bool = True
) -> np.ndarray:
    """A groove along a polyline through template points (x, y) on the front, 1 on the line."""
    distance, _ = _to_line(place, points, sided)
    return np.exp(-((distance / width) ** 2)) * step(0.55, 0.8, place[..., 2])


def _to_line(
    place: np.ndarray, points: list[tuple[float, float]], sided: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Distance of every texel to a polyline, positive to the left of its way, and how far along the nearest
    point lies, from 0 to 1."""
    x = np.abs(place[..., 0]) if sided else place[..., 0]
    nearest = np.full(x.shape, 9.0, np.float32)
    along = np.zeros(x.shape, np.float32)
    for number, ((x0, y0), (x1, y1)) in enumerate(pairwise(points)):
        dx, dy = x1 - x0, y1 - y0
        t = np.clip(((x - x0) * dx + (place[..., 1] - y0) * dy) / (dx * dx + dy * dy), 0, 1)
        across, up = x - x0 - t * dx, place[..., 1] - y0 - t * dy
        distance = np.hypot(across, up)
        nearer = distance < np.abs(nearest)
        side = np.where(dx * up - dy * across >= 0, 1.0, -1.0)
        nearest = np.where(nearer, side * distance, nearest)
        along = np.where(nearer, (number + t) / (len(points) - 1), along)
    return nearest, along


def _fold(
    place: np.ndarray, points: list[tuple[float, float]], width: float
) -> tuple[np.ndarray, np.ndarray]:
    """A fold along a polyline: (groove, bulge) in [0, 1]. The groove is sharp, fades towards both ends, and
    the skin to the left of its way bulges over it."""
    distance, along = _to_line(place, points)
    fade = step(-0.05, 0.25, along) * step(1.05, 0.6, along) * step(0.55, 0.8, place[..., 2])
    groove = np.exp(-((distance / width) ** 2)) * fade
    bulge = np.exp(-(((distance - 2.6 * width) / (1.7 * width)) ** 2)) * fade
    return groove, bulge


NASOLABIAL = [(0.185, 6.955), (0.25, 6.86), (0.325, 6.755), (0.37, 6.67), (0.385, 6.60)]
MARIONETTE = [(0.31, 6.58), (0.33, 6.48), (0.33, 6.38)]


def age_lines(rng: np.random.Generator) -> np.ndarray:
    """Permanent lines of an old face, as a depth (ROWS, COLUMNS) in dm."""
    whole, place = places(), places()[FRONT]
    fine = band_noise(rng, 16.0, stretch=0.6)
    eyes = blob(whole, 0.6, 7.22, 0.14, 0.14) + blob(whole, 0.3, 7.12, 0.2, 0.07)
    groove, bulge = _fold(place, NASOLABIAL, 0.03)
    depth = 0.012 * groove - 0.006 * bulge + 0.006 * _line(place, MARIONETTE, 0.025)
    frown = _line(place, [(0.06, 7.39), (0.065, 7.50)], 0.015)
    depth = depth + 0.004 * _forehead(place, 0.02, ForeheadLines.draw(rng)) + 0.003 * frown
    total: np.ndarray = 0.0007 * fine * (eyes + 0.3 * step(6.0, 7.0, whole[..., 2] * 5))
    total[FRONT] += depth
    return total


@dataclass(frozen=True)
class ForeheadLines:
    """The lines across a forehead: of each its `heights` on the template, `strength` in [0, 1] and `waves`
    (size in dm, rate, phase); `reach`, how far they run to both sides, dm."""

    heights: tuple[float, ...]
    strength: tuple[float, ...]
    waves: tuple[tuple[float, float, float], ...]
    reach: float

    @staticmethod
    def draw(rng: np.random.Generator) -> "ForeheadLines":
        """Two to five lines."""
        count = int(rng.integers(2, 6))
        first, last = rng.uniform(7.56, 7.63), rng.uniform(7.78, 7.88)
        heights = np.linspace(first, last, count) + rng.normal(0, 0.012, count)
        waves = [
            (float(rng.uniform(0.006, 0.022)), float(rng.uniform(4, 11)), float(rng.uniform(0, 6.3)))
            for _ in range(count)
        ]
        strength = tuple(float(x) for x in rng.uniform(0.55, 1.0, count))
        return ForeheadLines(
            tuple(float(h) for h in heights), strength, tuple(waves), rng.uniform(0.35, 0.55)
        )


def _forehead(place: np.ndarray, width: float, lines: ForeheadLines) -> np.ndarray:
    """Horizontal lines across the forehead, a little wavy; sharp below, round above."""
    x, y = place[..., 0], place[..., 1]
    total = np.zeros(x.shape, np.float32)
    for height, strength, (size, rate, phase) in zip(lines.heights, lines.strength, lines.waves, strict=True):
        wave = height + size * np.sin(rate * x + phase) - 0.05 * x * x
        distance = y - wave
        groove = np.exp(-((distance / np.where(distance < 0, 0.75 * width, 1.2 * width)) ** 2))
        patchy = 0.75 + 0.25 * np.sin(3.1 * rate * x / 7 + 2 * phase)
        total = np.maximum(total, groove * strength * patchy)
    return total * step(lines.reach + 0.22, lines.reach, np.abs(x)) * step(0.6, 0.9, place[..., 2])


CAVITY = {"nasolabial": 0.6, "marionette": 0.55, "undereye": 0.6, "dimple": 0.6, "crow": 0.6}
"""How dark a group's grooves are relative to the others': wide ones are shaded by their slopes."""


@lru_cache(maxsize=8)
def paint_wrinkles(noise: int) -> np.ndarray:
    """The texture of a person's expression wrinkles: slopes, cavity and, where a group has lines, its number.
    Where and how they run is drawn from `noise`."""
    place, rng = places()[FRONT], np.random.default_rng([noise, 5])
    x, y = place[..., 0], place[..., 1]
    ax = np.abs(x)
    spread, turn, count = rng.uniform(0.8, 1.3), rng.normal(0, 0.012), int(rng.integers(2, 5))
    crow: Any = sum(
        _line(place, [(0.55, 7.295 + 0.03 * k * spread), (0.66, 7.29 + turn + 0.07 * k * spread)], 0.014)
        for k in np.linspace(-1.6, 0.8, count)
    )
    bars = np.sin(ax * 95.0 + 2.0 * np.sin(y * 9)) * 0.5 + 0.5
    lips = (blob(place, 0.0, 6.74, 0.24, 0.05) + blob(place, 0.0, 6.44, 0.2, 0.04)) * bars
    pits = np.clip(band_noise(rng, 13.0)[FRONT], 0, 2) * blob(place, 0.0, 6.30, 0.17, 0.10)
    bunny: Any = sum(
        _line(place, [(0.02, 7.19 + 0.05 * k), (0.14, 7.225 + 0.07 * k)], 0.013) for k in (-1, 0, 1)
    )
    lean, low = rng.normal(0, 0.012), rng.uniform(7.36, 7.39)
    frown = _line(place, [(0.062 + lean, low), (0.05, 7.44), (0.06 - lean, rng.uniform(7.49, 7.56))], 0.016)
    if rng.random() < 0.4:
        frown = np.maximum(frown, 0.6 * _line(place, [(0.0, low + 0.03), (0.0, 7.50)], 0.014, sided=False))
    shift = rng.normal(0, 0.015)
    cheek, bulge = _fold(place, [(px + shift, py) for px, py in NASOLABIAL], rng.uniform(0.024, 0.036))
    grooves: dict[str, tuple[np.ndarray, float]] = {
        "forehead": (_forehead(place, 0.021, ForeheadLines.draw(rng)), 0.020),
        "frown": (frown, 0.023),
        "crow": (crow, 0.008),
        "nasolabial": (cheek, 0.026),
        "bunny": (bunny, 0.013),
        "undereye": (_line(place, [(0.16, 7.16), (0.30, 7.105), (0.46, 7.15)], 0.020), 0.014),
        "chin": (pits, 0.010),
        "pucker": (lips, 0.008),
        "dimple": (_line(place, [(0.42, 6.66), (0.435, 6.59), (0.42, 6.53)], 0.02), 0.018),
        "marionette": (_line(place, MARIONETTE, 0.024), 0.018),
    }
    bulges = {"nasolabial": (bulge, 0.018)}
    best = np.zeros(x.shape, np.float32)
    height: Any = best.copy()
    group: Any = best.copy()
    cavity: Any = best.copy()
    for name, (groove, depth) in grooves.items():
        raised, rise = bulges.get(name, (np.zeros_like(groove), 0.0))
        extent = np.maximum(groove, 0.5 * raised)
        reach = extent > np.maximum(best, 0.01)
        height = height - depth * groove + rise * raised
        group = np.where(reach, float(GROUPS.index(name)), group)
        cavity = np.maximum(cavity, CAVITY.get(name, 1.0) * np.clip(groove, 0, 1))
        best = np.maximum(best, extent)
    slope_v, slope_u = slopes(height)
    texture = np.zeros((ROWS, COLUMNS, 4), np.float32)
    texture[FRONT] = pack(slope_u, slope_v, cavity, group)
    return texture
