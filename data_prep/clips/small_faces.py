"""Faces too small for the landmarker to find in the whole picture: where in a video to look for one."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from lit_emotalk.face.finder import find_faces
from lit_emotalk.io.video import read_frames

LOOKS = (0.1, 0.5, 0.9)
"""Where in a video single frames are searched, until one shows a face (our choice)."""
ROOM = 4.5
"""Side of the part that is looked at instead, per size of the face: it is found there, and may move."""


@dataclass(frozen=True)
class Part:
    """A part of a video's pictures: left and upper edge, width and height in pixels."""

    left: int
    top: int
    width: int
    height: int

    def cut(self, frame: np.ndarray) -> np.ndarray:
        """The part of a frame (H, W, 3)."""
        return frame[self.top : self.top + self.height, self.left : self.left + self.width]


def part_with_face(path: Path, frames: int) -> Part | None:
    """The surroundings of the largest face of a video of so many frames; None where there is none."""
    for share in LOOKS:
        frame = next(islice(read_frames(path, threads=False), int(share * frames), None), None)
        faces = [] if frame is None else find_faces(frame)
        if frame is not None and faces:
            height, width = frame.shape[:2]
            x, y = faces[0].landmarks[:, :2].mean(0)
            side = round(min(ROOM * faces[0].size, height, width))
            left, top = (
                int(np.clip(round(float(middle) - side / 2), 0, extent - side))
                for middle, extent in ((x, width), (y, height))
            )
            return Part(left, top, side, side)
    return None
