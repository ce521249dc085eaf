"""Paint and relief of a person's skin, baked once into textures that wrap around the head.

Column: the angle around a vertical axis through (0, AXIS_Z); row: the height on the template. Painting by place on
the template follows every face shape and expression by itself.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.ndimage import zoom
from scipy.interpolate import LinearNDInterpolator, PchipInterpolator

from data_prep.synthetic.identity import Identity
from data_prep.synthetic.template import SKIN, load_template

AXIS_Z, LOW, HIGH = 0.35, 5.2, 8.8
COLUMNS, ROWS = 1024, 640
GROUPS = (
    "none", "forehead", "frown", "crow", "nasolabial", "bunny", "undereye", "chin", "pucker", "dimple", "marionette",
    "neck",
)  # fmt: skip
HAIRLINE = PchipInterpolator(
    [0, 22, 38, 50, 60, 70, 79, 84, 98, 112, 130, 180],
    [7.91, 7.91, 7.87, 7.66, 7.46, 7.14, 7.10, 7.42, 7.42, 7.0, 6.7, 6.62],
)


@dataclass(frozen=True)
class Textures:
    """Baked textures, float32 (ROWS, COLUMNS, 4): `skin` linear RGB and gloss; `relief` slopes (u, v) of pores and
    lines; `wrinkle` slopes, cavity and group number of expression wrinkles; `strands` (256, 512) hair noise."""

    skin: np.ndarray
    relief: np.ndarray
    wrinkle: np.ndarray
    strands: np.ndarray


def linear(colour: np.ndarray | tuple[float, ...]) -> np.ndarray:
    """sRGB to linear light (gamma 2.2)."""
    return np.power(np.asarray(colour, np.float32), 2.2)


@lru_cache(maxsize=1)
def places() -> np.ndarray:
    """Place (ROWS, COLUMNS, 3) on the template under every texel."""
    template = load_template()
    skin = template.part_vertices(SKIN)
    skin = skin[(template.mask("inside-mouth")[skin] < 0.3) & (template.vertices[skin, 1] > LOW - 0.4)]
    points = template.vertices[skin].astype(np.float64)
    around = np.arctan2(points[:, 0], points[:, 2] - AXIS_Z)
    known = np.concatenate(
        [np.stack([around + turn, points[:, 1]], 1) for turn in (-2 * np.pi, 0, 2 * np.pi)]
    )
    near = np.abs(known[:, 0]) < np.pi + 0.6
    field = LinearNDInterpolator(known[near], np.tile(points, (3, 1))[near])
    columns = ((np.arange(0, COLUMNS, 2) + 1) / COLUMNS - 0.5) * 2 * np.pi
    heights = HIGH - (np.arange(0, ROWS, 2) + 1) / ROWS * (HIGH - LOW)
    coarse = np.nan_to_num(field(*np.meshgrid(columns, heights)), nan=0.0)
    coarse[heights > points[:, 1].max() - 0.02, :, :] = np.array([0.0, 8.45, 0.3])
    return zoom(coarse, (2, 2, 1), order=1, mode="nearest", grid_mode=True).astype(np.float32)


def band_noise(rng: np.random.Generator, cycles: float, stretch: float = 1.0) -> np.ndarray:
    """Smooth noise (ROWS, COLUMNS), mean 0, deviation 1, of about `cycles` waves a decimetre; `stretch` > 1 draws
    it out along the rows' direction (down)."""
    per_dm = COLUMNS / (2 * np.pi * 0.95)
    down = np.fft.fftfreq(ROWS)[:, None] * ROWS / (HIGH - LOW) * stretch
    across = np.fft.rfftfreq(COLUMNS)[None] * per_dm
    band = np.exp(-(((np.hypot(down, across) - cycles) / (0.5 * cycles)) ** 2)).astype(np.float32)
    spectrum = np.fft.rfft2(rng.standard_normal((ROWS, COLUMNS), dtype=np.float32)) * band
    noise = np.fft.irfft2(spectrum, s=(ROWS, COLUMNS)).astype(np.float32)
    return noise / noise.std()


def step(low: float, high: float, value: np.ndarray) -> np.ndarray:
    """Hermite step from 0 at `low` to 1 at `high`."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def blob(place: np.ndarray, x: float, y: float, rx: float, ry: float) -> np.ndarray:
    """Soft spot on both sides of the front of the face, 1 at (+-x, y), falling with radii rx, ry."""
    fall = ((np.abs(place[..., 0]) - x) / rx) ** 2 + ((place[..., 1] - y) / ry) ** 2
    return np.exp(-fall) * step(0.4, 0.8, place[..., 2])


def hairline_distance(place: np.ndarray, identity: Identity) -> np.ndarray:
    """Signed distance (dm) of template places (..., 3) into the hair: positive where hair grows."""
    angle = np.abs(np.degrees(np.arctan2(place[..., 0], place[..., 2] - AXIS_Z)))
    hair = identity.hair
    line = HAIRLINE(np.clip(angle, 0, 180)) + hair.line * step(70, 40, angle)
    line = line + hair.recession * np.exp(-(((angle - 34) / 14) ** 2))
    if hair.style in ("receding", "bald"):
        line = line + (0.16 if hair.style == "receding" else 1.2) * step(80, 35, angle)
    if hair.style == "bald":
        crown = step(0.0, 0.25, place[..., 1] - 7.75)
        return place[..., 1] - line - 2.0 * crown
    return place[..., 1] - line


def bake(identity: Identity) -> Textures:
    """All textures of one person; a pure function of the identity, about half a second."""
    rng = np.random.default_rng([identity.noise, 1])
    place = places()
    x, y, z = place[..., 0], place[..., 1], place[..., 2]
    ax = np.abs(x)
    coarse, medium, fine, pores = (band_noise(rng, c) for c in (2.0, 6.0, 20.0, 42.0))
    front = step(0.6, 0.9, z)
    skin = linear(identity.skin) * np.ones((ROWS, COLUMNS, 1), np.float32)

    blotch = identity.blotches * (0.035 * coarse + 0.03 * medium + 0.02 * fine)
    skin = skin * (1 + blotch[..., None] * np.array([0.7, 1.0, 1.1]))
    red = (
        blob(place, 0.42, 6.88, 0.24, 0.2)
        + 0.9 * blob(place, 0, 6.9, 0.16, 0.14)
        + 0.5 * blob(place, 0, 6.28, 0.2, 0.12)
    )
    red = red + 0.5 * step(0.72, 0.85, ax) * step(0.9, 0.5, z) + 0.45 * blob(place, 0.31, 7.2, 0.2, 0.06)
    red = identity.ruddiness * np.clip(red * (1 + 0.35 * medium), 0, 1.5)[..., None]
    skin = skin * (1 - red * np.array([0.03, 0.26, 0.2]))
    tired = blob(place, 0.29, 7.13, 0.17, 0.05) * (0.25 + 0.5 * identity.age) + 0.35 * blob(
        place, 0.2, 7.3, 0.07, 0.12
    )
    skin = skin * (1 - tired[..., None] * np.array([0.16, 0.24, 0.18]))
    lids = blob(place, 0.32, 7.39, 0.17, 0.055)
    shadow_tone = linear((0.42, 0.30, 0.30)) if identity.noise % 2 else linear((0.33, 0.30, 0.36))
    skin = _mix(skin, shadow_tone, lids * np.clip(identity.makeup - 0.35, 0, 1) * 0.8)
    rouge = blob(place, 0.52, 6.95, 0.18, 0.13) * np.clip(identity.makeup - 0.25, 0, 1) * 0.4
    skin = _mix(skin, linear((0.80, 0.38, 0.38)) * skin.mean() * 2.2, rouge)

    spots = (
        step(1.55, 2.3, band_noise(rng, 11.0) + 0.35 * medium)
        * front
        * step(6.25, 6.7, y)
        * step(8.0, 7.3, y)
    )
    skin = skin * (1 - identity.freckles * spots[..., None] * np.array([0.35, 0.5, 0.58]))
    aged = step(2.1, 2.6, band_noise(rng, 5.0)) * identity.age
    skin = skin * (1 - aged[..., None] * np.array([0.18, 0.28, 0.32]))
    for _ in range(int(rng.integers(0, 4))):
        mole = np.hypot(x - rng.uniform(-0.6, 0.6), y - rng.uniform(6.3, 7.9)) + np.where(z > 0.8, 0, 9)
        skin = _mix(skin, linear((0.20, 0.11, 0.08)), step(0.012, 0.006, mole) * 0.8)
    skin = skin * (1 + identity.pores * 0.03 * pores[..., None])

    inside = hairline_distance(place, identity)
    strand = band_noise(rng, 26.0, stretch=0.35)
    roots = step(0.0, 0.13, inside + 0.02 * strand) * (
        0.55 if identity.hair.style in ("bald", "receding") else 0.92
    )
    if identity.hair.style == "bald":
        roots = roots * 0.7
    hair_tone = linear(identity.hair.colour) * (1 - 0.6 * identity.hair.grey) + 0.25 * identity.hair.grey
    skin = _mix(skin, hair_tone * 0.75, roots)
    skin = _mix(skin, linear(identity.brow_colour), _brows(identity, place, rng))
    beard, depth = _beard(identity, place, rng)
    skin = _mix(skin, hair_tone * 0.8, beard)

    gloss = (
        0.42 + 0.3 * blob(place, 0, 7.8, 0.4, 0.25) + 0.45 * blob(place, 0, 7.0, 0.13, 0.3) + 0.08 * medium
    )
    gloss = np.clip(gloss * (0.95 - 0.3 * identity.age), 0.15, 1.1) * (1 - 0.8 * np.clip(beard + roots, 0, 1))
    height = identity.pores * (0.0008 * pores + 0.0007 * fine) + 0.0016 * depth * band_noise(rng, 30.0)
    height = height - identity.wrinkles * _age_lines(place, rng)
    slope_v, slope_u = _slopes(height)
    blank = np.zeros((ROWS, COLUMNS), np.float32)
    return Textures(
        skin=_pack(skin[..., 0], skin[..., 1], skin[..., 2], gloss),
        relief=_pack(slope_u, slope_v, blank, blank),
        wrinkle=_wrinkles(place, rng),
        strands=_strands(identity, rng),
    )


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


def _mix(base: np.ndarray, tone: np.ndarray, amount: np.ndarray) -> np.ndarray:
    return base + (np.asarray(tone) - base) * np.clip(amount, 0, 1)[..., None]


def _pack(*channels: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.stack(channels, -1), dtype=np.float32)


def _slopes(height: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slopes of a height field in dm: (up the face, around the face)."""
    down, across = np.gradient(height)
    return -down * ROWS / (HIGH - LOW), across * COLUMNS / (2 * np.pi * 0.95)


def _brows(identity: Identity, place: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Opacity of the eyebrows: hairs along an arch from (0.11, 7.46) over (0.36, 7.54) to (0.56, 7.45)."""
    x, y = np.abs(place[..., 0]), place[..., 1]
    rise = 0.045 * identity.brow_arch
    arch = PchipInterpolator(
        [0.0, 0.10, 0.24, 0.38, 0.50, 0.60], [7.465, 7.468, 7.50, 7.52 + rise, 7.49 + rise, 7.43]
    )
    half = (0.022 + 0.026 * identity.brow_thickness) * np.interp(
        x, [0.1, 0.18, 0.36, 0.58], [0.85, 1.15, 1.0, 0.35]
    )
    offset = (y - arch(np.clip(x, 0, 0.6))) / half
    body = (
        np.exp(-(np.abs(offset) ** 3))
        * step(0.085, 0.15, x)
        * step(0.60, 0.52, x)
        * step(0.6, 0.9, place[..., 2])
    )
    strokes = band_noise(rng, 26.0, stretch=0.3) + 0.5 * band_noise(rng, 40.0)
    rows, columns = np.indices(strokes.shape)
    lean = np.where(columns < COLUMNS // 2, 1, -1) * (0.9 + 0.8 * np.clip((x - 0.1) / 0.4, 0, 1)) * rows
    hairs = strokes[rows, (columns + lean.astype(int)) % COLUMNS]
    return np.clip(body * identity.brow_density * (0.84 + 0.2 * hairs), 0, 0.95)


def _beard(identity: Identity, place: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Opacity of the beard and its relief, both (ROWS, COLUMNS)."""
    x, y, z = np.abs(place[..., 0]), place[..., 1], place[..., 2]
    none = np.zeros((ROWS, COLUMNS), np.float32)
    if identity.woman:
        return none, none
    cheek = PchipInterpolator([0.0, 0.2, 0.35, 0.55, 0.75, 0.95], [6.60, 6.62, 6.66, 6.80, 7.05, 7.2])(
        np.clip(x, 0, 0.95)
    )
    jaw = (
        step(0.03, -0.09, y - cheek)
        * step(5.95, 6.15, y + 0.25 * np.maximum(z - 0.9, 0))
        * step(0.28, 0.5, z)
    )
    lip_gap = 1 - np.exp(-(((x / 0.30) ** 4) + ((y - 6.585) / 0.115) ** 4))
    moustache = (
        np.exp(-(((y - 6.765 + 0.25 * x * x) / 0.055) ** 2)) * step(0.36, 0.26, x) * step(1.2, 1.35, z)
    )
    goatee = np.exp(-((x / 0.2) ** 4)) * step(6.5, 6.42, y) * step(6.02, 6.15, y) * step(0.9, 1.1, z)
    sides = (
        np.exp(-(((x - 0.31 - 0.1 * (6.6 - y)) / 0.06) ** 2))
        * step(6.3, 6.45, y)
        * step(6.8, 6.7, y)
        * step(1.1, 1.2, z)
    )
    areas = {
        "full": jaw * lip_gap + moustache,
        "stubble": jaw * lip_gap + moustache,
        "moustache": moustache,
        "goatee": goatee + moustache + sides,
        "none": jaw * lip_gap + moustache,
    }
    area = np.clip(areas[identity.beard], 0, 1)
    hairs = 0.75 + 0.25 * band_noise(rng, 34.0) + 0.15 * band_noise(rng, 12.0)
    opacity = {"full": 0.93, "stubble": 0.42, "moustache": 0.9, "goatee": 0.9, "none": 0.10}[identity.beard]
    strength = opacity * (0.55 + 0.45 * identity.beard_density)
    relief = (
        area * {"full": 1.0, "stubble": 0.35, "moustache": 1.0, "goatee": 1.0, "none": 0.1}[identity.beard]
    )
    return np.clip(area * strength * hairs, 0, 0.97), relief


def _line(
    place: np.ndarray, points: list[tuple[float, float]], width: float, sided: bool = True
) -> np.ndarray:
    """A groove along a polyline through template points (x, y) on the front, 1 on the line."""
    x = np.abs(place[..., 0]) if sided else place[..., 0]
    nearest = np.full(x.shape, 9.0, np.float32)
    for (x0, y0), (x1, y1) in zip(points[:-1], points[1:], strict=True):
        dx, dy = x1 - x0, y1 - y0
        t = np.clip(((x - x0) * dx + (place[..., 1] - y0) * dy) / (dx * dx + dy * dy), 0, 1)
        nearest = np.minimum(nearest, np.hypot(x - x0 - t * dx, place[..., 1] - y0 - t * dy))
    return np.exp(-((nearest / width) ** 2)) * step(0.55, 0.8, place[..., 2])


NASOLABIAL = [(0.19, 6.93), (0.27, 6.83), (0.345, 6.73), (0.375, 6.66)]
MARIONETTE = [(0.31, 6.58), (0.33, 6.48), (0.33, 6.38)]


def _age_lines(place: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Permanent lines of an old face, as a depth in dm."""
    fine = band_noise(rng, 16.0, stretch=0.6)
    eyes = blob(place, 0.6, 7.22, 0.14, 0.14) + blob(place, 0.3, 7.12, 0.2, 0.07)
    depth = 0.010 * _line(place, NASOLABIAL, 0.03) + 0.006 * _line(place, MARIONETTE, 0.025)
    depth = (
        depth + 0.004 * _forehead(place, 0.02) + 0.003 * _line(place, [(0.07, 7.44), (0.075, 7.56)], 0.015)
    )
    return depth + 0.0007 * fine * (eyes + 0.3 * step(6.0, 7.0, place[..., 2] * 5))


def _forehead(place: np.ndarray, width: float) -> np.ndarray:
    """Horizontal lines across the forehead, a little wavy."""
    x, y = place[..., 0], place[..., 1]
    total = np.zeros(x.shape, np.float32)
    for row, height in enumerate((7.66, 7.755, 7.85)):
        wave = height + 0.018 * np.sin(7 * x + 1.7 * row) - 0.05 * x * x
        total += np.exp(-(((y - wave) / width) ** 2)) * (1 - 0.2 * row)
    return total * step(0.62, 0.40, np.abs(x)) * step(0.6, 0.9, place[..., 2])


def _wrinkles(place: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The texture of expression wrinkles: slopes, cavity and, where a group has lines, its number."""
    x, y = place[..., 0], place[..., 1]
    ax = np.abs(x)
    crow = sum(
        _line(place, [(0.555, 7.30 + 0.035 * k), (0.70, 7.30 + 0.085 * k)], 0.014) for k in (-1.6, -0.5, 0.6)
    )
    bars = np.sin(ax * 95.0 + 2.0 * np.sin(y * 9)) * 0.5 + 0.5
    lips = (blob(place, 0.0, 6.74, 0.24, 0.05) + blob(place, 0.0, 6.44, 0.2, 0.04)) * bars
    pits = np.clip(band_noise(rng, 13.0), 0, 2) * blob(place, 0.0, 6.30, 0.17, 0.10)
    bunny = sum(_line(place, [(0.03, 7.20 + 0.05 * k), (0.13, 7.23 + 0.07 * k)], 0.013) for k in (-1, 0, 1))
    grooves: dict[str, tuple[np.ndarray, float]] = {
        "forehead": (_forehead(place, 0.021), 0.016),
        "frown": (_line(place, [(0.065, 7.42), (0.055, 7.50), (0.075, 7.60)], 0.018), 0.020),
        "crow": (crow, 0.010),
        "nasolabial": (_line(place, NASOLABIAL, 0.034), 0.026),
        "bunny": (bunny, 0.012),
        "undereye": (_line(place, [(0.16, 7.16), (0.30, 7.105), (0.46, 7.15)], 0.020), 0.014),
        "chin": (pits, 0.010),
        "pucker": (lips, 0.008),
        "dimple": (_line(place, [(0.42, 6.66), (0.435, 6.59), (0.42, 6.53)], 0.02), 0.018),
        "marionette": (_line(place, MARIONETTE, 0.024), 0.018),
    }
    best = np.zeros((ROWS, COLUMNS), np.float32)
    height, group = best.copy(), best.copy()
    for name, (groove, depth) in grooves.items():
        reach = groove > np.maximum(best, 0.01)
        height = height - depth * groove
        group = np.where(reach, float(GROUPS.index(name)), group)
        best = np.maximum(best, groove)
    slope_v, slope_u = _slopes(height)
    return _pack(slope_u, slope_v, np.clip(best, 0, 1), group)


def _strands(identity: Identity, rng: np.random.Generator) -> np.ndarray:
    """Tileable strand noise (256, 512) in [0, 1]: columns across the strands, rows along them; curls bend them."""
    spectrum_down = np.fft.fftfreq(256)[:, None] * 256
    spectrum_across = np.fft.rfftfreq(512)[None] * 512
    straight = np.zeros((256, 512), np.float32)
    for waves, weight in ((24.0, 0.8), (70.0, 1.0), (130.0, 0.5)):
        band = np.exp(-(((spectrum_across - waves) / (0.5 * waves)) ** 2) - (spectrum_down / 3.5) ** 2)
        straight += weight * _filtered(rng, band)
    rows, columns = np.meshgrid(np.arange(256), np.arange(512), indexing="ij")
    curl = identity.hair.curl
    wave = 14 * np.sin(rows * 2 * np.pi / 64 + 1.3 * np.sin(columns * 2 * np.pi / 128))
    straight = straight[rows, (columns + (curl * wave).astype(int)) % 512]
    ring = np.hypot(spectrum_across / 75.0, spectrum_down / 26.0)
    curly = _filtered(rng, np.exp(-(((ring - 1) / 0.45) ** 2)))
    blend = step(0.45, 0.85, np.asarray(curl))
    total = straight / straight.std() * (1 - blend) + curly * blend
    return np.clip(0.5 + 0.2 * total / total.std(), 0, 1).astype(np.float32)


def _filtered(rng: np.random.Generator, band: np.ndarray) -> np.ndarray:
    """Tileable noise (256, 512) of deviation 1 with the given spectrum."""
    layer = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((256, 512))) * band, s=(256, 512))
    return (layer / layer.std()).astype(np.float32)
