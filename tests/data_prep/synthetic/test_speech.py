"""The synthesiser, the sentences and the emotional voice, measured on the sound itself."""

import numpy as np
import pytest

from data_prep.synthetic.acting.vocal_emotion import acted_prosody, draw_vocal_acting, emotional_prosody
from data_prep.synthetic.speech.effects import colour, resample
from data_prep.synthetic.speech.espeak import SILENCE, synthesise
from data_prep.synthetic.speech.prosody import Prosody, vary_prosody
from data_prep.synthetic.speech.recording import mild_recording, record
from data_prep.synthetic.speech.sentences import (
    choose_sentences,
    load_sentences,
    more_words,
    sentence_pool,
    shuffled_sentences,
    words_of,
)
from data_prep.synthetic.speech.speaking import speak
from data_prep.synthetic.speech.visemes import VISEMES, visemes_of
from data_prep.synthetic.speech.voice import MEN, NATURAL, WOMEN, Voice, draw_voice
from lit_emotalk.emotions import COMPOUNDS, MEAD_EMOTIONS
from lit_emotalk.errors import UserError
from lit_emotalk.io.compiled import librosa
from lit_emotalk.schema import SPLITS

SENTENCE = "My big puppy jumps over the box."
VOICE = Voice("m3", pitch=110.0, liveliness=1.0, rate=190.0, tract=1.0, breath=0.0)

NATURAL_VOICE = Voice(NATURAL, pitch=190.0, liveliness=1.0, rate=200.0, tract=1.0, breath=0.0)


def say(emotion: str, level: int = 3, voice: Voice = VOICE, seed: int = 0) -> np.ndarray:
    """16 kHz samples of the sentence in an emotion."""
    rng = np.random.default_rng(seed)
    prosody = emotional_prosody(emotion, level)
    spoken = speak(SENTENCE, prosody, voice, rng)
    coloured = colour(resample(spoken.samples, spoken.rate), prosody, voice, rng)
    return record(coloured, mild_recording(rng), rng)


def pitch_of(samples: np.ndarray) -> np.ndarray:
    """Fundamental frequency in Hz of the voiced frames, by pYIN, independent of the synthesiser."""
    pitch, _, _ = librosa().pyin(samples, fmin=60, fmax=500, sr=16000, frame_length=1024)
    return pitch[np.isfinite(pitch)]


def loudness(samples: np.ndarray) -> float:
    """Level in dB."""
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2)))


def brightness(samples: np.ndarray) -> float:
    """Energy of 1.5-6 kHz against 80-1000 Hz in dB."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / 16000)
    high, low = power[(hertz > 1500) & (hertz < 6000)].sum(), power[(hertz > 80) & (hertz < 1000)].sum()
    return float(10 * np.log10(high / low))


def band(samples: np.ndarray, low: float, high: float) -> float:
    """Energy between two frequencies in dB of the whole."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / 16000)
    return float(10 * np.log10(power[(hertz > low) & (hertz < high)].sum() / power.sum()))


def flatness(samples: np.ndarray) -> float:
    """Noisiness of 2-6 kHz: geometric over arithmetic mean of the power."""
    power = np.abs(np.fft.rfft(samples)) ** 2 + 1e-12
    hertz = np.fft.rfftfreq(len(samples), 1 / 16000)
    power = power[(hertz > 2000) & (hertz < 6000)]
    return float(np.exp(np.log(power).mean()) / power.mean())


def test_equal_arguments_give_equal_sound_whatever_was_said_before() -> None:
    first = synthesise(SENTENCE, "f2", 180, 50, 40)
    synthesise("Something else altogether.", "m1", 200, 30, 60)
    second = synthesise(SENTENCE, "f2", 180, 50, 40)
    assert np.array_equal(first.samples, second.samples)
    assert first.phonemes == second.phonemes


def test_phonemes_follow_each_other_and_fill_the_sound() -> None:
    spoken = synthesise(SENTENCE, "m3", 180, 50, 40)
    names = [phoneme.name for phoneme in spoken.phonemes]
    assert names[:5] == ["m", "aI", "b", "I", "g"]
    assert names.count("p") == 3
    for before, after in zip(spoken.phonemes[:-1], spoken.phonemes[1:], strict=True):
        assert before.end == after.start
        assert before.start < before.end
    assert spoken.phonemes[-1].end == pytest.approx(len(spoken.samples) / spoken.rate)


def test_a_voiceless_stop_holds_its_silent_gap() -> None:
    spoken = synthesise("A happy puppy.", "m3", 170, 50, 40)
    peak = np.abs(spoken.samples).max()
    stops = [phoneme for phoneme in spoken.phonemes if phoneme.name == "p"]
    assert len(stops) == 3
    for stop in stops:
        begin = round(stop.start * spoken.rate)
        assert np.abs(spoken.samples[begin : begin + 300]).max() < 0.05 * peak
        assert stop.end - stop.start > 0.05


def test_a_shorter_vocal_tract_raises_the_resonances_but_not_the_length() -> None:
    long = synthesise(SENTENCE, "m3", 180, 50, 40, tract=0.94)
    short = synthesise(SENTENCE, "m3", 180, 50, 40, tract=1.06)
    assert len(short.samples) / short.rate == pytest.approx(len(long.samples) / long.rate, rel=0.05)
    centroids = [
        float(np.mean(librosa().feature.spectral_centroid(y=resample(s.samples, s.rate), sr=16000)))
        for s in (long, short)
    ]
    assert centroids[1] > 1.05 * centroids[0]


def test_unknown_variant_is_one_clear_line() -> None:
    with pytest.raises(UserError, match="no voice variant 'nobody'"):
        synthesise("A box.", "nobody", 180, 50, 40)


@pytest.mark.parametrize("index", range(6))
def test_drawn_voices_speak_at_their_pitch(index: int) -> None:
    man = index % 2 == 0
    voice = draw_voice(3, index, man)
    assert voice == draw_voice(3, index, man)
    assert voice.natural or voice.variant in (MEN if man else WOMEN)
    heard = np.median(pitch_of(say("neutral", 1, voice)))
    assert heard == pytest.approx(voice.pitch, rel=0.15)


@pytest.mark.parametrize("voice", [VOICE, NATURAL_VOICE], ids=["espeak", "natural"])
def test_emotions_are_heard_in_the_signal(voice: Voice) -> None:
    emotions = ("neutral", "happy", "sad", "angry", "fear", "surprised", "disgusted")
    sound = {(emotion, level): say(emotion, level, voice) for emotion in emotions for level in (2, 3)}
    pitch = {key: pitch_of(samples) for key, samples in sound.items()}
    middle = {key: np.log2(np.median(values)) for key, values in pitch.items()}
    neutral = middle["neutral", 2]
    for emotion in ("happy", "angry", "fear"):
        assert middle[emotion, 3] - 0.15 > middle[emotion, 2] > neutral
    assert middle["surprised", 3] > neutral + 0.3
    assert abs(middle["sad", 2] - neutral) < 0.2 and middle["sad", 3] > middle["sad", 2] + 0.1
    assert len(sound["sad", 3]) > 1.15 * len(sound["neutral", 2])
    assert len(sound["disgusted", 3]) > 1.15 * len(sound["neutral", 2])
    loud = {key: loudness(samples) for key, samples in sound.items()}
    assert loud["angry", 3] > loud["fear", 3] > loud["happy", 3] > loud["neutral", 2] + 8
    assert loud["angry", 2] > loud["neutral", 2] + 5 > loud["sad", 2] + 6
    assert brightness(sound["angry", 3]) > brightness(sound["neutral", 2]) + 4


def test_effects_on_a_steady_tone() -> None:
    time = np.arange(2 * 16000) / 16000
    tone = (0.1 * np.sign(np.sin(2 * np.pi * 150 * time))).astype(np.float32)

    def treated(**changes: float) -> np.ndarray:
        return colour(tone, Prosody(**changes), VOICE, np.random.default_rng(0))

    def modulation(samples: np.ndarray) -> float:
        envelope = np.abs(samples).reshape(-1, 320).mean(1)
        spectrum = np.abs(np.fft.rfft(envelope - envelope.mean()))
        return float(np.fft.rfftfreq(len(envelope), 0.02)[spectrum.argmax()])

    plain = treated()
    assert modulation(treated(tremor=1.0)) == pytest.approx(6.5, abs=1.5)
    assert np.std(pitch_of(treated(tremor=1.0))) > 3 * np.std(pitch_of(plain)) + 1
    fine = np.abs(np.fft.rfft(np.abs(treated(rough=1.0)) - np.abs(plain).mean()))
    hertz = np.fft.rfftfreq(len(plain), 1 / 16000)
    assert hertz[fine[: 120 * 2].argmax()] == pytest.approx(42, abs=12)
    assert brightness(treated(tilt=3.0)) > brightness(plain) + 4 > brightness(treated(tilt=-3.0)) + 8
    assert flatness(treated(breath=0.8)) > 3 * flatness(plain)
    assert loudness(treated(loudness=6.0)) == pytest.approx(loudness(plain) + 6, abs=0.2)
    assert band(treated(nasal=1.0), 800, 950) < band(plain, 800, 950) - 8


def test_higher_levels_are_further_from_neutral() -> None:
    for emotion in MEAD_EMOTIONS[1:]:
        sizes = [np.abs(emotional_prosody(emotion, level).values()).sum() for level in (1, 2, 3)]
        assert 0 < sizes[0] < sizes[1] < sizes[2]
    assert loudness(say("angry", 3)) > loudness(say("angry", 1)) + 8


def test_effort_moves_energy_to_the_middle_of_the_spectrum() -> None:
    quiet, loud = (
        colour(
            np.random.default_rng(0).standard_normal(32000),
            Prosody(loudness=db),
            VOICE,
            np.random.default_rng(1),
        )
        for db in (0.0, 20.0)
    )
    assert loudness(loud) == pytest.approx(loudness(quiet) + 20, abs=0.2)
    gained = {low: band(loud, low, high) - band(quiet, low, high) for low, high in ((100, 300), (2000, 3500))}
    assert gained[2000] > gained[100] + 5


def test_variation_keeps_the_direction_of_every_change() -> None:
    prosody = emotional_prosody("sad", 3)
    varied = vary_prosody(prosody, Prosody(), np.random.default_rng(0), 0.15)
    assert varied != prosody
    for before, after in zip(prosody.values(), varied.values(), strict=True):
        assert np.sign(before) == np.sign(after) and abs(after - before) <= 0.5 * abs(before) + 1e-9
    moved = vary_prosody(Prosody(), Prosody(pitch=0.1, breath=0.1), np.random.default_rng(1), 0.0)
    assert 0 < abs(moved.pitch) <= 0.2 and moved.breath >= 0 and moved.loudness == 0


def test_speakers_act_differently_and_alike_from_seed_to_seed() -> None:
    first, second = draw_vocal_acting(0, 0), draw_vocal_acting(0, 1)
    assert first == draw_vocal_acting(0, 0) and first != second
    readings = np.array(
        [
            acted_prosody("angry", 3, draw_vocal_acting(0, speaker), np.random.default_rng(speaker)).values()
            for speaker in range(200)
        ]
    )
    loud, pitch = readings[:, 3], readings[:, 0]
    assert 20 < np.median(loud) < 30 and 4 < loud.std() < 8
    assert 0.75 < np.median(pitch) < 1.15 and 0.2 < pitch.std() < 0.45
    amounts = readings[:, 5:11]
    assert amounts.min() >= 0
    neutral = acted_prosody("neutral", 1, first, np.random.default_rng(0))
    assert max(abs(neutral.loudness), 10 * abs(neutral.pitch)) < 3


def test_compounds_join_both_parts() -> None:
    for compound, (first, second) in COMPOUNDS.items():
        joined = emotional_prosody(compound, 3).loudness
        parts = emotional_prosody(first, 3).loudness + emotional_prosody(second, 3).loudness
        assert joined == pytest.approx(0.65 * parts)


def test_splits_share_no_sentence_and_cover_the_sounds() -> None:
    pools = {split: sentence_pool(split, short_only=False) for split in SPLITS}
    assert sum(len(pool) for pool in pools.values()) == len(load_sentences()) == len(set(load_sentences()))
    assert set(pools["train"]).isdisjoint(pools["test"]) and set(pools["train"]).isdisjoint(pools["val"])
    assert set(pools["val"]).isdisjoint(pools["test"])
    for short_only in (True, False):
        text = " ".join(sentence_pool("train", short_only))
        sounds = {phoneme.name for phoneme in synthesise(text, "m3", 300, 50, 40).phonemes}
        assert {shape for sound in sounds for shape in visemes_of(sound)} == set(VISEMES)
        assert len(sounds - {SILENCE}) >= 36


def test_sentences_repeat_only_after_the_pool_is_used_up() -> None:
    pool = sentence_pool("test", short_only=True)
    chosen = choose_sentences("test", True, len(pool) + 2, np.random.default_rng(0))
    assert set(chosen[: len(pool)]) == set(pool)
    assert len(chosen) == len(pool) + 2
    with pytest.raises(ValueError, match="unknown split"):
        sentence_pool("dev", short_only=True)


def test_more_words_are_plain_ones_of_no_sentence():
    words = more_words()
    assert len(words) == len(set(words)) > 1000
    assert not set(words) & {word for split in SPLITS for word in words_of(split)}
    assert all(word.isascii() and word.isalpha() and word.islower() for word in words)


def test_shuffled_sentences_hold_words_of_their_split_alone():
    texts = shuffled_sentences("train", 300, np.random.default_rng(0))
    assert texts == shuffled_sentences("train", 300, np.random.default_rng(0))
    said = [text.rstrip(".").lower().split() for text in texts]
    assert {len(words) for words in said} == {4, 5, 6}
    assert {word for words in said for word in words} <= {*words_of("train"), *more_words()}
    assert {word for words in said for word in words} & set(more_words())
    held = [
        text.rstrip(".").lower().split() for text in shuffled_sentences("test", 50, np.random.default_rng(0))
    ]
    assert {word for words in held for word in words} <= set(words_of("test"))
    assert len(set(texts)) == 300 and not set(texts) & set(load_sentences())
    assert all(len(set(words)) == len(words) for words in said)
