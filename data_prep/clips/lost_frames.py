"""Frames in which the face was lost: a second look around the place where it was last seen, then the gaps are
filled from their neighbours, and a clip with too many is refused."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from lit_emotalk.errors import UserError
from lit_emotalk.face.crop import Crop, clip_crop
from lit_emotalk.face.landmarker import Face, Landmarker

MAX_GAP_FRAMES = 10
"""The longest run of frames without a face that is filled from its neighbours (0.4 s, our choice)."""
MAX_LOST_SHARE = 0.1
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


def nearest_known(known: np.ndarray) -> np.ndarray:
    """For each frame the nearest that is known: (T,) bool -> (T,) indices."""
    places = np.flatnonzero(known)
    middles = (places[1:] + places[:-1] + 1) // 2
    return places[np.searchsorted(middles, np.arange(len(known)), side="right")]


def fill_gaps(landmarks: np.ndarray, path: Path) -> np.ndarray:
    """Interpolate frames that are NaN linearly from their neighbours; the ends repeat the nearest frame.

    landmarks: (T, 478, 3). Raises UserError where more than `MAX_LOST_SHARE` of the frames, or more than
    `MAX_GAP_FRAMES` in a row, are missing.
    """
    known = np.flatnonzero(~np.isnan(landmarks[:, 0, 0]))
    frames = len(landmarks)
    missing = frames - len(known)
    gap = int(np.diff(known, prepend=-1, append=frames).max()) - 1
    if missing > MAX_LOST_SHARE * frames or gap > MAX_GAP_FRAMES:
        raise UserError(f"{path}: the face is lost in {missing} of {frames} frames, {gap} in a row")
    if missing == 0:
        return landmarks
    after = np.searchsorted(known, np.arange(frames)).clip(0, len(known) - 1)
    before = np.where(known[after] > np.arange(frames), after - 1, after).clip(0)
    a, b = known[before], known[after]
    share = np.where(b > a, (np.arange(frames) - a) / np.maximum(b - a, 1), 0.0).clip(0, 1)
    filled = landmarks[a] * (1 - share[:, None, None]) + landmarks[b] * share[:, None, None]
    return filled.astype(np.float32)
