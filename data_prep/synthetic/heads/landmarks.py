"""The heads' true landmarks: mesh vertices that lie where the 68 iBUG points do."""

import numpy as np

LANDMARK_VERTICES: tuple[int, ...] = (
    1790, 2174, 2030, 2055, 2146, 2074, 2070, 2014, 2058, 4539, 4593, 4595, 3317, 3552, 4554, 4553,
    3304, 1792, 232, 224, 222, 208, 2845, 2858, 2860, 2867, 4629, 136, 131, 201, 1981, 274, 299,
    307, 2905, 2986, 15, 1846, 1862, 1867, 2634, 2638, 2713, 4392, 4376, 2661, 5147, 5143, 1752,
    2201, 355, 455, 3077, 4715, 4319, 3097, 3103, 492, 486, 480, 414, 462, 468, 3083, 3110, 3122,
    493, 512,
)  # fmt: skip
"""For each of `POINTS_68` a vertex; `python -m data_prep.synthetic.find_landmarks` finds them anew."""


def true_landmarks(screen: np.ndarray) -> np.ndarray:
    """The 68 points (68, 2) in pixels among projected vertices (V, 3) (see `Renderer.screen`)."""
    return screen[list(LANDMARK_VERTICES), :2]
