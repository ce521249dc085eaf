"""A second look for a face that was lost: still pictures around the place where it was last seen."""

from collections.abc import Callable
from functools import partial

import numpy as np

from lit_emotalk.face.crop import Crop, clip_crop
from lit_emotalk.face.landmarker import Face, Landmarker

MAX_SHARE = 0.5
"""Where more of the frames are lost, a second look is not worth its time."""
SCALES = (1.0, 0.8, 1.3, 1.6)
"""Sizes of the looked-at square relative to the crop of the face in the nearest frame: which of them finds a
profile or a covered face is a matter of luck, so all are tried (our choice)."""
PIXELS = 256
REACH = 0.4
"""How far the face may have moved since, per its size."""
GROWTH = 1.5
"""How much its size may have changed since, as a factor."""

Cut = Callable[[int, Crop, int], np.ndarray | None]


def look_again(landmarks: np.ndarray, cut: Cut) -> None:
    """Fill in frames that are NaN in landmarks (T, 478, 3), in pixels, where the face is found after all.

    `cut` gives a square of a frame (index, crop, pixels), None where the frame is not at hand.
    """
    lost = np.flatnonzero(np.isnan(landmarks[:, 0, 0]))
    if not 0 < len(lost) <= MAX_SHARE * len(landmarks):
        return
    with Landmarker(scores=False) as landmarker:
        for index in lost:
            known = np.flatnonzero(~np.isnan(landmarks[:, 0, 0]))
            guide = landmarks[known[np.abs(known - index).argmin()]]
            found = _look(landmarker, guide, partial(cut, int(index)))
            if found is not None:
                landmarks[index] = found


def _look(
    landmarker: Landmarker, guide: np.ndarray, cut: Callable[[Crop, int], np.ndarray | None]
) -> np.ndarray | None:
    """The landmarks (478, 3) of the face that is where `guide` (478, 3) was, None where none is found."""
    crop = clip_crop(guide[None])
    for scale in SCALES:
        square = Crop(crop.x, crop.y, scale * crop.half)
        picture = cut(square, PIXELS)
        if picture is None:
            return None
        for face in landmarker.detect(picture):
            placed = face.landmarks * (2 * square.half / PIXELS)
            placed[:, :2] += (square.x - square.half, square.y - square.half)
            if is_the_same(placed, guide):
                return placed
    return None


def is_the_same(landmarks: np.ndarray, guide: np.ndarray) -> bool:
    """Whether landmarks (478, 3) can be the face of a frame nearby, by place and size."""
    size, before = (Face(points, np.zeros(0)).size for points in (landmarks, guide))
    distance = np.linalg.norm(landmarks[:, :2].mean(0) - guide[:, :2].mean(0))
    return bool(distance < REACH * before and before / GROWTH < size < before * GROWTH)
