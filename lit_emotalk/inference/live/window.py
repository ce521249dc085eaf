"""The last seconds of a stream's sound, as a network hears them."""

import numpy as np

from lit_emotalk.errors import UserError
from lit_emotalk.io.audio import MEL_REACH, MelStream
from lit_emotalk.models.hearing import Whisper
from lit_emotalk.schema import MEL_BANDS, MEL_FLOOR, MEL_PER_FRAME, SAMPLES_PER_FRAME, Hears


class MelWindow:
    """Log-mel of sound that arrives in pieces; every column is made once."""

    def __init__(self) -> None:
        self._sound = MelStream()
        self._mel = np.zeros((0, MEL_BANDS), np.float32)

    @property
    def frames(self) -> int:
        """Whole frames that are kept."""
        return len(self._mel) // MEL_PER_FRAME

    def push(self, samples: np.ndarray) -> None:
        """Take samples (N,) of 16 kHz mono in [-1, 1]. Raises UserError for samples that are not finite."""
        self._mel = np.concatenate([self._mel, self._sound.push(samples)])

    def finish(self) -> None:
        """The stream is over: what follows its last sound is silence."""
        self._mel = np.concatenate([self._mel, self._sound.finish()])

    def heard(self, start: int, end: int, silence: int) -> np.ndarray:
        """The kept frames from `start` to `end`, then `silence` frames of it: (4n, 80)."""
        after = np.full((MEL_PER_FRAME * silence, MEL_BANDS), np.log(MEL_FLOOR), np.float32)
        return np.concatenate([self._mel[MEL_PER_FRAME * start : MEL_PER_FRAME * end], after])

    def forget(self, frames: int) -> None:
        """Drop the first `frames` frames."""
        self._mel = self._mel[MEL_PER_FRAME * frames :]


class WhisperWindow:
    """Whisper's states of sound that arrives in pieces: the encoder looks at the whole window, so that it
    hears it anew each time. A frame counts as there with as much sound after it as `MelWindow` needs."""

    def __init__(self) -> None:
        self._whisper = Whisper.load()
        self._samples = np.zeros(0, np.float32)

    @property
    def frames(self) -> int:
        """Whole frames that are kept."""
        return max(0, len(self._samples) - MEL_REACH) // SAMPLES_PER_FRAME

    def push(self, samples: np.ndarray) -> None:
        """Take samples (N,) of 16 kHz mono in [-1, 1]. Raises UserError for samples that are not finite."""
        if not np.isfinite(samples).all():
            raise UserError("the stream holds samples that are not numbers (NaN or infinite)")
        self._samples = np.concatenate([self._samples, np.asarray(samples, np.float32)])

    def finish(self) -> None:
        """The stream is over: what follows its last sound is silence."""
        self._samples = np.concatenate([self._samples, np.zeros(MEL_REACH, np.float32)])

    def heard(self, start: int, end: int, silence: int) -> np.ndarray:
        """The kept frames from `start` to `end`, then `silence` frames of it: (n, 768)."""
        kept = self._samples[SAMPLES_PER_FRAME * start : SAMPLES_PER_FRAME * end]
        after = np.zeros(SAMPLES_PER_FRAME * silence, np.float32)
        return self._whisper.hear(np.concatenate([kept, after])).astype(np.float32)

    def forget(self, frames: int) -> None:
        """Drop the first `frames` frames."""
        self._samples = self._samples[SAMPLES_PER_FRAME * frames :]


def sound_window(hears: Hears) -> MelWindow | WhisperWindow:
    """An empty window of what a network hears. Raises UserError as `Whisper.load`."""
    return MelWindow() if hears == "mel" else WhisperWindow()
