"""A talking face live: sound in pieces to frames, by the networks of ordinary inference, in bounded memory.

    sound --ExpressionStream--> expressions --LiveMotion--> coefficients --FrameStream--> frames

A generator trained on windows of 27 frames would have to wait for the 13 after each. A live frame is drawn as
if its coefficients stayed as they are: with the demo's models that differs from the offline frames by a tenth
of a grey level in the mean (55 dB), and `lookahead` buys the rest back by latency (our choice).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from lit_emotalk.coefficients import POSE_SIZE
from lit_emotalk.errors import UserError
from lit_emotalk.inference.live.streaming import ExpressionStream
from lit_emotalk.inference.motion.natural import LiveMotion
from lit_emotalk.inference.motion.own import from_own
from lit_emotalk.inference.motion.strength import strengthened
from lit_emotalk.inference.output.finish import Finish
from lit_emotalk.schema import FPS

BATCH = 8
"""Frames drawn at once where several are due."""

Draw = Callable[[np.ndarray], np.ndarray]
"""Windows of coefficients (n, window, 57) -> frames (n, S, S, 3) uint8."""


@dataclass(frozen=True, eq=False)
class LiveFrame:
    """One frame: its number from 0, coefficients (57,), and picture (H, W, 3) uint8 RGB; None where it was
    not to be drawn."""

    index: int
    coefficients: np.ndarray
    image: np.ndarray | None

    @property
    def seconds(self) -> float:
        """When it is to be shown, from the sound's beginning."""
        return self.index / FPS


class FrameStream:
    """Frames of coefficients that arrive piece by piece.

    Each frame is drawn from the `window // 2` frames before it and the `lookahead` frames after it, the ends
    repeated: how the pieces are cut changes nothing, and with a lookahead of `window // 2` the frames are the
    offline ones. Raises UserError for a lookahead outside 0..window // 2.
    """

    def __init__(self, draw: Draw, window: int, lookahead: int = 0) -> None:
        if not 0 <= lookahead <= window // 2:
            raise UserError(f"the lookahead must be from 0 to {window // 2} frames, not {lookahead}")
        self.lookahead = lookahead
        self._draw, self._window = draw, window
        self._kept: np.ndarray | None = None
        self._first = self._next = 0

    def push(self, coefficients: np.ndarray, draw: bool = True) -> list[np.ndarray | None]:
        """Take coefficients (n, 57); returns the frames (S, S, 3) uint8 that are due; None for each unless
        they are to be drawn."""
        self._kept = coefficients if self._kept is None else np.concatenate([self._kept, coefficients])
        return self._due(self.lookahead, draw)

    def finish(self) -> list[np.ndarray | None]:
        """The frames that are left."""
        return self._due(0, True)

    def _due(self, ahead: int, draw: bool) -> list[np.ndarray | None]:
        if self._kept is None:
            return []
        frames: list[np.ndarray | None] = []
        before = self._window // 2
        arrived = self._first + len(self._kept)
        while (count := min(BATCH, arrived - ahead - self._next)) > 0:
            middle = self._next + np.arange(count)[:, None]
            places = middle + np.arange(-before, self._window - before)
            last = np.minimum(middle + self.lookahead, arrived - 1)
            windows = self._kept[np.clip(places, self._first, last) - self._first]
            frames.extend(self._draw(windows) if draw else [None] * count)
            self._next += count
        keep_from = max(self._first, min(self._next, arrived) - before)
        self._kept = self._kept[keep_from - self._first :].copy()
        self._first = keep_from
        return frames


class LiveFace:
    """A talking face that hears sound in pieces and shows frames; memory and work a frame do not grow.

    `expressions` makes expression frames of sound, `motion` moves head and lids, None leaves them; `own`
    (57,) is the portrait's expression, see `from_own`, and its head's pose. `frames` draws, None:
    coefficients only. `finish` is applied to every drawn face. `strength` as in `Options`.
    """

    def __init__(
        self,
        expressions: ExpressionStream,
        own: np.ndarray,
        motion: LiveMotion | None = None,
        frames: FrameStream | None = None,
        finish: Finish | None = None,
        strength: float = 1.0,
    ) -> None:
        self._expressions, self._own, self._motion = expressions, own.astype(np.float32), motion
        self._strength = strength
        self._frames, self._finish = frames, finish
        self._waiting: list[np.ndarray] = []
        self._given = 0
        self.size = None if finish is None else finish.size
        """(height, width) of the frames; None without pictures."""

    @property
    def hop(self) -> int:
        """Frames that come at a time."""
        return self._expressions.latency.hop

    @property
    def milliseconds(self) -> float:
        """From a frame's first sound until the frame can be computed, without the time that takes."""
        ahead = self._frames.lookahead if self._frames else 0
        waited = -(-ahead // self.hop) * self.hop
        return self._expressions.latency.milliseconds + 1000 * waited / FPS

    def change(self, code: torch.Tensor | None, intensity: float) -> int:
        """Another emotion's code (D,) and intensity in [0, 1]; it fades in from the returned frame on."""
        self._expressions.change(code, intensity)
        return self._given + len(self._waiting)

    def push(self, samples: np.ndarray, draw: bool = True) -> list[LiveFrame]:
        """Take samples (N,) of 16 kHz mono in [-1, 1]; returns the frames that are due, often none.

        draw: False leaves them without pictures, for who is late. Raises UserError for samples that are not
        finite.
        """
        return self._made(self._expressions.push(samples), draw)

    def finish(self) -> list[LiveFrame]:
        """The frames that are left."""
        return self._made(self._expressions.finish(), last=True)

    def _made(self, expression: np.ndarray, draw: bool = True, last: bool = False) -> list[LiveFrame]:
        pose = np.broadcast_to(self._own[-POSE_SIZE:], (len(expression), POSE_SIZE))
        expression = from_own(strengthened(expression, self._strength), self._own[:-POSE_SIZE])
        coefficients = np.concatenate([expression, pose], 1)
        if self._motion is not None:
            coefficients = self._motion(coefficients)
        self._waiting.extend(coefficients)
        images: list[np.ndarray | None]
        if self._frames is None:
            images = [None] * len(self._waiting)
        else:
            images = self._frames.push(coefficients, draw) if len(coefficients) else []
            images += self._frames.finish() if last else []
        if self._finish is not None:
            images = [image if image is None else self._finish(image) for image in images]
        made = [LiveFrame(self._given + k, self._waiting[k], image) for k, image in enumerate(images)]
        self._waiting = self._waiting[len(made) :]
        self._given += len(made)
        return made


def frames_of(live: LiveFace, chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The frames (H, W, 3) uint8 of a live face that hears `chunks`."""
    for chunk in chunks:
        yield from (frame.image for frame in live.push(chunk) if frame.image is not None)
    yield from (frame.image for frame in live.finish() if frame.image is not None)
