"""Backgrounds: plain, graded, rooms and lights out of focus, walls, curtains, outdoors, shelves, clutter."""

import numpy as np
from scipy.ndimage import gaussian_filter

from data_prep.synthetic.scenes.scene import Scene


def paint_backdrop(scene: Scene, size: int) -> np.ndarray:
    """Linear RGB (size, size, 3) float32; the same picture at every size up to sampling."""
    rng = np.random.default_rng(scene.noise)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    first, second, third = (np.power(np.array(c, np.float32), 2.2) * 0.8 for c in scene.background_colours)
    tilt = rng.uniform(-0.5, 0.5)
    slope = np.clip(y + tilt * (x - 0.5), 0, 1)[..., None]
    picture = (
        first * (1 - 0.3 * slope) if scene.background == "plain" else first * (1 - slope) + second * slope
    )
    if scene.background == "room":
        for _ in range(9):
            left, top = rng.uniform(-0.2, 1, 2)
            width, height = rng.uniform(0.08, 0.5, 2)
            box = (x > left) & (x < left + width) & (y > top) & (y < top + height)
            tone = (first, second, third)[rng.integers(3)] * rng.uniform(0.3, 1.8)
            picture = np.where(box[..., None], tone, picture)
        picture = gaussian_filter(picture, (size * 0.018, size * 0.018, 0))
    elif scene.background == "bokeh":
        picture = picture * 0.5
        for _ in range(24):
            centre, radius = rng.uniform(0, 1, 2), rng.uniform(0.02, 0.09)
            distance = np.hypot(x - centre[0], y - centre[1])
            disc = np.clip((radius - distance) / 0.012, 0, 1)[..., None]
            picture = picture + disc * (third, second)[rng.integers(2)] * rng.uniform(0.2, 0.9)
    elif scene.background == "wall":
        grain = rng.standard_normal((64, 64)).astype(np.float32)
        zoom = gaussian_filter(np.kron(grain, np.ones((8, 8), np.float32)), 5, mode="wrap")
        rows, columns = (y * 511).astype(int), (x * 511).astype(int)
        picture = picture * (1 + 0.25 * zoom[rows, columns] / zoom.std() * 0.4)[..., None]
    elif scene.background in _DRAWN:
        picture = _DRAWN[scene.background](np.stack([first, second, third]), x, y, rng)
    shade = 1 - 0.35 * np.hypot(x - 0.5, y - 0.5)[..., None]
    return np.clip(picture * shade, 0, 1.5).astype(np.float32)


def _curtain(tones: np.ndarray, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cloth that hangs in folds, a little aslant."""
    across = x + rng.normal(0, 0.15) * y + 0.02 * np.sin(5 * y + rng.uniform(0, 6))
    folds = sum(np.sin(across * rng.uniform(8, 40) + rng.uniform(0, 6)) / (1 + order) for order in range(3))
    return tones[0] * (1 + rng.uniform(0.1, 0.35) * np.asarray(folds)[..., None])


def _outdoors(tones: np.ndarray, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A bright sky over blurred ground and leaves."""
    sky = np.array([0.55, 0.72, 0.95]) * rng.uniform(0.5, 1.3) * (1 - 0.4 * y[..., None])
    ground = np.array([0.14, 0.2, 0.08]) * rng.uniform(0.4, 1.6) + 0.3 * tones[0]
    line = rng.uniform(0.15, 0.75) + 0.04 * np.sin(7 * x + rng.uniform(0, 6))
    below = np.clip((y - line) / 0.05 + 0.5, 0, 1)[..., None]
    leaves = _clouds(x.shape[0], rng, 0.03)[..., None]
    return sky * (1 - below) + ground * np.clip(1 + 0.7 * leaves, 0.1, None) * below


def _shelves(tones: np.ndarray, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows of upright spines between boards."""
    rows, columns = int(rng.integers(2, 5)), int(rng.integers(12, 40))
    row, column = (y * rows).astype(int), (x * columns).astype(int)
    spine = rng.integers(3, size=(rows + 1, columns + 1))[row, column]
    light = rng.uniform(0.3, 1.6, (rows + 1, columns + 1))[row, column]
    picture = tones[spine] * light[..., None]
    board = (y * rows) % 1 < 0.1
    picture = np.where(board[..., None], tones[0] * 0.6, picture)
    blur = x.shape[0] * rng.uniform(0.0, 0.02)
    return np.asarray(gaussian_filter(picture, (blur, blur, 0)))


def _clutter(tones: np.ndarray, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Soft shapes of several sizes, in the tones and between them."""
    picture = np.broadcast_to(tones[0], (*x.shape, 3)).copy()
    for size in (0.2, 0.08, 0.03):
        for tone in tones:
            share = np.clip(0.4 + 0.4 * _clouds(x.shape[0], rng, size), 0, 1)[..., None]
            picture += share * (tone * rng.uniform(0.4, 1.6) - picture)
    return picture


def _clouds(side: int, rng: np.random.Generator, size: float) -> np.ndarray:
    """Smooth noise (side, side) of deviation 1 whose spots are about `size` of the picture large; the same
    at every side up to sampling."""
    grain = gaussian_filter(rng.standard_normal((128, 128)), 128 * size, mode="wrap")
    place = (np.arange(side) * 128) // side
    smooth = gaussian_filter(grain[np.ix_(place, place)], side / 256)
    return smooth / smooth.std()


_DRAWN = {"curtain": _curtain, "outdoors": _outdoors, "shelves": _shelves, "clutter": _clutter}
