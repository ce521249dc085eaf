"""What is kept of a video's pictures while its faces are followed: the part around the first found face."""

import numpy as np

from lit_emotalk.face.crop import Crop, clip_crop
from lit_emotalk.face.landmarker import Face

WINDOW_SCALE = 1.4
"""Frames are kept as windows this much larger than the first face's crop: most are decoded only once."""
MAX_KEPT_BYTES = 1 << 30
FINER = 1.4
"""Large pictures are halved, or more, as long as a face's crop stays this much finer than its frames."""


class Windows:
    """Decoded frames, reduced to the part around the first found face; given up where they grow too large.

    That face also decides by how much whole pictures of a video are reduced, for crops of `size` pixels.
    Places are given in pixels of the video, and kept in those of the reduced pictures.
    """

    def __init__(self, size: int, most_bytes: int = MAX_KEPT_BYTES) -> None:
        self.reduction = 1
        self._frame_size = size
        self._corner: tuple[int, int] | None = None
        self._extent = (0, 0)
        self._size = (0, 0)
        self._frames: list[np.ndarray] | None = []
        self.kept_bytes = 0
        self._most_bytes = most_bytes

    def add(self, frame: np.ndarray, faces: list[Face]) -> None:
        """Keep the next frame (H, W, 3), reduced if the earlier ones are; the first faces found decide by how
        much, and the largest of them the window."""
        if self._frames is None:
            return
        if self._corner is None and faces:
            self._choose(frame.shape[:2], faces)
            self._frames = [self._cut(reduced(earlier, self.reduction)) for earlier in self._frames]
            self.kept_bytes = sum(kept.nbytes for kept in self._frames)
            frame = reduced(frame, self.reduction)
        kept = frame if self._corner is None else self._cut(frame)
        self._frames.append(kept)
        self.kept_bytes += kept.nbytes
        if self.kept_bytes > self._most_bytes:
            self._frames, self.kept_bytes = None, 0

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

    def place(self, index: int) -> tuple[np.ndarray, tuple[int, int]] | None:
        """What is kept of a frame, in reduced pixels, and its left upper corner; None where nothing is."""
        if self._frames is None:
            return None
        return self._frames[index], self._corner or (0, 0)

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
