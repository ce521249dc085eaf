"""Speech with phoneme times from espeak-ng (in the espeakng-loader wheel), called through ctypes."""

import _ctypes
import ctypes
import hashlib
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import espeakng_loader
import numpy as np

from lit_emotalk.errors import UserError

SILENCE = "sil"
BILABIALS: frozenset[str] = frozenset({"m", "b", "p"})

_SYNCHRONOUS, _PHONEME_EVENTS = 2, 1
_PARAMETERS = {"rate": 1, "volume": 2, "pitch": 3, "pitch_range": 4, "word_gap": 7}
_VOLUME = 60
_UTF8_SSML = 1 | 0x10
_EVENT_END, _EVENT_PHONEME = 0, 7
_LONGEST_DATA_PATH = 140
_VOICELESS_STOPS = frozenset({"p", "t", "k", "tS"})
_STOP_GAP_SECONDS = 0.09
_GAP_LEVEL = 0.02


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(frozen=True)
class Phoneme:
    """One sound: espeak-ng's name without stress marks (`sil` for a pause), start and end in seconds, whether
    stressed."""

    name: str
    start: float
    end: float
    stressed: bool = False


@dataclass(frozen=True)
class Utterance:
    """Synthesised speech: `samples` float32 in [-1, 1] at `rate` Hz, and its phonemes without gaps between
    them."""

    samples: np.ndarray
    rate: float
    phonemes: tuple[Phoneme, ...]


@cache
def espeak_data_path() -> str:
    """espeak-ng's data folder, by a short link where its own path exceeds the library's fixed buffer of 160
    bytes."""
    path = espeakng_loader.get_data_path()
    if len(path.encode()) <= _LONGEST_DATA_PATH:
        return path
    link = Path(tempfile.gettempdir()) / f"espeak-data-{hashlib.sha256(path.encode()).hexdigest()[:12]}"
    if not link.is_symlink():
        try:
            link.symlink_to(path)
        except FileExistsError:
            pass
        except OSError as error:
            raise UserError(
                f"espeak-ng needs a short path to its data, but cannot link {link}: {error}"
            ) from error
    return str(link)


def synthesise(
    text: str,
    variant: str,
    rate: float,
    pitch: float,
    pitch_range: float,
    word_gap: float = 0.0,
    tract: float = 1.0,
) -> Utterance:
    """Speak `text` (may hold SSML prosody tags) in American English.

    `rate` words a minute; `pitch` and `pitch_range` espeak-ng's settings 0..99; `word_gap` in units of 10 ms;
    `tract` scales all resonances, times kept. The library's hidden state is reset at every call, so that
    equal arguments give equal samples. Raises UserError where espeak-ng cannot be started or knows no such
    variant.
    """
    values = {
        "rate": rate / tract,
        "volume": _VOLUME,
        "pitch": float(np.clip(pitch, 0, 99)),
        "pitch_range": float(np.clip(pitch_range, 0, 99)),
        "word_gap": word_gap * tract,
    }
    raw, rate_hz, events = _call_library(text, variant, {key: round(value) for key, value in values.items()})
    samples = raw.astype(np.float32) / 32768.0
    rate_hz *= tract
    return Utterance(samples, rate_hz, tuple(_phonemes(events, samples, rate_hz)))


def _call_library(
    text: str, variant: str, parameters: dict[str, int]
) -> tuple[np.ndarray, float, list[tuple[str, int]]]:
    if not (Path(espeak_data_path()) / "voices" / "!v" / variant).is_file():
        raise UserError(f"espeak-ng has no voice variant '{variant}'")
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    chunks: list[np.ndarray] = []
    events: list[tuple[str, int]] = []

    def collect(wave, count, event) -> int:  # type: ignore[no-untyped-def]
        if wave and count > 0:
            chunks.append(np.ctypeslib.as_array(wave, (count,)).copy())
        i = 0
        while event[i].type != _EVENT_END:
            if event[i].type == _EVENT_PHONEME:
                events.append((event[i].id.decode("utf-8", "replace"), event[i].sample))
            i += 1
        return 0

    callback = _Callback(collect)
    try:
        rate = library.espeak_Initialize(_SYNCHRONOUS, 0, espeak_data_path().encode(), _PHONEME_EVENTS)
        if rate <= 0:
            raise UserError(f"espeak-ng cannot be started with its data in {espeak_data_path()}")
        library.espeak_SetSynthCallback(callback)
        if library.espeak_SetVoiceByName(f"en-us+{variant}".encode()) != 0:
            raise UserError(f"espeak-ng cannot load the voice en-us+{variant}")
        for name, value in parameters.items():
            library.espeak_SetParameter(_PARAMETERS[name], value, 0)
        encoded = text.encode()
        library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8_SSML, None, None)
        library.espeak_Terminate()
    finally:
        # Only unloading the library clears its oscillator phases, on which the next utterance would depend.
        handle = library._handle
        del library
        _ctypes.dlclose(handle)
    if not chunks:
        raise UserError(f"espeak-ng made no sound of '{text}'")
    return np.concatenate(chunks), float(rate), events


def _phonemes(events: list[tuple[str, int]], samples: np.ndarray, rate: float) -> list[Phoneme]:
    """Phonemes from events; a voiceless stop begins with its silent gap, which espeak-ng puts before the
    event."""
    level = np.abs(samples)
    threshold = _GAP_LEVEL * float(level.max())
    starts: list[int] = []
    names: list[tuple[str, bool]] = []
    for mnemonic, sample in events:
        name = mnemonic.strip("',-;_:!")
        name, stressed = (name or SILENCE), mnemonic.startswith("'")
        if mnemonic == ";" or mnemonic.startswith("_"):
            name = SILENCE if mnemonic.startswith("_") else "j"
        start = sample
        if name in _VOICELESS_STOPS:
            reach = max(sample - round(_STOP_GAP_SECONDS * rate), starts[-1] if starts else 0)
            loud = np.flatnonzero(level[reach:sample] > threshold)
            start = reach + (int(loud[-1]) + 1 if len(loud) else 0)
        starts.append(start)
        names.append((name, stressed))
    ends = [*starts[1:], len(samples)]
    found: list[Phoneme] = []
    for (name, stressed), start, end in zip(names, starts, ends, strict=True):
        if found and name == SILENCE == found[-1].name:
            found[-1] = Phoneme(SILENCE, found[-1].start, end / rate)
        elif end > start:
            found.append(Phoneme(name, start / rate, end / rate, stressed))
    return found
