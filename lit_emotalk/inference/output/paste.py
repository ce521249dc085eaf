"""Animated crops back into their picture, without a visible border."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from lit_emotalk.face.crop import Crop

FEATHER = 0.14
"""Width of the soft border inside the crop, as a part of its side (our choice)."""
TOUCHING = 0.01
"""A side of the crop this near to the picture's edge, as a part of its side, has no border to hide."""


@dataclass(frozen=True)
class Place:
    """Where a crop was cut from a picture: a square around `crop`'s centre, turned by `turn` degrees.

    `turn`: how far the face leans, counterclockwise as seen; the crop was turned back by it.
    """

    crop: Crop
    turn: float = 0.0

    def scaled(self, factor: float) -> "Place":
        """The same place in the picture scaled by `factor`."""
        return Place(Crop(self.crop.x * factor, self.crop.y * factor, self.crop.half * factor), self.turn)


class PasteBack:
    """Puts animated crops (S, S, 3) uint8 into `picture` (H, W, 3) uint8, where `place` was cut from it.

    The crop fades out over `FEATHER` of its side towards the picture, but not where the picture itself ends.
    """

    def __init__(self, picture: np.ndarray, place: Place) -> None:
        self._picture = picture
        height, width = picture.shape[:2]
        crop, self._turn = place.crop, place.turn
        self._side = max(1, round(2 * crop.half))
        angle = np.deg2rad(place.turn)
        reach = crop.half * (abs(np.cos(angle)) + abs(np.sin(angle)))
        left, top = round(crop.x - reach), round(crop.y - reach)
        extent = self._side if not place.turn else int(np.ceil(2 * reach))
        self._matrix = _matrix(angle, (crop.x - left, crop.y - top), self._side)
        self._extent = (extent, extent)
        rows = slice(max(top, 0), min(top + extent, height))
        columns = slice(max(left, 0), min(left + extent, width))
        self._inner = (
            slice(rows.start - top, rows.stop - top),
            slice(columns.start - left, columns.stop - left),
        )
        self._where = (rows, columns)
        margin = TOUCHING * self._side
        open_sides = (
            bool(place.turn) or top > margin,
            bool(place.turn) or top + extent < height - margin,
            bool(place.turn) or left > margin,
            bool(place.turn) or left + extent < width - margin,
        )
        mask = Image.fromarray(border_mask(self._side, open_sides).astype(np.float32))
        self.mask = np.asarray(self._placed(mask))[self._inner][..., None]
        self._kept = picture[self._where] * (1 - self.mask)

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """The picture (H, W, 3) uint8 with the frame in its place."""
        pasted = self._picture.copy()
        crop = Image.fromarray(frame).resize((self._side, self._side), Image.Resampling.BICUBIC)
        drawn = np.asarray(self._placed(crop))[self._inner]
        pasted[self._where] = (self._kept + drawn * self.mask + 0.5).astype(np.uint8)
        return pasted

    def _placed(self, square: Image.Image) -> Image.Image:
        if not self._turn:
            return square
        return square.transform(self._extent, Image.Transform.AFFINE, self._matrix, Image.Resampling.BILINEAR)


def border_mask(side: int, open_sides: tuple[bool, bool, bool, bool]) -> np.ndarray:
    """Share of the crop in the result, (side, side) in [0, 1]: 1 inside, falling smoothly to 0 at the open
    sides of (top, bottom, left, right)."""
    inside = (np.arange(side) + 0.5) / side / FEATHER
    rise = inside.clip(0, 1)
    rise = rise * rise * (3 - 2 * rise)
    top, bottom, left, right = open_sides
    rows = (rise if top else 1.0) * (rise[::-1] if bottom else np.ones(side))
    columns = (rise if left else 1.0) * (rise[::-1] if right else np.ones(side))
    return np.outer(rows, columns)


def _matrix(angle: float, centre: tuple[float, float], side: int) -> tuple[float, ...]:
    """Coefficients for PIL: from a pixel around the turned square to the square's own pixel."""
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    x, y = centre
    return (cos, -sin, side / 2 - cos * x + sin * y, sin, cos, side / 2 - sin * x - cos * y)
