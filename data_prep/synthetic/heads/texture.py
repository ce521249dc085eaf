"""The head's texture space: where each texel lies on the template, and noise and shapes to paint there
with.

Column: the angle around a vertical axis through (0, AXIS_Z); row: the height on the template. Painting by
place on the template follows every face shape and expression by itself.
"""

from functools import lru_cache

import numpy as np
from scipy.interpolate import LinearNDInterpolator
from scipy.ndimage import zoom

from data_prep.synthetic.heads.template import SKIN, load_template

AXIS_Z, LOW, HIGH = 0.35, 5.2, 8.8
COLUMNS, ROWS = 1024, 640


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
    """Smooth noise (ROWS, COLUMNS), mean 0, deviation 1, of about `cycles` waves a decimetre; `stretch` > 1
    draws it out along the rows' direction (down).
    """
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


def pack(*channels: np.ndarray) -> np.ndarray:
    """Channels (ROWS, COLUMNS) as one contiguous float32 texture (ROWS, COLUMNS, n)."""
    return np.ascontiguousarray(np.stack(channels, -1), dtype=np.float32)


def slopes(height: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slopes of a height field in dm: (up the face, around the face)."""
    down, across = np.gradient(height)
    return -down * ROWS / (HIGH - LOW), across * COLUMNS / (2 * np.pi * 0.95)
