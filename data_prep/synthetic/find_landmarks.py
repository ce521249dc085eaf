"""Finds the mesh vertices of the true landmarks: python -m data_prep.synthetic.find_landmarks

Rendered heads, at rest and with the mouth open, are shown to MediaPipe; for each of `POINTS_68` the visible
vertex of the skin that lies nearest to it on all of them is taken. Prints `LANDMARK_VERTICES`.
"""

import numpy as np

from data_prep.synthetic.heads.identity import draw_identity
from data_prep.synthetic.heads.template import SKIN
from data_prep.synthetic.scenes.render import Renderer
from data_prep.synthetic.scenes.scene import draw_scene
from lit_emotalk.coefficients import ARKIT_NAMES
from lit_emotalk.face.landmarker import Landmarker
from lit_emotalk.face.regions import POINTS_68
from lit_emotalk.io.progress import track

HEADS, SEED, SIZE = 40, 9_000_000, 512
OPEN_JAW = 0.6
FARTHEST = 1e6
"""What stands for the distance of a vertex that cannot be seen, in pixels."""
SURFACE = 0.012
"""How far behind the nearest vertex around it a visible one may lie, as part of its distance."""
AROUND = 6.0
"""Pixels that count as around."""


def find_vertices(heads: int = HEADS, seed: int = SEED) -> tuple[int, ...]:
    """The vertices for `LANDMARK_VERTICES`."""
    total: np.ndarray | None = None
    with Landmarker(max_faces=1) as landmarker:
        for index in track(range(heads), "heads", unit="heads"):
            renderer = Renderer(draw_identity(seed, index), draw_scene(np.random.default_rng(index)), SIZE)
            skin = renderer.head.template.part_vertices(SKIN)
            for jaw in (0.0, OPEN_JAW):
                weights = np.zeros(len(ARKIT_NAMES), np.float32)
                weights[ARKIT_NAMES.index("jawOpen")] = jaw
                faces = landmarker.detect(renderer.frame(weights, np.zeros(3), np.zeros(2)))
                if faces:
                    points = faces[0].landmarks[list(POINTS_68), :2]
                    found = distances(points, renderer.screen())
                    found[:, ~np.isin(np.arange(found.shape[1]), skin)] = FARTHEST
                    total = found if total is None else total + found
    if total is None:
        raise RuntimeError("MediaPipe found no face on any rendered head")
    return tuple(int(vertex) for vertex in total.argmin(1))


def distances(points: np.ndarray, screen: np.ndarray) -> np.ndarray:
    """Pixels from each point (P, 2) to each projected vertex (V, 3): (P, V), `FARTHEST` to hidden ones."""
    apart = np.linalg.norm(points[:, None] - screen[None, :, :2], axis=-1)
    nearness = screen[:, 2]
    for row in apart:
        around = row < AROUND
        front = nearness[around].max(initial=0.0)
        row[around & (nearness < front * (1 - SURFACE))] = FARTHEST
    return apart


if __name__ == "__main__":
    print(find_vertices())
