"""Coefficients of live speech: sound in pieces to expression frames, with a bounded latency.

The weights are those of ordinary prediction. Every `hop` frames the EAC looks at the last `window` frames of
sound, `ahead` of them beyond the frames it gives. Its training windows were cut out of clips, so that it
knows speech that breaks off, and nothing has to be trained for this (our choice; the paper works offline).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.errors import UserError
from lit_emotalk.inference.live.window import sound_window
from lit_emotalk.io.audio import MEL_REACH
from lit_emotalk.models.eac import EAC
from lit_emotalk.schema import FPS, SAMPLE_RATE, Hears

SILENT_FRAMES = 10
"""The EAC sees so many frames of silence after the last sound it has, as if the speech ended there: by that
the demo's mouth opening correlates with the truth by 0.55 rather than 0.44 (offline 0.56)."""

FADE_FRAMES = 10
"""A new emotion fades in over so many frames."""


@dataclass(frozen=True)
class Latency:
    """How a stream works, in frames of 40 ms: `hop` frames are given at a time, `ahead` frames of sound after
    them are awaited, `window` frames of sound are looked at. UserError for numbers that cannot be."""

    hop: int = 2
    ahead: int = 3
    window: int = 75

    def __post_init__(self) -> None:
        if self.hop < 1 or self.ahead < 0 or self.window < self.hop + self.ahead:
            raise UserError("a stream needs hop >= 1, ahead >= 0 and window >= hop + ahead, in frames")

    @property
    def milliseconds(self) -> float:
        """From a frame's first sound until the frame can be computed, without the time that takes."""
        return 1000 * ((self.hop + self.ahead) / FPS + MEL_REACH / SAMPLE_RATE)


LATENCIES: dict[Hears, Latency] = {"mel": Latency(), "whisper": Latency(hop=4, ahead=2, window=40)}
"""How a stream works by default. Whisper's encoder hears the whole window again for every hop: with these it
costs 4.2 ms of one core a frame (5.9 with a hop of 3; the frames come 40 ms later), and on 34 real clips the
mouth's opening correlates with the truth by 0.45 in either case."""


class ExpressionStream:
    """Expression frames of sound that arrives piece by piece.

    The sound is heard as the EAC was trained to, by log-mel or by Whisper; the latter's encoder hears the
    window anew for every hop. `code` (D,) as for the EAC, None for none; `intensity` in [0, 1]. Memory and
    work a frame do not grow.
    """

    def __init__(
        self, eac: EAC, code: Tensor | None, intensity: float = 1.0, latency: Latency | None = None
    ) -> None:
        self.eac, self.latency = eac.eval(), latency or LATENCIES[eac.config.hears]
        self._emotion, self._before, self._faded = (code, intensity), (code, intensity), FADE_FRAMES
        self._sound = sound_window(eac.config.hears)
        self._next = 0

    def change(self, code: Tensor | None, intensity: float) -> None:
        """Another emotion from the next frames on; it fades in over `FADE_FRAMES`."""
        self._before, self._emotion, self._faded = self._emotion, (code, intensity), 0

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Take samples (N,) of 16 kHz mono in [-1, 1]; returns the frames (n, 51) that are due, often none.

        Raises UserError for samples that are not finite.
        """
        self._sound.push(samples)
        return self._due(self.latency.ahead)

    def finish(self) -> np.ndarray:
        """The frames that are left (n, 51); sound that is not a whole frame is left out."""
        self._sound.finish()
        rest = self._due(0)
        left = self._sound.frames - self._next
        return np.concatenate([rest, self._made(left, 0)]) if left else rest

    def _due(self, ahead: int) -> np.ndarray:
        made = [np.zeros((0, ARKIT.expression_size), np.float32)]
        while self._sound.frames >= self._next + self.latency.hop + ahead:
            made.append(self._made(self.latency.hop, self.latency.ahead))
        return np.concatenate(made)

    @torch.inference_mode()
    def _made(self, count: int, ahead: int) -> np.ndarray:
        """The next `count` frames; sound that no later window needs is dropped."""
        end = min(self._next + count + ahead, self._sound.frames)
        start = max(0, end - self.latency.window)
        window = self._sound.heard(start, end, SILENT_FRAMES)
        span = slice(self._next - start, self._next - start + count)
        made = self._predict(window, *self._emotion)[span]
        if self._faded < FADE_FRAMES:
            share = ((self._faded + 1 + np.arange(count)) / FADE_FRAMES).clip(max=1)[:, None]
            made = share * made + (1 - share) * self._predict(window, *self._before)[span]
            self._faded += count
        self._sound.forget(start)
        self._next += count - start
        return made.astype(np.float32)

    def _predict(self, window: np.ndarray, code: Tensor | None, intensity: float) -> np.ndarray:
        place = self.eac.null_code.device
        batch = torch.from_numpy(window)[None].to(place)
        given = None if code is None else code[None].to(place)
        return self.eac(batch, given, torch.tensor([intensity], device=place))[0].float().cpu().numpy()
