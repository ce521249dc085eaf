"""The natural voice: phonemes where they are heard, and one voice made into others."""

import numpy as np
import pytest
from scipy.signal import freqz

from data_prep.synthetic.speech.effects import resample
from data_prep.synthetic.speech.espeak import SILENCE, Utterance
from data_prep.synthetic.speech.natural import BINS, sounds_of, spoken_spectra
from data_prep.synthetic.speech.prosody import Prosody
from data_prep.synthetic.speech.sentences import sentence_pool
from data_prep.synthetic.speech.speaking import speak
from data_prep.synthetic.speech.visemes import VISEMES, visemes_of
from data_prep.synthetic.speech.vocoder import minimum_phase, vocode
from data_prep.synthetic.speech.voice import NATURAL, Voice
from lit_emotalk.io.compiled import librosa

SENTENCE = "She keeps six big boxes, and Bob sees a puppy."


NEUTRAL = Prosody()


def say(prosody: Prosody = NEUTRAL, **changes: float) -> Utterance:
    """The sentence by a woman's natural voice."""
    voice = {"pitch": 200.0, "liveliness": 1.0, "rate": 205.0, "tract": 1.0, "breath": 0.0} | changes
    return speak(SENTENCE, prosody, Voice(NATURAL, **voice), np.random.default_rng(0))


def pitch_of(spoken: Utterance) -> np.ndarray:
    """Fundamental frequency in Hz of the voiced frames, by pYIN."""
    samples = resample(spoken.samples, spoken.rate)
    pitch, _, _ = librosa().pyin(samples, fmin=60, fmax=500, sr=16000, frame_length=1024)
    return pitch[np.isfinite(pitch)]


def levels(spoken: Utterance, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Level in dB between two frequencies every 5 ms, and the times in seconds."""
    samples = resample(spoken.samples, spoken.rate)
    power = np.abs(librosa().stft(samples, n_fft=256, hop_length=80)) ** 2
    hertz = librosa().fft_frequencies(sr=16000, n_fft=256)
    band = 10 * np.log10(power[(hertz > low) & (hertz < high)].sum(0) + 1e-9)
    return band, np.arange(len(band)) * 0.005


def test_equal_arguments_give_equal_speech() -> None:
    first, second = say(), say()
    assert np.array_equal(first.samples, second.samples) and first.phonemes == second.phonemes


def test_phonemes_follow_each_other_and_fill_the_sound() -> None:
    spoken = say()
    names = [phoneme.name for phoneme in spoken.phonemes]
    assert names[:7] == ["S", "i:", "k", "i:", "p", "s", "s"] and names.count("b") == 4
    assert SILENCE in names[1:-1]
    for before, after in zip(spoken.phonemes[:-1], spoken.phonemes[1:], strict=True):
        assert before.end == after.start and before.start < before.end
    assert spoken.phonemes[0].start == 0
    assert spoken.phonemes[-1].end == pytest.approx(len(spoken.samples) / spoken.rate, abs=0.02)


def test_sibilants_and_closures_are_where_they_are_said_to_be() -> None:
    spoken = say()
    for low, high, names, louder in ((4000, 7800, "sS", 12), (100, 3000, "pbk", -8)):
        band, times = levels(spoken, low, high)
        inside = np.zeros(len(times), bool)
        pause = np.zeros(len(times), bool)
        for phoneme in spoken.phonemes:
            there = (times >= phoneme.start) & (times < phoneme.end)
            inside |= there & (phoneme.name in tuple(names))
            pause |= there & (phoneme.name == SILENCE)
        difference = np.median(band[inside]) - np.median(band[~inside & ~pause])
        assert difference * np.sign(louder) > abs(louder)


def test_symbols_become_sounds() -> None:
    symbols = list("ðə bˈiːt, ˈA")
    durations = np.array([9, 2, 2, 4, 2, 2, 2, 2, 4, 4, 8, 2, 6, 5], float)
    sounds = sounds_of(symbols, durations)
    assert [sound.name for sound in sounds] == ["D", "@", "b", "i:", "t", SILENCE, "eI"]
    lengths = [round(sound.end - sound.begin, 6) for sound in sounds]
    assert lengths == [2, 2, 4 + 2, 2 + 2 + 2, 4, 4 + 8, 2 + 6]
    assert [sound.stressed for sound in sounds] == [False, False, False, True, False, False, True]
    assert [sound.word for sound in sounds] == [0, 0, 1, 1, 1, -1, 2]


def test_every_sound_of_the_sentences_has_a_mouth_shape() -> None:
    sounds = {s.name for text in sentence_pool("train", True)[:40] for s in spoken_spectra(text).sounds}
    assert len(sounds) > 30
    assert {shape for sound in sounds for shape in visemes_of(sound)} == set(VISEMES)


@pytest.mark.parametrize("pitch", [95.0, 150.0, 250.0])
def test_a_voice_speaks_at_its_pitch(pitch: float) -> None:
    assert np.median(pitch_of(say(pitch=pitch))) == pytest.approx(pitch, rel=0.1)


def test_range_rate_ending_and_pauses_follow_the_prosody() -> None:
    def octaves(spoken: Utterance) -> float:
        return float(np.subtract(*np.quantile(np.log2(pitch_of(spoken)), (0.9, 0.1))))

    plain = say()
    assert (
        octaves(say(Prosody(span=0.8))) > 1.4 * octaves(plain) > 1.4 * 1.3 * octaves(say(Prosody(span=-0.8)))
    )
    slow = say(Prosody(rate=-0.5))
    assert 1.25 < len(slow.samples) / len(plain.samples) < 2**0.5
    rising = np.quantile(pitch_of(say(Prosody(ending=1.0)))[-12:], 0.9)
    assert rising > 1.2 * np.quantile(pitch_of(plain)[-12:], 0.9)
    parted = say(Prosody(gap=8.0))
    pauses = [p for p in parted.phonemes if p.name == SILENCE]
    assert len(pauses) == 9 and min(p.end - p.start for p in pauses) > 0.05
    band, times = levels(parted, 100, 4000)
    middle = [band[np.abs(times - (p.start + p.end) / 2).argmin()] for p in pauses]
    assert np.median(middle) < np.quantile(band, 0.9) - 35


def test_a_shorter_vocal_tract_raises_the_resonances_but_not_the_length() -> None:
    long, short = say(tract=0.85), say(tract=1.05)
    assert len(long.samples) == len(short.samples)
    centroids = [
        float(np.median(librosa().feature.spectral_rolloff(y=resample(s.samples, s.rate), sr=16000)))
        for s in (long, short)
    ]
    assert centroids[1] > 1.08 * centroids[0]


def test_minimum_phase_of_a_known_filter() -> None:
    _, response = freqz([1.0, 0.5], [1.0, -0.8], worN=BINS, include_nyquist=True)
    found = minimum_phase(np.log(np.abs(response))[None])[0]
    assert np.allclose(found, response, atol=1e-4)


def test_pulses_are_periodic_and_noise_is_not() -> None:
    quiet, loud = np.full((160, BINS), -12.0, np.float32), np.full((160, BINS), -3.0, np.float32)
    tone = vocode(loud, quiet, np.full(160, 125.0), np.random.default_rng(0))
    hiss = vocode(quiet, loud, np.zeros(160), np.random.default_rng(0))

    def correlation(samples: np.ndarray) -> float:
        middle = samples[6000:-6000]
        return float(np.corrcoef(middle[:-192], middle[192:])[0, 1])

    assert correlation(tone) > 0.95 > 0.1 > abs(correlation(hiss))
    assert len(tone) == len(hiss) == 160 * 300
