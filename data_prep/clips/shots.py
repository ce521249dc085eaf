"""A video's shots: its pictures in time with the faces in each, taken apart at cuts."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from data_prep.clips.small_faces import Part
from data_prep.clips.windows import MAX_KEPT_BYTES, Windows, reduced
from lit_emotalk import schema
from lit_emotalk.face.landmarker import Face, Landmarker
from lit_emotalk.io.video import read_frames

FRAME_MS = 1000 // schema.FPS
SMALL = 32
"""Side of the pictures that are compared, in pixels."""
LEAST_CHANGE = 20.0
"""Grey levels by which pixels of the small picture change on average at a cut, at least ..."""
SUDDEN = 4.0
"""... and per median of the changes just before. Moving heads of LRS3 and VoxCeleb2 change a picture by up to
35 and 5 medians, cuts by 57 and more; one that is taken for a cut is undone where the face stays the same."""
REMEMBERED = 12
STEADY_CHANGE = 0.5
"""Changes below count as so much: pictures that stand still say nothing of what moves."""


@dataclass(eq=False)
class Shot:
    """Consecutive frames without a cut: index of the first, what is kept of their pictures, their faces in
    pixels of the video, (height, width) of these."""

    start: int
    windows: Windows
    faces: list[list[Face]] = field(default_factory=list)
    extent: tuple[int, int] = (0, 0)

    @property
    def end(self) -> int:
        """Index after the last frame."""
        return self.start + len(self.faces)


class Cuts:
    """Finds cuts from picture to picture."""

    def __init__(self) -> None:
        self._small: np.ndarray | None = None
        self._changes: deque[float] = deque(maxlen=REMEMBERED)

    def starts(self, frame: np.ndarray) -> bool:
        """Whether the next frame (H, W, 3) uint8 starts a new shot; the first frame starts none."""
        before, self._small = self._small, small_picture(frame)
        if before is None:
            return False
        change = float(np.abs(self._small - before).mean())
        usual = float(np.median(self._changes)) if self._changes else STEADY_CHANGE
        if change > max(LEAST_CHANGE, SUDDEN * max(usual, STEADY_CHANGE)):
            self._changes.clear()
            return True
        if change > 0:
            self._changes.append(change)
        return False


def small_picture(frame: np.ndarray) -> np.ndarray:
    """A frame (H, W, 3) uint8 as (32, 32, 3) float32."""
    import cv2

    step = max(min(frame.shape[:2]) // (4 * SMALL), 1)
    sparse = np.ascontiguousarray(frame[::step, ::step])
    return np.asarray(cv2.resize(sparse, (SMALL, SMALL), interpolation=cv2.INTER_AREA), np.float32)


def pictures_of(path: Path, part: Part | None) -> Iterator[np.ndarray]:
    """The pictures of a video at 25 fps, or a part of each."""
    for frame in read_frames(path, threads=False):
        yield frame if part is None else part.cut(frame)


def watch(path: Path, frame_size: int, part: Part | None = None) -> Iterator[Shot]:
    """The shots of a video at 25 fps, or of a part of its pictures, in order.

    Raises UserError for an unreadable video.
    """
    cuts, shot = Cuts(), Shot(0, Windows(frame_size))
    left = MAX_KEPT_BYTES
    with Landmarker(video=True, scores=False) as landmarker:
        for index, frame in enumerate(pictures_of(path, part)):
            if cuts.starts(frame):
                yield shot
                left -= shot.windows.kept_bytes
                shot = Shot(index, Windows(frame_size, max(left, 0)))
            shot.extent = frame.shape[:2]
            reduction = shot.windows.reduction
            picture = reduced(frame, reduction)
            faces = landmarker.track(picture, index * FRAME_MS)
            shot.windows.add(picture, faces)
            shot.faces.append([Face(face.landmarks * reduction, face.scores) for face in faces])
    yield shot
