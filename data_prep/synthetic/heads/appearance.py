"""Paint and relief of a person's skin and the grain of the hair, baked once into textures."""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from data_prep.synthetic.heads.identity import Identity
from data_prep.synthetic.heads.texture import (
    AXIS_Z,
    COLUMNS,
    ROWS,
    band_noise,
    blob,
    linear,
    pack,
    places,
    slopes,
    step,
)
from data_prep.synthetic.heads.wrinkles import age_lines, paint_wrinkles

HAIRLINE = PchipInterpolator(
    [0, 22, 38, 50, 60, 70, 79, 84, 98, 112, 130, 180],
    [7.91, 7.91, 7.87, 7.66, 7.46, 7.14, 7.10, 7.42, 7.42, 7.0, 6.7, 6.62],
)


@dataclass(frozen=True)
class Textures:
    """Baked textures, float32 (ROWS, COLUMNS, 4): `skin` linear RGB and gloss; `relief` slopes (u, v) of
    pores and lines; `wrinkle` slopes, cavity and group number of expression wrinkles; `strands` (256, 512)
    hair noise.
    """

    skin: np.ndarray
    relief: np.ndarray
    wrinkle: np.ndarray
    strands: np.ndarray


def hairline_distance(place: np.ndarray, identity: Identity) -> np.ndarray:
    """Signed distance (dm) of template places (..., 3) into the hair: positive where hair grows."""
    angle = np.abs(np.degrees(np.arctan2(place[..., 0], place[..., 2] - AXIS_Z)))
    hair = identity.hair
    line = HAIRLINE(np.clip(angle, 0, 180)) + hair.line * step(70, 40, angle)
    line = line + hair.recession * np.exp(-(((angle - 34) / 14) ** 2))
    if hair.style == "fringe":
        line = line - 0.26 * step(48, 24, angle)
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
    height = height - identity.wrinkles * age_lines(rng)
    slope_v, slope_u = slopes(height)
    blank = np.zeros((ROWS, COLUMNS), np.float32)
    return Textures(
        skin=pack(skin[..., 0], skin[..., 1], skin[..., 2], gloss),
        relief=pack(slope_u, slope_v, blank, blank),
        wrinkle=paint_wrinkles(identity.noise),
        strands=_strands(identity, rng),
    )


def _mix(base: np.ndarray, tone: np.ndarray, amount: np.ndarray) -> np.ndarray:
    return base + (np.asarray(tone) - base) * np.clip(amount, 0, 1)[..., None]


def _brows(identity: Identity, place: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Opacity of the eyebrows: hairs along an arch from (0.11, 7.42) over (0.36, 7.47) to (0.56, 7.40)."""
    x, y = np.abs(place[..., 0]), place[..., 1]
    rise = 0.04 * identity.brow_arch
    arch = PchipInterpolator(
        [0.0, 0.10, 0.24, 0.38, 0.50, 0.60], [7.42, 7.425, 7.45, 7.465 + rise, 7.435 + rise, 7.38]
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
        * step(0.005, 0.06, y - 6.17 - 0.33 * np.clip((1.35 - z) / 0.8, 0, 1))
        * step(0.28, 0.5, z)
    )
    lip_gap = 1 - np.exp(-(((x / 0.30) ** 4) + ((y - 6.585) / 0.115) ** 4))
    moustache = (
        np.exp(-(((y - 6.765 + 0.25 * x * x) / 0.055) ** 2)) * step(0.36, 0.26, x) * step(1.2, 1.35, z)
    )
    goatee = np.exp(-((x / 0.2) ** 4)) * step(6.5, 6.42, y) * step(6.175, 6.22, y) * step(1.0, 1.25, z)
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


def _strands(identity: Identity, rng: np.random.Generator) -> np.ndarray:
    """Tileable strand noise (256, 512) in [0, 1]: columns across the strands, rows along them; curls bend
    them.
    """
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
    ring = np.hypot(spectrum_across / 70.0, spectrum_down / 62.0)
    curly = _filtered(rng, np.exp(-(((ring - 1) / 0.45) ** 2)))
    blend = step(0.45, 0.85, np.asarray(curl))
    total = straight / straight.std() * (1 - blend) + curly * blend
    return np.clip(0.5 + 0.2 * total / total.std(), 0, 1).astype(np.float32)


def _filtered(rng: np.random.Generator, band: np.ndarray) -> np.ndarray:
    """Tileable noise (256, 512) of deviation 1 with the given spectrum."""
    layer = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((256, 512))) * band, s=(256, 512))
    return (layer / layer.std()).astype(np.float32)
