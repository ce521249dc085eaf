"""Frames in which the face was lost: a second look around the place where it was last seen, then the gaps are
filled from their neighbours; a clip with too many is cut to its longest good stretch."""

from collections.abc import Callable
from functools import partial

import numpy as np

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


def good_stretch(known: np.ndarray) -> tuple[int, int]:
    """The longest run of frames, first and after the last, whose gaps can be filled: known (T,) bool.

    All of them where at most `MAX_LOST_SHARE` are missing and `MAX_GAP_FRAMES` in a row, at the ends too;
    else the longest part that begins and ends with a known frame; (0, 0) where none is known.
    """
    if not known.any():
        return 0, 0
    if _fits(known):
        return 0, len(known)
    places = np.flatnonzero(known)
    breaks = np.flatnonzero(np.diff(places) > MAX_GAP_FRAMES + 1) + 1
    parts = [_densest(part, known) for part in np.split(places, breaks)]
    return max(parts, key=lambda part: part[1] - part[0])


def _fits(known: np.ndarray) -> bool:
    missing, gap = _missing(known)
    return missing <= MAX_LOST_SHARE * len(known) and gap <= MAX_GAP_FRAMES


def _missing(known: np.ndarray) -> tuple[int, int]:
    """How many frames are not known, and how many in a row: (T,) bool."""
    places = np.flatnonzero(known)
    gap = int(np.diff(places, prepend=-1, append=len(known)).max()) - 1
    return len(known) - len(places), gap


def _densest(places: np.ndarray, known: np.ndarray) -> tuple[int, int]:
    """The longest part of a run of known `places` in which few enough are missing.

    With `balance` the frames that may still be lost up to each frame, a part fits where it is no lower at its
    end than at its start.
    """
    first, end = int(places[0]), int(places[-1]) + 1
    balance = np.concatenate([[0], np.cumsum(np.where(known[first:end], 0, -1) + MAX_LOST_SHARE)])
    lowest_before = np.minimum.accumulate(balance)
    best = (first, first + 1)
    for stop in range(1, len(balance)):
        start = int(np.searchsorted(-lowest_before[:stop], -balance[stop] - 1e-9))
        inside = places[(places >= first + start) & (places < first + stop)]
        if len(inside) and inside[-1] + 1 - inside[0] > best[1] - best[0]:
            best = (int(inside[0]), int(inside[-1]) + 1)
    return best


def lost_often(known: np.ndarray) -> str:
    """What is wrong with a (T,) bool of which too few are known."""
    missing, gap = _missing(known)
    return f"the face is lost in {missing} of {len(known)} frames, {gap} in a row"


def fill_gaps(landmarks: np.ndarray) -> np.ndarray:
    """Interpolate frames that are NaN linearly from their neighbours; the ends repeat the nearest frame.

    landmarks: (T, 478, 3), at least one of them known.
    """
    known = np.flatnonzero(~np.isnan(landmarks[:, 0, 0]))
    frames = len(landmarks)
    if len(known) == frames:
        return landmarks
    after = np.searchsorted(known, np.arange(frames)).clip(0, len(known) - 1)
    before = np.where(known[after] > np.arange(frames), after - 1, after).clip(0)
    a, b = known[before], known[after]
    share = np.where(b > a, (np.arange(frames) - a) / np.maximum(b - a, 1), 0.0).clip(0, 1)
    filled = landmarks[a] * (1 - share[:, None, None]) + landmarks[b] * share[:, None, None]
    return filled.astype(np.float32)
