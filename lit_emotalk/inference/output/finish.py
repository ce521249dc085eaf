"""What happens to every drawn face before it is written: paste-back and the visible mark."""

import numpy as np

from lit_emotalk.face.crop import fitted
from lit_emotalk.inference.options import Options
from lit_emotalk.inference.output.paste import PasteBack
from lit_emotalk.inference.output.provenance import VisibleMark
from lit_emotalk.inference.portrait import Portrait


class Finish:
    """Turns drawn faces (S, S, 3) uint8 into frames of `size` (height, width), as `options` say."""

    def __init__(self, portrait: Portrait, options: Options, resolution: int) -> None:
        self.size = (resolution, resolution)
        self._paste: PasteBack | None = None
        if options.frame == "picture" and portrait.picture is not None and portrait.place is not None:
            picture, factor = fitted(portrait.picture, options.longest_side)
            self._paste = PasteBack(picture, portrait.place.scaled(factor))
            self.size = picture.shape[:2]
        self._mark = VisibleMark(*self.size) if options.mark else None

    def __call__(self, face: np.ndarray) -> np.ndarray:
        """One frame (height, width, 3) uint8."""
        frame = face if self._paste is None else self._paste(face)
        return frame if self._mark is None else self._mark(frame)
