"""People followed through a video: their faces linked from frame to frame, and over cuts where they stay."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from data_prep.clips.people import OTHER_PERSON, apart
from data_prep.clips.shots import Shot
from lit_emotalk.face.landmarker import Face

SAME_FACE_REACH = 0.6
"""A face belongs to the person whose last face's centre is nearer than this part of the face's size."""
NEAR_CUT = 10
"""Frames within which a person must be seen again to be followed over a cut, or over a flash: two cuts."""
CHANGE_FRAMES = 15
"""One person becoming another within so many frames is a change of people, not of expression (our choice)."""
SAMPLES = 8
"""Faces whose mean is compared on either side of a cut or a change. Single frames of one person who turns or
laughs differ by up to 0.73 in LRS3, means of eight by 0.5; of two people by 0.8."""

Embed = Callable[[int, Face], np.ndarray | None]
"""Frame and face -> identity embedding (128,); None where the picture or the network is not at hand."""


@dataclass(frozen=True, eq=False)
class Person:
    """A face followed over the frames from `start` to before `end`: the frames where it was seen, and why it
    is followed no further on either side ("" at the video's ends)."""

    faces: dict[int, Face]
    start: int
    end: int
    before: str = ""
    after: str = ""


def link_faces(found: list[list[Face]]) -> list[dict[int, Face]]:
    """Group the faces of consecutive frames into people: one dict from frame index to face per person.

    A face continues the person whose last face is nearest, within `SAME_FACE_REACH` of the face's size.
    """
    people: list[dict[int, Face]] = []
    last: list[Face] = []
    for index, faces in enumerate(found):
        free = set(range(len(people)))
        for face in faces:
            distances = {person: _distance(face, last[person]) for person in free}
            person = min(distances, key=lambda p: distances[p], default=None)
            if person is None or not _near(face, last[person]):
                people.append({})
                last.append(face)
                person = len(people) - 1
            free.discard(person)
            people[person][index] = face
            last[person] = face
    return people


def follow(shots: list[Shot], embed: Embed) -> list[Person]:
    """The people of a video. A cut ends whoever is not seen on its other side, by place and by identity; and
    where a face becomes another person's without a cut, it is two people."""
    followed: list[Person] = []
    waiting: list[Person] = []
    ended: list[Person] = []
    for shot in shots:
        new = [
            Person({shot.start + index: face for index, face in faces.items()}, shot.start, shot.end)
            for faces in link_faces(shot.faces)
        ]
        if shot is not shots[0]:
            new, gone = _over_cut([*waiting, *followed], new, shot.start, embed)
            waiting = [person for person in gone if shot.end - max(person.faces) <= NEAR_CUT]
            ended += [person for person in gone if person not in waiting]
        followed = new
    return [part for person in ended + waiting + followed for part in _by_identity(person, embed)]


def _over_cut(
    earlier: list[Person], later: list[Person], cut: int, embed: Embed
) -> tuple[list[Person], list[Person]]:
    """The people of the shot from `cut` on, joined to whom they were before it, and who is not seen again."""
    joined, free = [], list(earlier)
    for person in later:
        first, same, why = min(person.faces), None, f"a cut at {cut}"
        for other in free:
            last = max(other.faces)
            one, two = other.faces[last], person.faces[first]
            if first - last > NEAR_CUT or not _near(two, one):
                continue
            sides = [_mean(other, -SAMPLES, None, embed), _mean(person, 0, SAMPLES, embed)]
            if sides[0] is None or sides[1] is None:
                continue
            if apart(sides[0], sides[1]) > OTHER_PERSON:
                why = f"a cut to another person at {cut}"
                continue
            same = other
        if same is None:
            joined.append(replace(person, before=why))
        else:
            free.remove(same)
            joined.append(replace(same, faces=same.faces | person.faces, end=person.end, after=""))
    others = {person.before for person in joined}
    to_another = f"a cut to another person at {cut}"
    why = to_another if to_another in others else f"a cut at {cut}"
    return joined, [replace(person, after=person.after or why) for person in free]


def _mean(person: Person, first: int, end: int | None, embed: Embed) -> np.ndarray | None:
    """The mean embedding of some of a person's faces, counted in order; None where there is none."""
    frames = sorted(person.faces)[first:end]
    known = [e for frame in frames if (e := embed(frame, person.faces[frame])) is not None]
    return np.mean(known, axis=0) if known else None


def _by_identity(person: Person, embed: Embed) -> list[Person]:
    """The person, or the two that it is."""
    frames = sorted(person.faces)
    known: dict[int, np.ndarray | None] = {}

    def at(place: int) -> np.ndarray | None:
        frame = frames[place]
        if frame not in known:
            known[frame] = embed(frame, person.faces[frame])
        return known[frame]

    def differ(one: list[int], other: list[int]) -> bool:
        first, second = ([e for place in places if (e := at(place)) is not None] for places in (one, other))
        return bool(first and second) and apart(np.mean(first, 0), np.mean(second, 0)) > OTHER_PERSON

    low, high = 0, len(frames) - 1
    while high - low > CHANGE_FRAMES and differ([low], [high]):
        middle = (low + high) // 2
        if differ([low], [middle]):
            high = middle
        elif differ([middle], [high]):
            low = middle
        else:
            return [person]
    sides = _spread(0, low), _spread(high, len(frames) - 1)
    if min(map(len, sides)) < SAMPLES or not differ(*sides):
        return [person]
    first = {frame: person.faces[frame] for frame in frames[: low + 1]}
    second = {frame: person.faces[frame] for frame in frames[high:]}
    return [
        replace(person, faces=first, end=frames[low] + 1, after=f"another person from {frames[low] + 1}"),
        *_by_identity(
            replace(
                person, faces=second, start=frames[high], before=f"another person up to {frames[high] - 1}"
            ),
            embed,
        ),
    ]


def _spread(first: int, last: int) -> list[int]:
    return sorted({round(place) for place in np.linspace(first, last, SAMPLES)})


def _distance(face: Face, other: Face) -> float:
    return float(np.linalg.norm(face.landmarks[:, :2].mean(0) - other.landmarks[:, :2].mean(0)))


def _near(face: Face, other: Face) -> bool:
    return _distance(face, other) <= SAME_FACE_REACH * max(face.size, other.size)
