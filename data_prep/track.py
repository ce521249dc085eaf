"""A video's speaker: one face followed through the frames, its landmarks and its square crops."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from data_prep.pack import jpg_bytes
from lit_emotalk import schema
from lit_emotalk.errors import UserError
from lit_emotalk.face.crop import Crop, clip_crop
from lit_emotalk.face.landmarker import Face, Landmarker
from lit_emotalk.face.tracker import Tracker
from lit_emotalk.video import read_frames

FRAME_MS = 1000 // schema.FPS
MAX_GAP_FRAMES = 10
"""The longest run of frames without a face that is filled from its neighbours (0.4 s, our choice)."""
MAX_LOST_SHARE = 0.1
MIN_FACE_PIXELS = 60.0
SAME_FACE_REACH = 0.6
"""A face belongs to the person whose last face's centre is nearer than this part of the face's size."""
WINDOW_SCALE = 1.4
"""Frames are kept as windows this much larger than the first face's crop: most are decoded only once."""
MAX_KEPT_BYTES = 1 << 30


@dataclass(frozen=True)
class Tracked:
    """The speaker of a video at 25 fps, T frames.

    landmarks (T, 478, 3) float32 in crop units; `crop` in pixels of the video; `frames` T jpg files; `faces`
    (T, 96, 96) uint8, what the tracker looks at; `lost` (T,) bool, frames filled from their neighbours;
    `people`, how many were seen; `face_pixels`, the median of the face's larger side.
    """

    landmarks: np.ndarray
    crop: Crop
    frames: list[bytes] = field(repr=False)
    faces: np.ndarray
    lost: np.ndarray
    people: int
    face_pixels: float


class Windows:
    """Decoded frames, reduced to the part around the first found face; given up where they grow too large."""

    def __init__(self) -> None:
        self._corner: tuple[int, int] | None = None
        self._extent = (0, 0)
        self._size = (0, 0)
        self._frames: list[np.ndarray] | None = []
        self._bytes = 0

    def add(self, frame: np.ndarray, faces: list[Face]) -> None:
        """Keep the next frame (H, W, 3); the first found face decides the window."""
        if self._frames is None:
            return
        if self._corner is None and faces:
            self._choose(frame, clip_crop(faces[0].landmarks[None], frame.shape[:2]))
            self._frames = [self._reduced(earlier) for earlier in self._frames]
            self._bytes = sum(kept.nbytes for kept in self._frames)
        kept = frame if self._corner is None else self._reduced(frame)
        self._frames.append(kept)
        self._bytes += kept.nbytes
        if self._bytes > MAX_KEPT_BYTES:
            self._frames = None

    def covering(self, crop: Crop, size: int) -> tuple[list[np.ndarray], tuple[int, int]] | None:
        """The windows and their left upper corner, or None where they do not cover the crop at this size."""
        if self._frames is None or self._corner is None:
            return None
        left, top = self._corner
        height, width = self._size
        margin = 3 + 2 * crop.half / size
        covered = (
            max(crop.x - crop.half - margin, 0) >= left
            and max(crop.y - crop.half - margin, 0) >= top
            and min(crop.x + crop.half + margin, width) <= left + self._extent[1]
            and min(crop.y + crop.half + margin, height) <= top + self._extent[0]
        )
        return (self._frames, self._corner) if covered else None

    def _choose(self, frame: np.ndarray, crop: Crop) -> None:
        height, width = self._size = frame.shape[0], frame.shape[1]
        half = crop.half * WINDOW_SCALE
        left, top = max(int(crop.x - half), 0), max(int(crop.y - half), 0)
        right, bottom = min(int(crop.x + half), width), min(int(crop.y + half), height)
        self._corner, self._extent = (left, top), (max(bottom - top, 1), max(right - left, 1))

    def _reduced(self, frame: np.ndarray) -> np.ndarray:
        assert self._corner is not None
        left, top = self._corner
        return frame[top : top + self._extent[0], left : left + self._extent[1]].copy()


def track_video(path: Path, frame_size: int) -> Tracked:
    """Follow the largest and most continuous face of a video; see `Tracked`.

    Raises UserError for an unreadable video, no face, a face too small, or one that is lost too often.
    """
    windows = Windows()
    found: list[list[Face]] = []
    extent = (0, 0)
    with Landmarker(video=True) as landmarker:
        for index, frame in enumerate(read_frames(path)):
            extent = frame.shape[:2]
            faces = landmarker.track(frame, index * FRAME_MS)
            windows.add(frame, faces)
            found.append(faces)
    people = link_faces(found)
    if not people:
        raise UserError(f"{path}: no face found in {len(found)} frames")
    speaker = max(people, key=lambda person: sum(face.size for face in person.values()))
    pixels = float(np.median([face.size for face in speaker.values()]))
    if pixels < MIN_FACE_PIXELS:
        raise UserError(
            f"{path}: the face is {pixels:.0f} pixels large, at least {MIN_FACE_PIXELS:.0f} needed"
        )
    landmarks = np.full((len(found), schema.LANDMARKS, 3), np.nan, np.float32)
    for index, face in speaker.items():
        landmarks[index] = face.landmarks
    lost = np.isnan(landmarks[:, 0, 0])
    landmarks = fill_gaps(landmarks, path)
    crop = clip_crop(landmarks, extent)
    kept, (left, top) = windows.covering(crop, frame_size) or (read_frames(path), (0, 0))
    frames, faces = _cut_both(
        kept, landmarks - (left, top, 0), Crop(crop.x - left, crop.y - top, crop.half), frame_size
    )
    faces = faces[nearest_known(~lost)]
    return Tracked(crop.normalise(landmarks), crop, frames, faces, lost, len(people), pixels)


def _cut_both(
    pictures: Iterable[np.ndarray], landmarks: np.ndarray, crop: Crop, size: int
) -> tuple[list[bytes], np.ndarray]:
    """The crops as jpg files, and the faces that the tracker looks at, in one pass over the pictures."""
    frames: list[bytes] = []

    def seen() -> Iterator[np.ndarray]:
        for picture in pictures:
            frames.append(jpg_bytes(crop.cut(picture, size)))
            yield picture

    faces = shared_tracker().faces(seen(), landmarks)
    return frames, faces


def nearest_known(known: np.ndarray) -> np.ndarray:
    """For each frame the nearest that is known: (T,) bool -> (T,) indices."""
    places = np.flatnonzero(known)
    middles = (places[1:] + places[:-1] + 1) // 2
    return places[np.searchsorted(middles, np.arange(len(known)), side="right")]


@lru_cache(maxsize=1)
def shared_tracker() -> Tracker:
    """The tracker, once per process; on one thread: any number of workers gives the same bits."""
    torch.set_num_threads(1)
    return Tracker.load()


def link_faces(found: list[list[Face]]) -> list[dict[int, Face]]:
    """Group the faces of consecutive frames into people: one dict from frame index to face per person.

    A face continues the person whose last face is nearest, within `SAME_FACE_REACH` of the face's size.
    """
    people: list[dict[int, Face]] = []
    last: list[tuple[np.ndarray, float]] = []
    for index, faces in enumerate(found):
        free = set(range(len(people)))
        for face in faces:
            centre = face.landmarks[:, :2].mean(0)
            distances = {person: float(np.linalg.norm(centre - last[person][0])) for person in free}
            person = min(distances, key=lambda p: distances[p], default=None)
            if person is None or distances[person] > SAME_FACE_REACH * max(face.size, last[person][1]):
                people.append({})
                last.append((centre, face.size))
                person = len(people) - 1
            free.discard(person)
            people[person][index] = face
            last[person] = (centre, face.size)
    return people


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
