"""Lines of the skin: those that age leaves and those that expressions fold, with the units that drive
them.
"""

from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from data_prep.synthetic.heads.texture import COLUMNS, ROWS, band_noise, blob, pack, places, slopes, step

GROUPS = (
    "none", "forehead", "frown", "crow", "nasolabial", "bunny", "undereye", "chin", "pucker", "dimple", 
    "marionette", "neck",
)  # fmt: skip


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
    x = np.abs(place[..., 0]) if sided else place[..., 0]
    nearest = np.full(x.shape, 9.0, np.float32)
    for (x0, y0), (x1, y1) in pairwise(points):
        dx, dy = x1 - x0, y1 - y0
        t = np.clip(((x - x0) * dx + (place[..., 1] - y0) * dy) / (dx * dx + dy * dy), 0, 1)
        nearest = np.minimum(nearest, np.hypot(x - x0 - t * dx, place[..., 1] - y0 - t * dy))
    return np.exp(-((nearest / width) ** 2)) * step(0.55, 0.8, place[..., 2])


NASOLABIAL = [(0.19, 6.93), (0.27, 6.83), (0.345, 6.73), (0.375, 6.66)]
MARIONETTE = [(0.31, 6.58), (0.33, 6.48), (0.33, 6.38)]


def age_lines(place: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Permanent lines of an old face, as a depth in dm."""
    fine = band_noise(rng, 16.0, stretch=0.6)
    eyes = blob(place, 0.6, 7.22, 0.14, 0.14) + blob(place, 0.3, 7.12, 0.2, 0.07)
    depth = 0.010 * _line(place, NASOLABIAL, 0.03) + 0.006 * _line(place, MARIONETTE, 0.025)
    depth = (
        depth + 0.004 * _forehead(place, 0.02) + 0.003 * _line(place, [(0.06, 7.39), (0.065, 7.50)], 0.015)
    )
    return depth + 0.0007 * fine * (eyes + 0.3 * step(6.0, 7.0, place[..., 2] * 5))


def _forehead(place: np.ndarray, width: float) -> np.ndarray:
    """Horizontal lines across the forehead, a little wavy."""
    x, y = place[..., 0], place[..., 1]
    total = np.zeros(x.shape, np.float32)
    for row, height in enumerate((7.62, 7.715, 7.81)):
        wave = height + 0.018 * np.sin(7 * x + 1.7 * row) - 0.05 * x * x
        total += np.exp(-(((y - wave) / width) ** 2)) * (1 - 0.2 * row)
    return total * step(0.62, 0.40, np.abs(x)) * step(0.6, 0.9, place[..., 2])


@lru_cache(maxsize=1)
def paint_wrinkles() -> np.ndarray:
    """The texture of expression wrinkles: slopes, cavity and, where a group has lines, its number."""
    place, rng = places(), np.random.default_rng(0)
    x, y = place[..., 0], place[..., 1]
    ax = np.abs(x)
    crow: Any = sum(
        _line(place, [(0.555, 7.30 + 0.035 * k), (0.65, 7.30 + 0.07 * k)], 0.012) for k in (-1.6, -0.5, 0.6)
    )
    bars = np.sin(ax * 95.0 + 2.0 * np.sin(y * 9)) * 0.5 + 0.5
    lips = (blob(place, 0.0, 6.74, 0.24, 0.05) + blob(place, 0.0, 6.44, 0.2, 0.04)) * bars
    pits = np.clip(band_noise(rng, 13.0), 0, 2) * blob(place, 0.0, 6.30, 0.17, 0.10)
    bunny: Any = sum(
        _line(place, [(0.03, 7.20 + 0.05 * k), (0.13, 7.23 + 0.07 * k)], 0.013) for k in (-1, 0, 1)
    )
    grooves: dict[str, tuple[np.ndarray, float]] = {
        "forehead": (_forehead(place, 0.021), 0.016),
        "frown": (_line(place, [(0.06, 7.37), (0.05, 7.44), (0.065, 7.52)], 0.018), 0.020),
        "crow": (crow, 0.007),
        "nasolabial": (_line(place, NASOLABIAL, 0.034), 0.026),
        "bunny": (bunny, 0.012),
        "undereye": (_line(place, [(0.16, 7.16), (0.30, 7.105), (0.46, 7.15)], 0.020), 0.014),
        "chin": (pits, 0.010),
        "pucker": (lips, 0.008),
        "dimple": (_line(place, [(0.42, 6.66), (0.435, 6.59), (0.42, 6.53)], 0.02), 0.018),
        "marionette": (_line(place, MARIONETTE, 0.024), 0.018),
    }
    best = np.zeros((ROWS, COLUMNS), np.float32)
    height: Any = best.copy()
    group: Any = best.copy()
    for name, (groove, depth) in grooves.items():
        reach = groove > np.maximum(best, 0.01)
        height = height - depth * groove
        group = np.where(reach, float(GROUPS.index(name)), group)
        best = np.maximum(best, groove)
    slope_v, slope_u = slopes(height)
    return pack(slope_u, slope_v, np.clip(best, 0, 1), group)
