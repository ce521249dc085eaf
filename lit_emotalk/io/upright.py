"""Decoded frames as the picture they stand for: RGB of ordinary range, square pixels, upright."""

from pathlib import Path

import av
import numpy as np

from lit_emotalk.errors import UserError
from lit_emotalk.io.hdr import is_hdr, tone_mapped

LONGEST_PIXEL = 4.0
"""Pixels that are said to be longer than so many times their width, or wider, are a damaged header."""


def pixel_aspect(stream: av.VideoStream, path: Path) -> float:
    """Width of a pixel per height, 1 where the file does not say; UserError where it cannot be."""
    aspect = float(stream.sample_aspect_ratio or 1)
    if aspect <= 0:
        return 1.0
    if not 1 / LONGEST_PIXEL <= aspect <= LONGEST_PIXEL:
        raise UserError(f"{path} says that its pixels are {aspect:g} times as wide as high; export it again")
    return aspect


def square_size(width: int, height: int, aspect: float) -> tuple[int, int]:
    """(width, height) with square pixels: a pixel's shorter side is stretched, nothing is lost."""
    return (round(width * aspect), height) if aspect >= 1 else (width, round(height / aspect))


def upright_size(frame: av.VideoFrame, aspect: float) -> tuple[int, int]:
    """(width, height) of `upright_rgb`."""
    width, height = square_size(frame.width, frame.height, aspect)
    return (height, width) if frame.rotation % 180 == 90 else (width, height)


def upright_rgb(frame: av.VideoFrame, aspect: float) -> np.ndarray:
    """A frame as (H, W, 3) uint8 RGB, turned as its rotation metadata say (degrees counterclockwise)."""
    width, height = square_size(frame.width, frame.height, aspect)
    deep = is_hdr(frame)
    picture = frame.to_ndarray(
        format="rgb48le" if deep else "rgb24", width=width, height=height, interpolation="BICUBIC"
    )
    if deep:
        picture = tone_mapped(picture, frame.color_trc)
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture
