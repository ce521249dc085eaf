"""A video's speaker: one face followed through the frames, its landmarks and its square crops."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from data_prep.clips.lost_frames import fill_gaps, look_again, nearest_known
from data_prep.clips.record import jpg_bytes
from lit_emotalk import schema
from lit_emotalk.errors import UserError
from lit_emotalk.face.crop import Crop, clip_crop
from lit_emotalk.face.landmarker import Face, Landmarker
from lit_emotalk.face.tracker import Tracker
from lit_emotalk.io.video import read_frames

FRAME_MS = 1000 // schema.FPS
MIN_FACE_PIXELS = 60.0
PASSING_FRAMES = 3
SAME_FACE_REACH = 0.6
"""A face belongs to the person whose last face's centre is nearer than this part of the face's size."""
WINDOW_SCALE = 1.4
"""Frames are kept as windows this much larger than the first face's crop: most are decoded only once."""
MAX_KEPT_BYTES = 1 << 30
FINER = 1.4
"""Large pictures are halved, or more, as long as a face's crop stays this much finer than its frames."""


@dataclass(frozen=True)
class Tracked:
    """The speaker of a video at 25 fps, T frames.

    landmarks (T, 478, 3) float32 in crop units; `crop` in pixels of the video; `frames` T jpg files; `faces`
    (T, 96, 96) uint8, what the tracker looks at; `lost` (T,) bool, frames filled from their neighbours;
    `people`, who was seen, see `describe_people`; `face_pixels`, the median of the face's larger side.
    """

    landmarks: np.ndarray
    crop: Crop
    frames: list[bytes] = field(repr=False)
    faces: np.ndarray
    lost: np.ndarray
    people: list[list[Any]]
    face_pixels: float


class Windows:
    """Decoded frames, reduced to the part around the first found face; given up where they grow too large.

    That face also decides by how much whole pictures of a video are reduced, for crops of `size` pixels.
    Places are given in pixels of the video, and kept in those of the reduced pictures.
    """

    def __init__(self, size: int) -> None:
        self.reduction = 1
        self._frame_size = size
        self._corner: tuple[int, int] | None = None
        self._extent = (0, 0)
        self._size = (0, 0)
        self._frames: list[np.ndarray] | None = []
        self._bytes = 0

    def add(self, frame: np.ndarray, faces: list[Face]) -> None:
        """Keep the next frame (H, W, 3), reduced if the earlier ones are; the first faces found decide by how
        much, and the largest of them the window."""
        if self._frames is None:
            return
        if self._corner is None and faces:
            self._choose(frame.shape[:2], faces)
            self._frames = [self._cut(reduced(earlier, self.reduction)) for earlier in self._frames]
            self._bytes = sum(kept.nbytes for kept in self._frames)
            frame = reduced(frame, self.reduction)
        kept = frame if self._corner is None else self._cut(frame)
        self._frames.append(kept)
        self._bytes += kept.nbytes
        if self._bytes > MAX_KEPT_BYTES:
            self._frames = None

    def covering(self, crop: Crop) -> tuple[list[np.ndarray], tuple[int, int]] | None:
        """The windows and their left upper corner in reduced pixels, or None where they do not cover the
        crop."""
        if self._frames is None or self._corner is None:
            return None
        crop = crop.scaled(1 / self.reduction)
        left, top = self._corner
        height, width = self._size
        margin = 3 + 2 * crop.half / self._frame_size
        covered = (
            max(crop.x - crop.half - margin, 0) >= left
            and max(crop.y - crop.half - margin, 0) >= top
            and min(crop.x + crop.half + margin, width) <= left + self._extent[1]
            and min(crop.y + crop.half + margin, height) <= top + self._extent[0]
        )
        return (self._frames, self._corner) if covered else None

    def part(self, index: int, crop: Crop, size: int) -> np.ndarray | None:
        """A square of one frame, the edge of the kept window repeated beyond it; None where none are kept."""
        if self._frames is None or self._corner is None:
            return None
        crop = crop.scaled(1 / self.reduction)
        left, top = self._corner
        return Crop(crop.x - left, crop.y - top, crop.half).cut(self._frames[index], size)

    def _choose(self, extent: tuple[int, int], faces: list[Face]) -> None:
        crops = [clip_crop(face.landmarks[None], extent) for face in faces]
        smallest = min(crop.half for crop in crops)
        self.reduction = max(int(2 * smallest / (FINER * self._frame_size)), 1)
        height, width = self._size = extent[0] // self.reduction, extent[1] // self.reduction
        crop = crops[0].scaled(1 / self.reduction)
        half = crop.half * WINDOW_SCALE
        left, top = max(int(crop.x - half), 0), max(int(crop.y - half), 0)
        right, bottom = min(int(crop.x + half), width), min(int(crop.y + half), height)
        self._corner, self._extent = (left, top), (max(bottom - top, 1), max(right - left, 1))

    def _cut(self, frame: np.ndarray) -> np.ndarray:
        assert self._corner is not None
        left, top = self._corner
        return frame[top : top + self._extent[0], left : left + self._extent[1]].copy()


def reduced(frame: np.ndarray, reduction: int) -> np.ndarray:
    """A picture (H, W, 3) with both sides divided, pixels averaged."""
    if reduction == 1:
        return frame
    import cv2

    size = (frame.shape[1] // reduction, frame.shape[0] // reduction)
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA))


def track_video(path: Path, frame_size: int) -> Tracked:
    """Follow the largest and most continuous face of a video; see `Tracked`.

    Raises UserError for an unreadable video, no face, a face too small, or one that is lost too often.
    """
    windows = Windows(frame_size)
    found: list[list[Face]] = []
    extent = (0, 0)
    with Landmarker(video=True, scores=False) as landmarker:
        for index, frame in enumerate(read_frames(path, threads=False)):
            extent = frame.shape[:2]
            reduction = windows.reduction
            picture = reduced(frame, reduction)
            faces = landmarker.track(picture, index * FRAME_MS)
            windows.add(picture, faces)
            found.append([Face(face.landmarks * reduction, face.scores) for face in faces])
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
    look_again(landmarks, windows.part)
    lost = np.isnan(landmarks[:, 0, 0])
    landmarks = fill_gaps(landmarks, path)
    crop = clip_crop(landmarks, extent)
    kept, (left, top) = windows.covering(crop) or (_read_again(path, windows.reduction), (0, 0))
    small = crop.scaled(1 / windows.reduction)
    frames, looks = _cut_both(
        kept,
        landmarks / windows.reduction - (left, top, 0),
        Crop(small.x - left, small.y - top, small.half),
        frame_size,
    )
    looks = looks[nearest_known(~lost)]
    return Tracked(
        crop.normalise(landmarks), crop, frames, looks, lost, describe_people(people, speaker), pixels
    )


def _read_again(path: Path, reduction: int) -> Iterator[np.ndarray]:
    for frame in read_frames(path, threads=False):
        yield reduced(frame, reduction)


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


def describe_people(people: list[dict[int, Face]], speaker: dict[int, Face]) -> list[list[Any]]:
    """A row per person, the speaker first: whether it was followed (yes or no), frames, median size in
    pixels, median centre x and y. People other than the speaker seen in fewer than `PASSING_FRAMES` do not
    count."""
    others = [p for p in people if p is not speaker and len(p) >= PASSING_FRAMES]
    rows = []
    for person in [speaker, *sorted(others, key=len, reverse=True)]:
        x, y = np.median([face.landmarks[:, :2].mean(0) for face in person.values()], axis=0)
        pixels = np.median([face.size for face in person.values()])
        followed = "yes" if person is speaker else "no"
        rows.append([followed, len(person), *(round(float(value)) for value in (pixels, x, y))])
    return rows
