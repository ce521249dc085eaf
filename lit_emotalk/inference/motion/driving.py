"""The head motion of a driving video, and if wanted its blinks and gaze, for a portrait's own face."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from lit_emotalk.coefficients import ARKIT, POSE_SIZE
from lit_emotalk.errors import UserError
from lit_emotalk.face.crop import clip_crop, fitted
from lit_emotalk.face.landmarker import Landmarker
from lit_emotalk.face.tracker import Tracker
from lit_emotalk.io.files import Recent, file_state
from lit_emotalk.io.video import read_frames
from lit_emotalk.schema import FPS, LANDMARKS

EYES = ARKIT.columns("eyeBlink", "eyeLook")
LONGEST_SIDE = 960
"""Driving frames are scaled down to this side before a face is looked for."""
SHORTEST_SECONDS = 0.4
MOST_LOST = 0.1
"""Share of the frames that may be without a face; they are filled from their neighbours."""
CROWDED = 0.1
"""Share of the frames that may show two faces, as passers-by and pictures on walls do."""
VIDEOS_KEPT = 2
LOOK = (96, 96)
SMOOTH_FRAMES = 0.8
"""Standard deviation of the filter that takes the landmarks' tremble out (our choice)."""


@dataclass(frozen=True)
class DrivingClip:
    """What was read of a driving video at 25 fps: `pose` (T, 6) in units of the clip's crop, `eyes`
    (T, len(EYES)) weights of lids and gaze."""

    pose: np.ndarray
    eyes: np.ndarray


@dataclass(frozen=True)
class Followed:
    """The faces of a video's first T frames: landmarks (T, 478, 3) in pixels, NaN where there is none, what
    the tracker looks at (T, 96, 96), whether two faces were there (T,), and whether the video ends there."""

    landmarks: np.ndarray
    looks: np.ndarray
    crowded: np.ndarray
    whole: bool


class DrivingVideos:
    """Reads driving videos; what was followed of the last ones is kept."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._kept = Recent[Followed](VIDEOS_KEPT)

    def motion(self, path: Path | str, frames: int) -> DrivingClip:
        """The motion in a video's first `frames` frames.

        Raises UserError for an unreadable video, none or two faces, one that is lost too often, and less than
        `SHORTEST_SECONDS`.
        """
        key = file_state(path)
        known = self._kept.get(key)
        if known is None or not (known.whole or len(known.landmarks) >= frames):
            known = self._kept.keep(key, follow(path, frames, self._tracker))
        return read_motion(str(path), known, frames, self._tracker)


def follow(path: Path | str, frames: int, tracker: Tracker) -> Followed:
    """Find the largest face in each of a video's first `frames` frames; UserError: it cannot be read."""
    landmarks, looks, crowded = [], [], []
    pictures = read_frames(path)
    with Landmarker(video=True, scores=False) as landmarker:
        for index, frame in enumerate(islice(pictures, frames)):
            picture, _ = fitted(frame, LONGEST_SIDE)
            faces = landmarker.track(picture, index * 1000 // FPS)
            marks = faces[0].landmarks if faces else np.full((LANDMARKS, 3), np.nan, np.float32)
            landmarks.append(marks)
            looks.append(tracker.faces([picture], marks[None])[0] if faces else np.zeros(LOOK, np.uint8))
            crowded.append(len(faces) > 1)
    whole = next(pictures, None) is None
    return Followed(np.stack(landmarks), np.stack(looks), np.array(crowded), whole)


def read_motion(name: str, followed: Followed, frames: int, tracker: Tracker) -> DrivingClip:
    """Pose, lids and gaze of the first `frames` frames of the video `name`; UserError as `DrivingVideos`."""
    landmarks, looks, crowded = (
        each[:frames] for each in (followed.landmarks, followed.looks, followed.crowded)
    )
    found = ~np.isnan(landmarks[:, 0, 0])
    total, lost = len(landmarks), int((~found).sum())
    if followed.whole and total < SHORTEST_SECONDS * FPS and total < frames:
        raise UserError(
            f"{name} is {total / FPS:.2f} s long, too short to take head motion from; give at least "
            f"{SHORTEST_SECONDS} s"
        )
    if not found.any():
        raise UserError(f"no face found in {name}; use a video of one clear, roughly frontal face")
    if crowded.sum() > CROWDED * total:
        raise UserError(f"{name} shows more than one face; cut out the one whose head is to be followed")
    if lost > MOST_LOST * total:
        raise UserError(f"the face in {name} is lost in {lost} of {total} frames; use a steadier video")
    marks = clip_crop(landmarks[found]).normalise(landmarks[found])
    rest = tracker.rest(marks, looks[found])
    expression = tracker.expression(marks, rest, looks[found])
    read = np.concatenate([tracker.pose(marks), expression[:, EYES]], 1)
    places, known = np.arange(total), np.flatnonzero(found)
    filled = np.stack([np.interp(places, known, column) for column in read.T], 1).astype(np.float32)
    return DrivingClip(filled[:, :POSE_SIZE], filled[:, POSE_SIZE:])


def there_and_back(length: int, frames: int) -> np.ndarray:
    """Which of `length` frames to show at each of `frames`: forth, back, forth ... (frames,)."""
    period = max(2 * (length - 1), 1)
    at = np.arange(frames) % period
    return np.minimum(at, period - at)


def driven(coefficients: np.ndarray, clip: DrivingClip, own: np.ndarray, eyes: bool) -> np.ndarray:
    """Coefficients (T, 57) with the clip's head motion in place of theirs; with `eyes` its lids and gaze too.

    The motion is counted from the clip's middle pose and added to the portrait's `own` pose (6,), shifts in
    units of the face's size. A clip shorter than T runs forth and back.
    """
    frames = len(coefficients)
    pose = gaussian_filter1d(clip.pose.astype(np.float64), SMOOTH_FRAMES, axis=0, mode="nearest")
    middle = np.median(pose, axis=0)
    pose = pose[there_and_back(len(pose), frames)]
    turn = Rotation.from_rotvec(pose[:, :3]) * Rotation.from_rotvec(middle[:3]).inv()
    made = coefficients.copy()
    made[:, ARKIT.pose][:, :3] = (turn * Rotation.from_rotvec(own[:3])).as_rotvec()
    size = np.exp(own[5] - middle[5])
    made[:, ARKIT.pose][:, 3:5] = own[3:5] + size * (pose[:, 3:5] - middle[3:5])
    made[:, ARKIT.pose][:, 5] = own[5] + pose[:, 5] - middle[5]
    if eyes:
        made[:, EYES] = clip.eyes[there_and_back(len(clip.eyes), frames)]
    return made
