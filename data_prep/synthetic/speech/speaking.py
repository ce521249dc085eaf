"""Saying a sentence with a voice and a prosody: by espeak-ng, or by hibari as another speaker."""

import numpy as np

from data_prep.synthetic.speech.espeak import SILENCE, Phoneme, Utterance, synthesise
from data_prep.synthetic.speech.natural import (
    SPECTRUM_HOP,
    SPECTRUM_RATE,
    Sound,
    SpokenSpectra,
    spoken_spectra,
)
from data_prep.synthetic.speech.prosody import Prosody
from data_prep.synthetic.speech.visemes import is_vowel
from data_prep.synthetic.speech.vocoder import vocode
from data_prep.synthetic.speech.voice import Voice, variant_pitch

NEUTRAL_RANGE = 60.0
"""espeak-ng's setting for a neutral sentence."""
NATURAL_RANGE, DECLINATION = 0.75, 0.2
"""Factor on hibari's own pitch range, and octaves by which the pitch sinks over a sentence (Cooper and
Sorensen 1981; hibari sinks little in strings of words)."""
NATURAL_RATE = 205.0
"""Words a minute of hibari's own pace (measured on the corpus' sentences)."""

CONSONANTS_STRETCH = 0.6
"""Consonants change their length less than vowels do: this share, as a power (Gay 1981; size our choice)."""
EFFORT_THROAT = 0.005
"""log2 of the first resonance a dB of vocal effort (Lienard and Di Benedetto 1999: 3.5 Hz a dB at about 500
Hz)."""
FIRST_RESONANCE_HZ, OTHERS_HZ = 600.0, 1800.0
JITTER = 0.006
_SILENT, _EDGE = -12.0, 1.5


def speak(text: str, prosody: Prosody, voice: Voice, rng: np.random.Generator) -> Utterance:
    """The sentence in this voice: rate, pitch, range, pauses, emphasis and ending; the colour of the voice is
    `effects.py`'s."""
    words = text.split()
    lengths = np.array([len(word.strip(".,!?")) for word in words[:-1]])
    emphasised = int(rng.choice(np.flatnonzero(lengths >= np.sort(lengths)[-2])))
    if voice.natural:
        return _speak_naturally(text, prosody, voice, emphasised, rng)
    pitch = voice.pitch * 2**prosody.pitch
    tract = voice.tract * 2**prosody.formants
    setting = 50 + 50 * np.log2(pitch / (variant_pitch(voice.variant) * tract))
    span = NEUTRAL_RANGE * voice.liveliness * 2 ** (prosody.span + prosody.pitch)
    rate = voice.rate * 2**prosody.rate
    return synthesise(
        _markup(words, prosody, emphasised), voice.variant, rate, setting, span, prosody.gap, tract
    )


def _markup(words: list[str], prosody: Prosody, emphasised: int) -> str:
    words = list(words)
    if prosody.emphasis:
        words[emphasised] = _tag(words[emphasised], prosody.emphasis, 0.1)
    if prosody.ending or prosody.drawl:
        words[-1] = _tag(words[-1], prosody.ending, prosody.drawl)
    return f"<speak>{' '.join(words)}</speak>"


def _tag(word: str, pitch: float, slow: float) -> str:
    percent = round(100 * (2**pitch - 1))
    return f'<prosody pitch="{percent:+d}%" rate="{round(100 * 2**-slow)}%">{word}</prosody>'


def _speak_naturally(
    text: str, prosody: Prosody, voice: Voice, emphasised: int, rng: np.random.Generator
) -> Utterance:
    spoken = spoken_spectra(text)
    octaves = _contour(spoken, prosody, voice, emphasised)
    source, muted, phonemes = _timing(spoken.sounds, prosody, voice)
    octaves = np.interp(source, np.arange(len(octaves)), octaves) + JITTER * rng.standard_normal(len(source))
    voiced = spoken.pitch[np.clip(np.round(source).astype(int), 0, len(spoken.pitch) - 1)] > 0
    pitch = np.where(voiced & ~muted, voice.pitch * 2**octaves, 0.0)
    throat = voice.throat * 2 ** (EFFORT_THROAT * prosody.loudness)
    bins = _warped_bins(spoken.voice.shape[1], voice.tract * 2**prosody.formants, throat)
    envelopes = []
    for spectra in (spoken.voice, spoken.noise):
        moved = _rows(_rows(spectra, source).T, bins).T
        envelopes.append(np.where(muted[:, None], _SILENT, moved))
    return Utterance(vocode(envelopes[0], envelopes[1], pitch, rng), SPECTRUM_RATE, phonemes)


def _contour(spoken: SpokenSpectra, prosody: Prosody, voice: Voice, emphasised: int) -> np.ndarray:
    """log2 of the pitch over the speaker's mean, (F,), also where the voice is silent."""
    voiced = np.flatnonzero(spoken.pitch > 0)
    octaves = np.log2(spoken.pitch[voiced])
    octaves = np.interp(np.arange(len(spoken.pitch)), voiced, octaves - octaves.mean())
    progress = np.linspace(0.5, -0.5, len(octaves))
    octaves = NATURAL_RANGE * octaves + DECLINATION * progress
    octaves = octaves * voice.liveliness * 2**prosody.span + prosody.pitch
    last = max(sound.word for sound in spoken.sounds)
    for word, lift in ((emphasised, prosody.emphasis), (last, prosody.ending)):
        inside = [sound for sound in spoken.sounds if sound.word == word]
        if inside:
            frames = np.arange(len(octaves))
            rise = np.clip((frames - inside[0].begin) / max(inside[-1].end - inside[0].begin, 1), 0, 1)
            octaves += lift * (rise if word == last else np.sin(np.pi * rise))
    return octaves


def _timing(
    sounds: tuple[Sound, ...], prosody: Prosody, voice: Voice
) -> tuple[np.ndarray, np.ndarray, tuple[Phoneme, ...]]:
    """Where in hibari's frames each new frame lies (N,), which are silent (N,) bool, and the phonemes'
    times."""
    slower = NATURAL_RATE / (voice.rate * 2**prosody.rate)
    last = max(sound.word for sound in sounds)
    pause = prosody.gap * 0.01 * SPECTRUM_RATE / SPECTRUM_HOP
    old, new, silences, phonemes = [sounds[0].begin], [0.0], [], []
    second = SPECTRUM_HOP / SPECTRUM_RATE
    for before, sound in zip((None, *sounds[:-1]), sounds, strict=True):
        if before is not None and pause >= 1 and 0 <= before.word != sound.word >= 0:
            phonemes.append(Phoneme(SILENCE, new[-1] * second, (new[-1] + pause) * second))
            silences.append((new[-1] + _EDGE / 2, new[-1] + pause - _EDGE / 2))
            old.append(old[-1] + 1e-3)
            new.append(new[-1] + pause)
        stretch = slower if is_vowel(sound.name) or sound.name == SILENCE else slower**CONSONANTS_STRETCH
        if sound.word == last:
            stretch *= 2**prosody.drawl
        begin = new[-1]
        old.append(sound.end)
        new.append(begin + stretch * (sound.end - sound.begin))
        phonemes.append(Phoneme(sound.name, begin * second, new[-1] * second, sound.stressed))
    frames = np.arange(int(np.ceil(new[-1])))
    muted = np.zeros(len(frames), bool)
    for begin, end in silences:
        muted |= (frames >= begin) & (frames <= end)
    return np.interp(frames + 0.5, new, old) - 0.5, muted, tuple(phonemes)


def _warped_bins(count: int, tract: float, throat: float) -> np.ndarray:
    """Where in the old spectrum each new bin lies, (count,), when all resonances are moved by `tract` and the
    first one by `throat` besides."""
    hertz = np.arange(count) * SPECTRUM_RATE / 2 / (count - 1)
    above = np.clip((hertz - FIRST_RESONANCE_HZ) / (OTHERS_HZ - FIRST_RESONANCE_HZ), 0, 1)
    return np.arange(count) / (tract * throat ** (1 - above))


def _rows(table: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Rows of a table (F, C) at fractional places (N,), linearly between them; (N, C)."""
    places = np.clip(places, 0, len(table) - 1)
    low = np.minimum(places.astype(int), len(table) - 2)
    share = (places - low)[:, None].astype(np.float32)
    return (1 - share) * table[low] + share * table[low + 1]
