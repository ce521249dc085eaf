"""A video's speaker: one face followed through the frames, its landmarks and its square crops."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from data_prep.clips.followed import Person, follow
from data_prep.clips.lost_frames import fill_gaps, good_stretch, look_again, lost_often, nearest_known
from data_prep.clips.people import identity_network
from data_prep.clips.record import jpg_bytes
from data_prep.clips.shots import Shot, pictures_of, watch
from data_prep.clips.small_faces import part_with_face
from data_prep.clips.speaking import LEAST_SCORE, MARGIN, speech_score
from data_prep.clips.windows import reduced
from lit_emotalk import schema
from lit_emotalk.errors import UserError
from lit_emotalk.face.crop import Crop, clip_crop
from lit_emotalk.face.finder import SEEN_SHARE, seen_share
from lit_emotalk.face.landmarker import Face
from lit_emotalk.face.tracker import Tracker

MIN_FACE_PIXELS = 60.0
MIN_FRAMES = 15
"""The shortest stretch that is worth keeping."""
PASSING_FRAMES = 3

Pictures = Callable[[], Iterator[np.ndarray]]
"""Reads the pictures of a video from the first on."""


@dataclass(frozen=True)
class Tracked:
    """The speaker of a video at 25 fps, in the T frames from `first` on of the video's `total`.

    landmarks (T, 478, 3) float32 in crop units; `crop` in pixels of the video; `frames` T jpg files; `faces`
    (T, 96, 96) uint8, what the tracker looks at; `lost` (T,) bool, frames filled from their neighbours;
    `people`, who was seen, see `describe_people`; `face_pixels`, the median of the face's larger side;
    `trimmed`, why the other frames are left out, "" where there are none.
    """

    landmarks: np.ndarray
    crop: Crop
    frames: list[bytes] = field(repr=False)
    faces: np.ndarray
    lost: np.ndarray
    people: list[list[Any]]
    face_pixels: float
    first: int
    total: int
    trimmed: str


def track_video(path: Path, frame_size: int, samples: np.ndarray | None = None) -> Tracked:
    """Follow the face that speaks (see `choose_speaker`) through its longest good stretch; see `Tracked`.

    A stretch ends at a cut, unless the same face goes on in the same place, where another person takes its
    place, and where it is lost or partly outside the picture for too long. Raises UserError for an unreadable
    video, no face, a face too small, or one of which no stretch is long enough.
    """
    shots = list(watch(path, frame_size))
    total, extent = shots[-1].end, shots[0].extent
    people = follow(shots, _Embedder(shots))
    part = None if people else part_with_face(path, total)
    if part is not None:
        shots = list(watch(path, frame_size, part))
        people, extent = follow(shots, _Embedder(shots)), shots[0].extent
    if not people:
        raise UserError(f"{path}: no face found in {total} frames")
    speaker, chosen_by = choose_speaker(people, samples)
    pixels = float(np.median([face.size for face in speaker.faces.values()]))
    if pixels < MIN_FACE_PIXELS:
        raise UserError(
            f"{path}: the face is {pixels:.0f} pixels large, at least {MIN_FACE_PIXELS:.0f} needed"
        )
    landmarks = np.full((total, schema.LANDMARKS, 3), np.nan, np.float32)
    for index, face in speaker.faces.items():
        landmarks[index] = face.landmarks
    for shot in shots:
        first, end = max(shot.start, speaker.start), min(shot.end, speaker.end)
        if first < end:
            look_again(landmarks[first:end], _part_of(shot, first))
    cut_off = np.array([seen_share(points, extent) < SEEN_SHARE for points in landmarks])
    cut_off &= ~np.isnan(landmarks[:, 0, 0])
    landmarks[cut_off] = np.nan
    known = ~np.isnan(landmarks[:, 0, 0])
    first, end = good_stretch(known[speaker.start : speaker.end])
    first, end = first + speaker.start, end + speaker.start
    if end - first < min(MIN_FRAMES, total):
        if cut_off.sum() > (~known).sum() / 2:
            raise UserError(
                f"{path}: only a part of the face is in the picture in {cut_off.sum()} of {total} frames"
            )
        raise UserError(f"{path}: {lost_often(known)}")
    lost = ~known[first:end]
    landmarks = fill_gaps(landmarks[first:end])
    crop = clip_crop(landmarks, extent)
    frames, looks = _cut_stretch(partial(pictures_of, path, part), shots, landmarks, crop, first, frame_size)
    left, top = (part.left, part.top) if part is not None else (0, 0)
    return Tracked(
        crop.normalise(landmarks),
        Crop(crop.x + left, crop.y + top, crop.half),
        frames,
        looks[nearest_known(~lost)],
        lost,
        describe_people(
            [p for p in people if first <= max(p.faces) and min(p.faces) < end],
            speaker,
            chosen_by,
            (left, top),
        ),
        pixels,
        first,
        total,
        why_trimmed(speaker, people, cut_off, first, end),
    )


def choose_speaker(people: list[Person], samples: np.ndarray | None = None) -> tuple[Person, str]:
    """Of the people who are seen beside the one who is longest in view, that one included, the one whose lips
    follow the sound (N,), or where they do not tell the largest; and how it was chosen, for `faces.csv`."""
    longest = max(people, key=lambda person: (len(person.faces), _total_size(person)))
    beside = [p for p in people if 2 * len(p.faces.keys() & longest.faces.keys()) >= len(longest.faces)]
    largest = max(beside, key=_total_size)
    if samples is None or len(beside) == 1:
        return largest, "size"
    scores = [speech_score(person.faces, samples) for person in beside]
    second, first = sorted(scores)[-2:]
    if first <= max(MARGIN * second, LEAST_SCORE):
        return largest, f"size; lips undecided, {first:.4f} and {second:.4f}"
    return beside[scores.index(first)], f"lips, {first:.4f} against {second:.4f}"


def _total_size(person: Person) -> float:
    return sum(face.size for face in person.faces.values())


def why_trimmed(speaker: Person, people: list[Person], cut_off: np.ndarray, first: int, end: int) -> str:
    """Why frames before `first` and from `end` on are left out: "a cut at 40; the face is lost from 70"."""
    reasons = []
    total = len(cut_off)
    others = [person for person in people if person is not speaker]
    if first > 0:
        jumped = any(first - 1 in p.faces and first not in p.faces for p in others)
        lost = f"the face jumps at {first}" if jumped else f"the face is lost up to {first - 1}"
        if cut_off[first - 1]:
            lost = f"only a part of the face is in the picture up to {first - 1}"
        reasons.append(speaker.before if first == speaker.start and speaker.before else lost)
    if end < total:
        jumped = any(end in p.faces and end - 1 not in p.faces for p in others)
        lost = f"the face jumps at {end}" if jumped else f"the face is lost from {end}"
        if cut_off[end]:
            lost = f"only a part of the face is in the picture from {end}"
        reasons.append(speaker.after if end == speaker.end and speaker.after else lost)
    return "; ".join(reasons)


class _Embedder:
    """Identity embeddings of faces from what is kept of their shots' pictures."""

    def __init__(self, shots: list[Shot]) -> None:
        self._shots = shots
        self._network = identity_network()

    def __call__(self, index: int, face: Face) -> np.ndarray | None:
        shot = next(shot for shot in self._shots if shot.start <= index < shot.end)
        place = shot.windows.place(index - shot.start)
        if self._network is None or place is None:
            return None
        picture, corner = place
        points = face.landmarks / shot.windows.reduction - (*corner, 0)
        middle = points[:, :2].mean(0)
        if (middle < 0).any() or (middle >= picture.shape[1::-1]).any():
            return None
        return self._network.embed(picture[None], points[None].astype(np.float32))[0]


def _part_of(shot: Shot, first: int) -> Any:
    def part(index: int, crop: Crop, size: int) -> np.ndarray | None:
        return shot.windows.part(index + first - shot.start, crop, size)

    return part


def _cut_stretch(
    pictures: Pictures, shots: list[Shot], landmarks: np.ndarray, crop: Crop, first: int, size: int
) -> tuple[list[bytes], np.ndarray]:
    """The crops as jpg files, and the faces that the tracker looks at, of the frames from `first` on."""
    frames: list[bytes] = []
    looks: list[np.ndarray] = []
    end = first + len(landmarks)
    for shot in shots:
        start, stop = max(shot.start, first), min(shot.end, end)
        if start >= stop:
            continue
        reduction = shot.windows.reduction
        covering = shot.windows.covering(crop)
        kept, (left, top) = covering or (_read_again(pictures, shot, reduction), (0, 0))
        small = crop.scaled(1 / reduction)
        cut, faces = _cut_both(
            islice(kept, start - shot.start, stop - shot.start),
            landmarks[start - first : stop - first] / reduction - (left, top, 0),
            Crop(small.x - left, small.y - top, small.half),
            size,
        )
        frames += cut
        looks.append(faces)
    return frames, np.concatenate(looks)


def _read_again(pictures: Pictures, shot: Shot, reduction: int) -> Iterator[np.ndarray]:
    for frame in islice(pictures(), shot.start, shot.end):
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


def describe_people(
    people: list[Person], speaker: Person, chosen_by: str, corner: tuple[int, int]
) -> list[list[Any]]:
    """A row per person, the speaker first: whether it was followed (yes or no), frames, median size in
    pixels, median centre x and y (seen from `corner`), and how the speaker was chosen. People other than the
    speaker seen in fewer than `PASSING_FRAMES` do not count."""
    others = [p for p in people if p is not speaker and len(p.faces) >= PASSING_FRAMES]
    rows = []
    for person in [speaker, *sorted(others, key=lambda other: len(other.faces), reverse=True)]:
        faces = person.faces.values()
        x, y = np.median([face.landmarks[:, :2].mean(0) for face in faces], axis=0) + corner
        pixels = np.median([face.size for face in faces])
        followed = "yes" if person is speaker else "no"
        place = (round(float(value)) for value in (pixels, x, y))
        rows.append([followed, len(faces), *place, chosen_by if person is speaker else ""])
    return rows
