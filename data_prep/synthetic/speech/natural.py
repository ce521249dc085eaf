"""Natural speech from hibari (Apache-2.0, in the hibari-tts wheel): envelopes of voice and noise, pitch,
phonemes.

hibari's network gives, for every 12.5 ms, the spectrum of its voiced part, of two parts of noise, and the
pitch; `vocoder.py` makes sound of them once they are those of another speaker. Its voice is one American
woman's; others would be downloaded and are not used.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import numpy as np
import onnx
import onnxruntime
from hibari import Hibari
from scipy import fft

from data_prep.synthetic.speech.espeak import SILENCE

SPECTRUM_RATE = 24_000
SPECTRUM_HOP = 300
SPECTRUM_WINDOW = 1200
BINS = SPECTRUM_WINDOW // 2 + 1

_DURATIONS = "/Round_output_0"
"""Node of hibari 0.2.1's graph that holds each symbol's duration, in `_FRAMES_PER_UNIT` frames."""
_FRAMES_PER_UNIT = 2
_EARLY_FRAMES = 4.0
"""The sounds begin this much before the durations say: measured on 120 sentences by the onset of sibilants
(62 ms early), their end (0 to 12 ms after the start of what follows), the closures of b (75-10 ms early) and
of p, t, k (87-10 ms early)."""
_PAUSE_FRAMES = 8.0
_QUIET_DB = -40.0
_LOWEST_HZ, _FALLEN = 40.0, 0.7
_VOICE_QUEFRENCY, _NOISE_QUEFRENCY = 0.003, 0.002
"""Seconds of the cepstrum that are kept: finer structure belongs to the pitch."""

_NAMES: dict[str, str] = {
    "A": "eI", "I": "aI", "O": "oU", "W": "aU", "Y": "OI", "Q": "oU", "ᵊ": "@", "ə": "@", "ɐ": "a#",
    "ᵻ": "I#", "æ": "a", "ɑ": "A:", "a": "a", "ɒ": "0", "ɔ": "O:", "ɛ": "E", "e": "e", "ɜ": "3:", "ɚ": "3",
    "ɪ": "I", "i": "i:", "u": "u:", "ʊ": "U", "ʌ": "V", "o": "o", "j": "j", "w": "w", "h": "h", "ɹ": "r",
    "r": "r", "l": "l", "m": "m", "n": "n", "ŋ": "N", "p": "p", "b": "b", "t": "t", "T": "t#", "ɾ": "t#",
    "d": "d", "k": "k", "ɡ": "g", "f": "f", "v": "v", "θ": "T", "ð": "D", "s": "s", "z": "z", "ʃ": "S",
    "ʒ": "Z", "ʧ": "tS", "ʤ": "dZ", "ʔ": "?",
}  # fmt: skip
"""hibari's symbols (misaki's) by espeak-ng's names, which visemes are looked up by."""

_STRESS, _LENGTH, _SPACE = "ˈˌ", "ː", " "
_CLOSED_FIRST = frozenset({"p", "t", "k", "b", "d", "g", "tS", "dZ"})


@dataclass(frozen=True)
class Sound:
    """One sound or pause: espeak-ng's `name`, begin and end in frames of 12.5 ms (fractional), whether
    `stressed`, and the `word` (from 0) that it belongs to, -1 for a pause."""

    name: str
    begin: float
    end: float
    stressed: bool
    word: int


@dataclass(frozen=True)
class SpokenSpectra:
    """A sentence as hibari says it, F frames of 12.5 ms.

    `voice`, `noise`: (F, 601) float32, natural logarithm of the magnitude of a sine and of noise at multiples
    of 20 Hz, smooth envelopes; `pitch`: (F,) Hz, 0 where the voice is silent; `sounds` fill the time without
    gaps, from the end of the silence before the first to that after the last.
    """

    voice: np.ndarray
    noise: np.ndarray
    pitch: np.ndarray
    sounds: tuple[Sound, ...]


@cache
def _speaker() -> tuple[Hibari, onnxruntime.InferenceSession]:
    speaker = Hibari()
    model = onnx.load(str(files("hibari") / "assets" / "hibari.onnx"))
    model.graph.output.append(onnx.ValueInfoProto(name=_DURATIONS))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return speaker, session


def spoken_spectra(text: str) -> SpokenSpectra:
    """What hibari makes of a sentence. Equal texts give equal spectra."""
    speaker, session = _speaker()
    symbols = " ".join(speaker.phonemize(text))
    ids = np.array([speaker.ids(symbols)], np.int64)
    names = ["lh", "ln", "lr", "f0", _DURATIONS]
    found = session.run(names, {"ids": ids, "speed": np.ones(1, np.float32)})
    voice, hiss, free, pitch = (array[0].T for array in found[:4])
    durations = found[4].reshape(-1) * _FRAMES_PER_UNIT
    # Both parts of noise are incoherent: `hiss` scales a complex Gaussian of power 2, `free` a random phase.
    noise = 0.5 * np.logaddexp(np.log(2) + 2 * hiss, 2 * free)
    pitch = _steady(np.where(pitch >= _LOWEST_HZ, pitch, 0.0))
    kept = [symbol for symbol in symbols if symbol in speaker.vocab]
    voice, noise = _smooth(voice, _VOICE_QUEFRENCY), _smooth(noise, _NOISE_QUEFRENCY)
    sounds = _end_where_heard(sounds_of(kept, durations), _power(voice, noise, pitch))
    return SpokenSpectra(voice, noise, pitch, sounds)


def sounds_of(symbols: Sequence[str], durations: np.ndarray) -> tuple[Sound, ...]:
    """hibari's symbols and their durations in frames (one before and one after them: silence) as sounds.

    A stress mark's time is the vowel's that follows, a length mark's that of the sound before it. A short
    space is the closure of a stop that follows, else part of the sound before it; a long one is a pause.
    """
    edges = np.concatenate([[0.0], np.cumsum(durations)]) - _EARLY_FRAMES
    sounds: list[Sound] = []
    begin, stressed, word = float(edges[1]), False, 0
    for i, symbol in enumerate(symbols):
        end = float(edges[i + 2])
        following = _NAMES.get(symbols[i + 1], SILENCE) if i + 1 < len(symbols) else SILENCE
        if symbol in _STRESS:
            stressed = True
            continue
        if symbol == _SPACE:
            word += 1
            if end - begin < _PAUSE_FRAMES and following in _CLOSED_FIRST:
                continue
        if symbol == _LENGTH or (symbol == _SPACE and end - begin < _PAUSE_FRAMES):
            if sounds:
                sounds[-1] = replace(sounds[-1], end=end)
                begin = end
            continue
        name = _NAMES.get(symbol, SILENCE)
        if name == SILENCE and sounds and sounds[-1].name == SILENCE:
            sounds[-1] = replace(sounds[-1], end=end)
        elif end > begin:
            sounds.append(Sound(name, begin, end, stressed, -1 if name == SILENCE else word))
        begin, stressed = end, False
    while sounds and sounds[-1].name == SILENCE:
        sounds.pop()
    return tuple(sounds)


def _steady(pitch: np.ndarray) -> np.ndarray:
    """Without the falls to low values where the voice begins and ends, which the network draws as a curve
    towards 0: they are filled from their neighbours, (F,)."""
    voiced = pitch > 0
    sure = pitch > _FALLEN * np.median(pitch[voiced])
    frames = np.arange(len(pitch))
    return np.where(voiced, np.interp(frames, frames[sure], pitch[sure]), 0.0)


def _end_where_heard(sounds: tuple[Sound, ...], power: np.ndarray) -> tuple[Sound, ...]:
    """Sounds before a pause and the last one hold silence too: they end when it begins; power (F,)."""
    loud = power > 10 ** (_QUIET_DB / 10) * power.max()
    ended = list(sounds)
    for i, sound in enumerate(sounds):
        following = sounds[i + 1] if i + 1 < len(sounds) else None
        if sound.name == SILENCE or (following is not None and following.name != SILENCE):
            continue
        first = int(np.ceil(sound.begin))
        heard = np.flatnonzero(loud[first : int(sound.end)])
        end = min(sound.end, first + (int(heard[-1]) + 2 if len(heard) else 2))
        ended[i] = replace(sound, end=float(end))
        if following is not None:
            ended[i + 1] = replace(following, begin=float(end))
    return tuple(ended)


def _smooth(spectra: np.ndarray, quefrency: float) -> np.ndarray:
    """Envelopes without the fine structure: the cepstrum's beginning, (F, 601) -> (F, 601) float32."""
    cepstra = fft.irfft(spectra.astype(np.float32), axis=1)
    index = np.arange(SPECTRUM_WINDOW)
    seconds = np.minimum(index, SPECTRUM_WINDOW - index) / SPECTRUM_RATE
    kept = np.where(seconds < quefrency, 0.5 + 0.5 * np.cos(np.pi * seconds / quefrency), 0.0)
    return fft.rfft(cepstra * kept.astype(np.float32), axis=1).real


def _power(voice: np.ndarray, noise: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """Mean power of each frame, (F,), noise and voice on about one scale."""
    return np.exp(2 * noise).mean(1) + np.where(pitch > 0, np.exp(2 * voice).mean(1), 0.0)
