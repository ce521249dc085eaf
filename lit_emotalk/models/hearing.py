"""Speech as the encoder of Whisper tiny.en hears it: sound to features of every video frame.

The encoder was trained to write down what people say, so that its states tell sounds of speech apart whoever
speaks, and hardly change with the voice (Radford et al. 2022, arXiv 2212.04356). `ctranslate2` runs it on one
core; it needs no padding to the 30 s that it was trained with.
"""

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from lit_emotalk import schema
from lit_emotalk.errors import UserError
from lit_emotalk.io.audio import log_mel
from lit_emotalk.io.heard import join
from lit_emotalk.io.mel import mel_filters
from lit_emotalk.io.pitch import pitch_columns
from lit_emotalk.weights import fetch as weights

WEIGHTS = "whisper_tiny_en"
N_FFT = 400
POWER_FLOOR = 1e-10
DECADES = 8.0
"""The log-mel is clamped to so many powers of ten below its maximum."""
MOST_COLUMNS = 3000
"""Columns of log-mel that the encoder has positions for: 30 s."""

WINDOW = 100
CONTEXT = 25
"""Longer sound is heard in parts of at most `WINDOW` frames, with `CONTEXT` frames on either side: the states
depend on their place in a part, and a network knows those of clips of a few seconds. On real clips one after
another the mouth's opening correlates with the truth by 0.44, as for each alone; with 250 frames by 0.40."""

SILENCE = 5
"""Frames of silence before and after a sound: without them the opening's correlation is lower by 0.01."""

_FILES = {"vocabulary.txt": b"<|endoftext|>\n"}
"""What the loader asks for beside the weights; the encoder does not use it."""


def whisper_mel(samples: np.ndarray) -> np.ndarray:
    """Log-mel as OpenAI's Whisper makes it: samples (N,) in [-1, 1] at 16 kHz -> float32 (80, N // 160).

    Power spectra of periodic Hann windows of 400 samples centred on sample 160 k, mirrored at the ends;
    log10, clamped to 8 below the maximum; (x + 4) / 4. N must be above 200.
    """
    padded = np.pad(np.asarray(samples, np.float32), N_FFT // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[:: schema.MEL_HOP]
    windows = windows[: len(samples) // schema.MEL_HOP]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT, dtype=np.float32) / N_FFT)
    power = np.square(np.abs(np.fft.rfft(windows * hann, axis=1))).astype(np.float32)
    filters = mel_filters(schema.SAMPLE_RATE, N_FFT, schema.MEL_BANDS, 0.0, schema.SAMPLE_RATE / 2)
    logs = np.log10(np.maximum(filters @ power.T, POWER_FLOOR))
    return (np.maximum(logs, logs.max() - DECADES) + 4) / 4


class Whisper:
    """The encoder of a Whisper model converted for `ctranslate2`, on one core of the CPU.

    `file` is its `model.bin`. Raises UserError for a file that is no such model.
    """

    def __init__(self, file: Path) -> None:
        import ctranslate2

        try:
            self._model = ctranslate2.models.Whisper(
                file.name,
                device="cpu",
                compute_type="float32",
                inter_threads=1,
                intra_threads=1,
                files={"model.bin": file.read_bytes(), **_FILES},
            )
        except (RuntimeError, ValueError) as error:
            raise UserError(f"{file} is no Whisper model for ctranslate2 ({error})") from error
        self._view = ctranslate2.StorageView.from_array

    @classmethod
    def load(cls) -> "Whisper":
        """The registry's Whisper tiny.en, loaded once; UserError where its weights are not here."""
        return _load(weights.path(WEIGHTS))

    def states(self, samples: np.ndarray) -> np.ndarray:
        """The encoder's last states, 50 a second: samples (N,), at most 30 s -> float32 (N // 320, 384)."""
        mel = whisper_mel(samples)[None, :, :MOST_COLUMNS]
        return np.array(self._model.encode(self._view(np.ascontiguousarray(mel))))[0]

    def hear(self, samples: np.ndarray) -> np.ndarray:
        """Samples (N,) in [-1, 1] at 16 kHz, of any length -> float16 (T, 768), T = N // 640 video frames.

        A frame's two states are joined. Memory beside input and output is that of one part of the sound.
        Raises UserError where there is not one whole frame.
        """
        frames = len(samples) // schema.SAMPLES_PER_FRAME
        if frames == 0:
            raise UserError(
                f"{len(samples)} samples are too short; at least {schema.SAMPLES_PER_FRAME} are needed"
            )
        parts = 1 if frames <= WINDOW + 2 * CONTEXT else -(-frames // WINDOW)
        bounds = [frames * part // parts for part in range(parts + 1)]
        heard = np.empty((frames, schema.WHISPER_SIZE), np.float16)
        for start, end in pairwise(bounds):
            first, last = max(0, start - CONTEXT), min(frames, end + CONTEXT)
            piece = samples[first * schema.SAMPLES_PER_FRAME : last * schema.SAMPLES_PER_FRAME]
            before, after = SILENCE * (first == 0), SILENCE * (last == frames)
            padded = np.pad(piece, (before * schema.SAMPLES_PER_FRAME, after * schema.SAMPLES_PER_FRAME))
            states = self.states(padded).reshape(-1, schema.WHISPER_SIZE)
            heard[start:end] = states[before + start - first : before + end - first]
        return heard


def check_hearing(hears: schema.Hears) -> None:
    """Raise UserError where speech cannot be heard so on this machine."""
    if "whisper" in schema.HEARD[hears]:
        weights.path(WEIGHTS)


def hear(samples: np.ndarray, hears: schema.Hears) -> np.ndarray:
    """What a network hears of samples (N,) in [-1, 1] at 16 kHz: float32 (rows * T, row size) by
    `schema.ROWS` and `ROW_SIZES`, T = N // 640 video frames: log-mel (4T, 80), Whisper's states (T, 768), or
    as `join` puts them side by side. UserError as `log_mel`, `Whisper.load` and `Whisper.hear`."""
    made = {entry: torch.from_numpy(_MAKERS[entry](samples)) for entry in schema.HEARD[hears]}
    return join(made, hears).numpy()


def _states(samples: np.ndarray) -> np.ndarray:
    return Whisper.load().hear(samples).astype(np.float32)


_MAKERS: dict[schema.Entry, Callable[[np.ndarray], np.ndarray]] = {
    "mel": log_mel,
    "whisper": _states,
    "pitch": pitch_columns,
}


@lru_cache(maxsize=1)
def _load(file: Path) -> Whisper:
    return Whisper(file)
