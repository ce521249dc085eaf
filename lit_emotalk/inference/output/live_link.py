"""Coefficients as the CSV that Epic's Live Link Face writes beside a take.

60 frames a second; the columns `Timecode` (HH:MM:SS:FF.mmm), `BlendShapeCount` (61), ARKit's 52 blend shapes
by their names with a capital first letter, and yaw, pitch and roll in radians of head, left and right eye.
"""

import csv
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.io.files import atomic_path
from lit_emotalk.schema import FPS

LIVE_LINK_FPS = 60
EYE = ("EyeBlink", "EyeLookDown", "EyeLookIn", "EyeLookOut", "EyeLookUp", "EyeSquint", "EyeWide")
SHAPES: tuple[str, ...] = (
    *(f"{name}Left" for name in EYE), *(f"{name}Right" for name in EYE),
    "JawForward", "JawRight", "JawLeft", "JawOpen",
    "MouthClose", "MouthFunnel", "MouthPucker", "MouthRight", "MouthLeft",
    "MouthSmileLeft", "MouthSmileRight", "MouthFrownLeft", "MouthFrownRight",
    "MouthDimpleLeft", "MouthDimpleRight", "MouthStretchLeft", "MouthStretchRight",
    "MouthRollLower", "MouthRollUpper", "MouthShrugLower", "MouthShrugUpper",
    "MouthPressLeft", "MouthPressRight", "MouthLowerDownLeft", "MouthLowerDownRight",
    "MouthUpperUpLeft", "MouthUpperUpRight", "BrowDownLeft", "BrowDownRight", "BrowInnerUp",
    "BrowOuterUpLeft", "BrowOuterUpRight", "CheekPuff", "CheekSquintLeft", "CheekSquintRight",
    "NoseSneerLeft", "NoseSneerRight", "TongueOut",
)  # fmt: skip
"""ARKit's 52 blend shapes in Live Link Face's order."""
ANGLES: tuple[str, ...] = tuple(
    f"{part}{angle}" for part in ("Head", "LeftEye", "RightEye") for angle in ("Yaw", "Pitch", "Roll")
)
HEADER: tuple[str, ...] = ("Timecode", "BlendShapeCount", *SHAPES, *ANGLES)
ABSENT = "TongueOut"
"""The one shape that ours lack; it stays 0."""
GAZE = np.deg2rad(30.0)
"""How far an eye turns where a gaze unit is 1 (our choice)."""


def write_live_link(path: Path | str, coefficients: np.ndarray) -> None:
    """Write coefficients (T, 57) at 25 fps, interpolated to 60."""
    values = np.concatenate([shapes(coefficients), head_angles(coefficients), eye_angles(coefficients)], 1)
    with atomic_path(path) as temporary, open(temporary, "w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(HEADER)
        for index, row in enumerate(resampled(values)):
            writer.writerow([timecode(index), row.size, *(f"{value:.8f}" for value in row)])


def timecode(index: int) -> str:
    """Frame `index` at 60 fps as HH:MM:SS:FF.mmm from midnight."""
    seconds, frame = divmod(index, LIVE_LINK_FPS)
    return f"{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frame:02d}.000"


def resampled(values: np.ndarray) -> np.ndarray:
    """Rows (T, C) at 25 fps -> at 60 fps, linearly between them, the last held to its end."""
    times = np.arange(round(len(values) * LIVE_LINK_FPS / FPS)) / LIVE_LINK_FPS
    return np.stack([np.interp(times, np.arange(len(values)) / FPS, column) for column in values.T], 1)


def shapes(coefficients: np.ndarray) -> np.ndarray:
    """The 52 shapes (T, 52) in [0, 1], in the order of `SHAPES`."""
    names = [name[0].upper() + name[1:] for name in ARKIT.names]
    ours = np.concatenate([coefficients[:, ARKIT.expression], np.zeros((len(coefficients), 1))], 1)
    columns = [(*names, ABSENT).index(name) for name in SHAPES]
    return ours[:, columns].clip(0, 1)


def head_angles(coefficients: np.ndarray) -> np.ndarray:
    """Yaw, pitch and roll (T, 3) of the head in radians, as Unreal's rotators count them from the person's
    own place: yaw to their right, pitch up, roll towards their right shoulder."""
    turned = Rotation.from_rotvec(coefficients[:, ARKIT.pose][:, :3]).as_matrix()
    forward, right, up = (_unreal(sign * turned[..., axis]) for axis, sign in ((2, -1), (0, -1), (1, -1)))
    yaw = np.arctan2(forward[:, 1], forward[:, 0])
    pitch = np.arctan2(forward[:, 2], np.hypot(forward[:, 0], forward[:, 1]))
    level = np.stack([-np.sin(yaw), np.cos(yaw), np.zeros_like(yaw)], 1)
    roll = np.arctan2((up * level).sum(1), (right * level).sum(1))
    return np.stack([yaw, pitch, roll], 1)


def eye_angles(coefficients: np.ndarray) -> np.ndarray:
    """Yaw, pitch and roll (T, 6) of the left and the right eye in radians, counted as the head's."""
    found = []
    for side, outward in (("Left", -1), ("Right", 1)):
        out, inward, up, down = (
            coefficients[:, ARKIT.names.index(f"eyeLook{where}{side}")]
            for where in ("Out", "In", "Up", "Down")
        )
        found += [outward * GAZE * (out - inward), GAZE * (up - down), np.zeros(len(coefficients))]
    return np.stack(found, 1)


def _unreal(vectors: np.ndarray) -> np.ndarray:
    """Vectors (T, 3) along image axes (right, down, away) -> forward, right, up of a person facing us."""
    return np.stack([-vectors[:, 2], -vectors[:, 0], -vectors[:, 1]], 1)
