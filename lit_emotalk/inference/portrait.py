"""From any picture to the source face that the networks take, and back."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from lit_emotalk.coefficients import POSE_SIZE
from lit_emotalk.errors import UserError
from lit_emotalk.face.crop import Crop, clip_crop, fitted
from lit_emotalk.face.finder import (
    UPRIGHT,
    around,
    choose_face,
    from_upright,
    lean,
    look_closer,
    to_upright,
    upright_cut,
)
from lit_emotalk.face.landmarker import Landmarker
from lit_emotalk.face.tracker import Tracker
from lit_emotalk.inference.output.paste import Place

LONGEST_SIDE = 4096
"""Larger pictures are scaled down to this before a face is looked for."""
LARGEST_FACE = 1024
"""Pictures with a larger face are scaled down until it has so many pixels; no generator draws more."""
FARTHEST_TURN = 65.0
"""A face that looks further away from the camera is refused, in degrees."""


@dataclass(frozen=True, eq=False)
class Portrait:
    """A source face: square crop (S, S, 3) uint8; coefficients (57,), pose in units of that crop; landmarks
    (478, 3) in crop units. Where it was found in a picture: the whole `picture` (H, W, 3) uint8 and the
    crop's `place` in it. `second`: another face of the same person, for models of two sources."""

    image: np.ndarray
    coefficients: np.ndarray
    landmarks: np.ndarray
    picture: np.ndarray | None = None
    place: Place | None = None
    second: "Portrait | None" = None


def find_portrait(
    picture: np.ndarray, name: str, tracker: Tracker, size: int, number: int | None = None
) -> Portrait:
    """The face of a picture (H, W, 3) uint8 RGB as a portrait of `size` pixels, upright.

    Of several faces the largest, or face `number` from the left (from 0). Raises UserError, naming the
    picture `name`, where there is none such, it is too small or cut off, or looks away too far.
    """
    picture, _ = fitted(picture, LONGEST_SIDE)
    face = choose_face(picture, name, number)
    if face.size > LARGEST_FACE:
        picture, factor = fitted(picture, round(max(picture.shape[:2]) * LARGEST_FACE / face.size))
        face = replace(face, landmarks=face.landmarks * factor)
    if abs(turn := lean(face)) > UPRIGHT:
        cut = around(face)
        upright = upright_cut(picture, cut, turn)
        with Landmarker(video=False) as landmarker:
            marks = look_closer(landmarker, upright, to_upright(face, cut, turn)).landmarks
        crop = clip_crop(marks[None])
        middle = from_upright(np.array([crop.x, crop.y]), cut, turn)
        place = Place(Crop(float(middle[0]), float(middle[1]), crop.half), turn)
    else:
        upright, marks = picture, face.landmarks
        crop = clip_crop(marks[None], picture.shape[:2])
        place = Place(crop)
    landmarks = crop.normalise(marks[None])
    coefficients = tracker.coefficients(landmarks, None, tracker.faces([upright], marks[None]))[0]
    _check_direction(coefficients, name)
    return Portrait(crop.cut(upright, size), coefficients, landmarks[0], picture, place)


def _check_direction(coefficients: np.ndarray, name: str) -> None:
    forward = Rotation.from_rotvec(coefficients[-POSE_SIZE : -POSE_SIZE + 3]).as_matrix()[2, 2]
    away = float(np.degrees(np.arccos(np.clip(float(forward), -1, 1))))
    if away > FARTHEST_TURN:
        raise UserError(
            f"the face in {name} looks {away:.0f} degrees away from the camera; use one that is turned by at "
            f"most {FARTHEST_TURN:.0f}"
        )
