"""Backgrounds: plain, graded, rooms out of focus, lights out of focus, walls."""

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
    shade = 1 - 0.35 * np.hypot(x - 0.5, y - 0.5)[..., None]
    return np.clip(picture * shade, 0, 1.5).astype(np.float32)
