"""A garment: the skin below a neckline, pushed out by the cloth's thickness and painted as cloth by the
renderer.
"""

import numpy as np

from data_prep.synthetic.heads.texture import step

NECKLINES: dict[str, tuple[float, float, float, float]] = {
    "crew": (5.72, 0.10, 0.6, 0.25),
    "vee": (5.70, 0.75, 0.45, 0.25),
    "high": (6.02, 0.0, 0.5, 0.18),
    "scoop": (5.55, 0.35, 0.7, 0.3),
    "shirt": (5.88, 0.45, 0.22, 0.25),
}
"""By name: height of the edge (dm on the template), dip in front, half width of the dip, rise behind."""


def dress(rest: np.ndarray, place: np.ndarray, neckline: str) -> np.ndarray:
    """Resting vertices (V, 3) with the cloth's thickness below the edge; `place` (V, 3) on the template."""
    line, dip, width, back = NECKLINES[neckline]
    outward = np.maximum(np.hypot(place[:, 0], place[:, 2] - 0.2) - 0.5, 0)
    front = step(0.25, 0.6, place[:, 2])
    dips = dip * np.maximum(0, 1 - np.abs(place[:, 0]) / width) * front
    edge = line + 0.75 * outward * (1 - 0.8 * front) - dips + back * (1 - front)
    inside = np.clip((edge + 0.03 - place[:, 1]) / 0.2, 0, 1)[:, None]
    flat = np.stack([place[:, 0], 0.2 * (place[:, 1] - 5.2), place[:, 2] - 0.2], 1)
    away = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    return (rest + inside * (0.05 * away + np.array([0, 0.02, 0]))).astype(np.float32)
