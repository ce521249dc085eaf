"""Faces in any picture: also small ones in large pictures, cut off, or lying on their side."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from PIL import Image

from lit_emotalk.errors import UserError
from lit_emotalk.face.crop import Crop, fitted
from lit_emotalk.face.landmarker import Face, Landmarker
from lit_emotalk.face.regions import OUTER_EYE_CORNERS

TURNS = (0.0, 90.0, -90.0, 180.0, 45.0, -45.0)
"""Degrees by which faces may lean for the second and later looks."""
MARGIN = 0.5
"""What is added around the picture for a face that fills it, as a part of its shorter side."""
LONGEST_TURNED = 1024
"""Pictures are turned at this size."""
SMALLEST_WINDOW = 128
"""Windows that a large picture is searched in are not smaller, in pixels."""
MOST_WINDOWS = 60
SEEN_SHARE = 0.75
"""Share of a face's points that must lie in the picture."""
SMALLEST_FACE = 16
"""Pixels along the larger side of the smallest face that is taken."""
UPRIGHT = 15.0
"""A face that leans less is left as it is, in degrees."""
SURROUNDINGS = 3.4
"""Side of an upright cut, per larger side of the face."""


def find_faces(image: np.ndarray) -> list[Face]:
    """The faces of a picture (H, W, 3) uint8 RGB, largest first; [] where there is none.

    Looks at the whole picture first; only where that shows none, at it with a margin, in overlapping windows,
    and turned. Landmarks are in the picture's pixels.
    """
    with Landmarker(video=False) as landmarker:
        if whole := landmarker.detect(image):
            return whole
        for looks in (_turned(image), _windows(image)):
            found = [
                face
                for cut, crop, turn, factor in looks
                for face in _back(landmarker.detect(cut), crop, turn, factor)
            ]
            closer = [look_closer(landmarker, image, face) for face in _distinct(found)]
            if closer:
                return _distinct(closer)
    return []


def look_closer(landmarker: Landmarker, image: np.ndarray, face: Face) -> Face:
    """The same face, found again in an upright cut around it; as it was where it is not found again."""
    crop, turn = around(face), lean(face) if abs(lean(face)) > UPRIGHT else 0.0
    found = _back(landmarker.detect(upright_cut(image, crop, turn)), crop, turn)
    return next((each for each in found if _one(each, face)), face)


def around(face: Face) -> Crop:
    """A square with a lot of room around a face."""
    x, y = (float(value) for value in face.landmarks[:, :2].mean(0))
    return Crop(x, y, SURROUNDINGS * face.size / 2)


def choose_face(image: np.ndarray, name: str, number: int | None = None) -> Face:
    """The largest face of a picture, or face `number` from the left (from 0).

    Raises UserError where there is none such, or it is too small, or half of it is missing; `name` is the
    picture's in the message.
    """
    faces = find_faces(image)
    if not faces:
        raise UserError(f"no face found in {name}; use a picture with one clear, roughly frontal face")
    if number is not None and not 0 <= number < len(faces):
        raise UserError(f"{name} has {len(faces)} face(s); --face {number} is not one of 0..{len(faces) - 1}")
    if number is None:
        chosen = faces[0]
    else:
        chosen = sorted(faces, key=lambda found: float(found.landmarks[:, 0].mean()))[number]
    if chosen.size < SMALLEST_FACE:
        raise UserError(
            f"the face in {name} is {chosen.size:.0f} pixels large; use a picture where it has at least "
            f"{SMALLEST_FACE}"
        )
    if seen_share(chosen.landmarks, image.shape[:2]) < SEEN_SHARE:
        raise UserError(f"only a part of the face is in {name}; use a picture that shows all of it")
    return chosen


def seen_share(landmarks: np.ndarray, extent: tuple[int, int]) -> float:
    """Which part of a face's points (478, 3) lies in a picture of (height, width) pixels."""
    inside = (landmarks[:, :2] >= 0) & (landmarks[:, :2] < np.array(extent[::-1]))
    return float(inside.all(1).mean())


def lean(face: Face) -> float:
    """How far a face leans, counterclockwise as seen, in degrees in [-180, 180]."""
    right, left = face.landmarks[list(OUTER_EYE_CORNERS), :2]
    return float(-np.degrees(np.arctan2(left[1] - right[1], left[0] - right[0])))


def upright_cut(image: np.ndarray, crop: Crop, turn: float) -> np.ndarray:
    """The square of `crop`, turned back by `turn` degrees (see `lean`), one pixel for one: (S, S, 3) uint8.
    Beyond the picture its edge repeats."""
    wide = Crop(crop.x, crop.y, crop.half * np.sqrt(2))
    around = Image.fromarray(wide.cut(image, max(2, round(2 * wide.half))))
    turned = np.asarray(around.rotate(-turn, Image.Resampling.BICUBIC))
    side = round(2 * crop.half)
    start = (len(turned) - side) // 2
    return np.ascontiguousarray(turned[start : start + side, start : start + side])


def from_upright(points: np.ndarray, crop: Crop, turn: float) -> np.ndarray:
    """Points (..., 2 or 3) in pixels of `upright_cut` -> the same in pixels of its picture."""
    angle = np.deg2rad(turn)
    away = points[..., :2] - round(2 * crop.half) / 2
    x = crop.x + np.cos(angle) * away[..., 0] + np.sin(angle) * away[..., 1]
    y = crop.y - np.sin(angle) * away[..., 0] + np.cos(angle) * away[..., 1]
    return np.concatenate([x[..., None], y[..., None], points[..., 2:]], -1).astype(np.float32)


def to_upright(face: Face, crop: Crop, turn: float) -> Face:
    """A face of a picture as it lies in `upright_cut` of it: the inverse of `from_upright`."""
    angle = np.deg2rad(turn)
    away = face.landmarks[:, :2] - np.array([crop.x, crop.y])
    x = np.cos(angle) * away[:, 0] - np.sin(angle) * away[:, 1]
    y = np.sin(angle) * away[:, 0] + np.cos(angle) * away[:, 1]
    points = np.stack([x, y], -1) + round(2 * crop.half) / 2
    return replace(face, landmarks=np.concatenate([points, face.landmarks[:, 2:]], -1).astype(np.float32))


Look = tuple[np.ndarray, Crop, float, float]
"""What is looked at, where it lies in the scaled picture, how far it is turned, and the scale."""


def _turned(image: np.ndarray) -> Iterator[Look]:
    small, factor = fitted(image, LONGEST_TURNED)
    height, width = small.shape[:2]
    half = max(height, width) / 2 + MARGIN * min(height, width)
    crop = Crop(width / 2, height / 2, half)
    for turn in TURNS:
        yield upright_cut(small, crop, turn), crop, turn, factor


def _windows(image: np.ndarray) -> Iterator[Look]:
    """Overlapping squares, from as large as the picture's shorter side down by halves."""
    height, width = image.shape[:2]
    side, given = min(height, width), 0
    while side >= SMALLEST_WINDOW and given < MOST_WINDOWS:
        starts = [
            np.linspace(0, extent - side, int(np.ceil((extent - side) / (side / 2))) + 1).astype(int)
            for extent in (height, width)
        ]
        for top in starts[0]:
            for left in starts[1]:
                given += 1
                crop = Crop(left + side / 2, top + side / 2, side / 2)
                yield image[top : top + side, left : left + side], crop, 0.0, 1.0
        side //= 2


def _back(faces: list[Face], crop: Crop, turn: float, factor: float = 1.0) -> list[Face]:
    return [replace(face, landmarks=from_upright(face.landmarks, crop, turn) / factor) for face in faces]


def _one(face: Face, other: Face) -> bool:
    apart = face.landmarks[:, :2].mean(0) - other.landmarks[:, :2].mean(0)
    return bool(np.abs(apart).max() < other.size / 2)


def _distinct(faces: list[Face]) -> list[Face]:
    """The faces without those that another look has found already, largest first."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda each: each.size, reverse=True):
        if not any(_one(face, other) for other in kept):
            kept.append(face)
    return kept
