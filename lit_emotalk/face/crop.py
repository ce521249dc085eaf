"""The square that a clip's frames are cut to: one per clip, whole head, never re-aligned per frame."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from lit_emotalk.face.regions import box

HEAD_SCALE = 1.55
"""Side of the crop per larger side of the face's box: hair, ears and a bit of neck fit (our choice)."""
SMALLEST_SCALE = 1.15
"""Side of the smallest crop per larger side of the face's box, where the picture ends close to the face."""
HEAD_SHIFT = 0.10
"""How far the crop's centre lies above the box's centre, per larger side of the box: the box ends at the hair
line."""


@dataclass(frozen=True)
class Crop:
    """A square in a picture: centre `x`, `y` and `half` width, in pixels; it may reach beyond the picture."""

    x: float
    y: float
    half: float

    def cut(self, frame: np.ndarray, size: int) -> np.ndarray:
        """The square of `frame` (H, W, 3) uint8 as (size, size, 3) uint8; beyond the edge pixels repeat."""
        height, width = frame.shape[:2]
        x0, y0 = self.x - self.half, self.y - self.half
        reach = 2 + int(2 * self.half / size)
        left, top = int(np.floor(x0)) - reach, int(np.floor(y0)) - reach
        extent = int(np.ceil(2 * self.half)) + 1 + 2 * reach
        rows, above, below = _within(top, extent, height)
        columns, before, after = _within(left, extent, width)
        patch = frame[rows, columns]
        if above or below or before or after:
            patch = np.pad(patch, ((above, below), (before, after), (0, 0)), mode="edge")
        area = (x0 - left, y0 - top, x0 - left + 2 * self.half, y0 - top + 2 * self.half)
        return np.asarray(
            Image.fromarray(np.ascontiguousarray(patch)).resize((size, size), Image.Resampling.BICUBIC, area)
        )

    def scaled(self, factor: float) -> "Crop":
        """The same square in a picture of which both sides were multiplied by `factor`."""
        return Crop(self.x * factor, self.y * factor, self.half * factor)

    def normalise(self, landmarks: np.ndarray) -> np.ndarray:
        """Landmarks (..., 478, 3) in the picture's pixels -> float32 in units of the crop: 0..1 right and
        down, depth alike."""
        corner = np.array([self.x - self.half, self.y - self.half, 0.0])
        return ((landmarks - corner) / (2 * self.half)).astype(np.float32)


def clip_crop(landmarks: np.ndarray, frame_size: tuple[int, int] | None = None) -> Crop:
    """One crop for a clip, from the union of its faces' boxes, scaled and shifted up to the head.

    landmarks: (T, 478, 3) in pixels. `frame_size` (height, width): where given, a square that reaches beyond
    the picture is made smaller, down to `SMALLEST_SCALE`, and moved inside, so that little of it is made up
    (clips that come cut to the face, as VoxCeleb2's).
    """
    boxes = box(landmarks)
    x0, y0 = (float(v) for v in boxes[:, :2].min(0))
    x1, y1 = (float(v) for v in boxes[:, 2:].max(0))
    face = max(x1 - x0, y1 - y0)
    x, y, side = (x0 + x1) / 2, (y0 + y1) / 2 - HEAD_SHIFT * face, HEAD_SCALE * face
    if frame_size is not None:
        height, width = frame_size
        side = min(side, max(float(min(height, width)), SMALLEST_SCALE * face))
        x, y = _inside(x, side, width), _inside(y, side, height)
    return Crop(x, y, side / 2)


def image_crop(landmarks: np.ndarray, frame_size: tuple[int, int] | None = None) -> Crop:
    """The crop of a single picture: landmarks (478, 3) in pixels; the same rule as a clip of one frame."""
    return clip_crop(landmarks[None], frame_size)


def fitted(picture: np.ndarray, longest: int) -> tuple[np.ndarray, float]:
    """The picture (H, W, 3) uint8 scaled down until its longer side is at most `longest`, and the factor."""
    factor = min(1.0, longest / max(picture.shape[:2]))
    if factor == 1.0:
        return picture, factor
    height, width = (max(1, round(side * factor)) for side in picture.shape[:2])
    scaled = Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(scaled), factor


def _within(start: int, extent: int, size: int) -> tuple[slice, int, int]:
    """The part of start..start + extent that lies in 0..size, at least one index, and how many lie before and
    after it."""
    first, last = (min(max(index, 0), size - 1) for index in (start, start + extent - 1))
    before = min(max(first - start, 0), extent - 1)
    return slice(first, last + 1), before, extent - before - (last + 1 - first)


def _inside(centre: float, side: float, extent: int) -> float:
    """The centre moved so that the side lies within 0..extent or, where it is longer, covers it."""
    low, high = sorted((side / 2, extent - side / 2))
    return min(max(centre, low), high)
