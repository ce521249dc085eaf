"""Faces, lips, head and eyes of acted clips."""

import numpy as np
import pytest

from data_prep.synthetic.acting.emotion_faces import emotional_face
from data_prep.synthetic.acting.manner import Manner, draw_manner
from data_prep.synthetic.acting.motion import BEARINGS, bearing_of, blink_track
from data_prep.synthetic.acting.mouth import breathe_in, how_open
from data_prep.synthetic.acting.performance import Performance, perform
from data_prep.synthetic.heads.head import Head
from data_prep.synthetic.heads.identity import draw_identity
from data_prep.synthetic.speech.espeak import BILABIALS, SILENCE, Phoneme
from data_prep.synthetic.speech.visemes import VISEMES, closure_track, lip_track, visemes_of
from data_prep.synthetic.speech.voice import draw_voice
from lit_emotalk.coefficients import ARKIT, ARKIT_NAMES
from lit_emotalk.emotions import COMPOUNDS, LEVELS, MEAD_EMOTIONS

SENTENCE = "Bob keeps a jumbo pump."


def column(name: str) -> int:
    return ARKIT_NAMES.index(name)


def play(emotion: str, level: int = 3, speaker: int = 0, seed: int = 0, text: str = SENTENCE) -> Performance:
    voice, manner = draw_voice(1, speaker, speaker % 2 == 0), draw_manner(1, speaker)
    return perform(text, emotion, level, voice, manner, np.random.default_rng([seed, level]))


def inside(acted: Performance, names: frozenset[str]) -> np.ndarray:
    """Frames whose middle lies in a phoneme that begins with one of `names`."""
    times = (np.arange(len(acted.weights)) + 0.5) / 25
    found = np.zeros(len(times), bool)
    for phoneme in acted.phonemes:
        if phoneme.name[0] in names:
            found |= (times >= phoneme.start) & (times < phoneme.end)
    return found


@pytest.mark.parametrize("emotion", [*MEAD_EMOTIONS, "calm", *COMPOUNDS])
def test_every_emotion_acts_within_its_ranges(emotion: str) -> None:
    acted = play(emotion)
    frames = len(acted.weights)
    assert 25 < frames < 120
    assert acted.samples.shape == (640 * frames,) and acted.samples.dtype == np.float32
    assert acted.weights.shape == (frames, 51) and acted.weights.dtype == np.float32
    assert acted.rotation.shape == (frames, 3) and acted.translation.shape == (frames, 2)
    assert acted.weights.min() >= 0 and acted.weights.max() <= 1
    assert np.abs(acted.samples).max() < 1 and np.abs(acted.samples).max() > 0.02
    assert np.abs(acted.rotation).max() <= 0.35 and np.abs(acted.translation).max() < 0.2
    assert acted.phonemes[0].start == 0 and acted.phonemes[-1].end == pytest.approx(frames / 25)
    assert (acted.emotion, acted.level, acted.text) == (emotion, 3, SENTENCE)


def test_equal_generators_give_equal_clips_and_others_do_not() -> None:
    first, second, other = play("fear"), play("fear"), play("fear", seed=1)
    assert np.array_equal(first.samples, second.samples) and np.array_equal(first.weights, second.weights)
    assert np.array_equal(first.rotation, second.rotation)
    assert first.phonemes == second.phonemes
    length = min(len(first.weights), len(other.weights))
    assert not np.allclose(first.weights[:length], other.weights[:length], atol=0.01)


def test_lips_close_on_bilabials_under_every_emotion() -> None:
    gaps, open_gaps = [], []
    for speaker in range(2):
        head = Head(draw_identity(1, speaker))
        for emotion in MEAD_EMOTIONS:
            acted = play(emotion, 3, speaker)
            closed = inside(acted, BILABIALS)
            gap = np.array([head.lip_gap(weights) for weights in acted.weights])
            assert closed.sum() >= 5
            gaps.append(gap[closed])
            open_gaps.append(gap[inside(acted, frozenset("aV"))])
    assert (np.concatenate(gaps) < 0.03).mean() >= 0.95
    assert np.quantile(np.concatenate(open_gaps), 0.75) > 0.15


def test_sound_and_lips_are_in_step() -> None:
    lags = range(-3, 4)
    score = np.zeros(len(lags))
    for speaker in range(4):
        for emotion in ("neutral", "angry", "sad"):
            acted = play(emotion, 1, speaker, text="Give me both of them, but bake a pie before noon.")
            voice = np.sqrt((acted.samples.reshape(-1, 640) ** 2).mean(1))
            closed = acted.weights[:, column("mouthClose")]
            gap = np.maximum(acted.weights[:, column("jawOpen")] - closed, 0)
            a, b = (voice - voice.mean()) / voice.std(), (gap - gap.mean()) / gap.std()
            for k, lag in enumerate(lags):
                score[k] += np.mean(
                    a[max(0, -lag) : len(a) - max(0, lag)] * b[max(0, lag) : len(b) - max(0, -lag)]
                )
    assert lags[score.argmax()] in (-1, 0)
    assert score[2] > score[4] + 1
    assert score.max() / 12 > 0.2


def test_each_closure_has_a_frame_even_when_short() -> None:
    for offset in np.linspace(0, 0.04, 9):
        phonemes = (
            Phoneme("a", 0.0, 0.3 + offset),
            Phoneme("b", 0.3 + offset, 0.31 + offset),
            Phoneme("a", 0.31 + offset, 0.7),
        )
        closure = closure_track(phonemes, (np.arange(17) + 0.5) / 25)
        assert closure.max() == 1.0
        assert closure[:5].max() == 0.0 and closure[-5:].max() == 0.0


def test_sounds_shape_the_mouth() -> None:
    def middle(name: str) -> dict[str, float]:
        phonemes = (Phoneme("t", 0.0, 0.2), Phoneme(name, 0.2, 0.4), Phoneme("t", 0.4, 0.6))
        return {unit: float(track[0]) for unit, track in lip_track(phonemes, np.array([0.3])).units.items()}

    assert middle("A:")["jawOpen"] > 0.4 > middle("i:")["jawOpen"]
    assert middle("w")["mouthPucker"] > 0.5 > middle("i:")["mouthPucker"]
    assert middle("i:")["mouthSmile"] > 0.15 > middle("u:")["mouthSmile"]
    assert middle("f")["mouthRollLower"] > 0.35
    assert (
        visemes_of("aI") == ("aa", "ih") and visemes_of("tS") == ("CH",) and visemes_of(SILENCE) == ("sil",)
    )
    assert visemes_of("something unknown") != () and all(s in VISEMES for s in visemes_of("%"))


def test_coarticulation_begins_before_the_sound() -> None:
    phonemes = (Phoneme("t", 0.0, 0.3), Phoneme("u:", 0.3, 0.6), Phoneme("t", 0.6, 0.9))
    pucker = lip_track(phonemes, np.array([0.02, 0.27, 0.45])).units["mouthPucker"]
    assert pucker[0] < 0.05 < pucker[1] < pucker[2]


def test_each_emotion_has_its_signature_and_grows_with_the_level() -> None:
    signature = {
        "happy": ("mouthSmile", "cheekSquint"),
        "angry": ("browDown",),
        "disgusted": ("noseSneer", "mouthUpperUp"),
        "sad": ("mouthFrown", "browInnerUp"),
        "surprised": ("browOuterUp",),
        "fear": ("eyeWide", "mouthStretch"),
    }
    for speaker in range(8):
        manner = draw_manner(5, speaker)
        faces = {emotion: emotional_face(emotion, 3, manner) for emotion in MEAD_EMOTIONS}
        assert faces["neutral"].max() == 0
        for emotion, units in signature.items():
            for unit in units:
                others = [ARKIT.mean_of(face, unit) for name, face in faces.items() if name != emotion]
                assert ARKIT.mean_of(faces[emotion], unit) > 0.95 * max(others)
            strengths = [emotional_face(emotion, level, manner).sum() for level in LEVELS]
            assert strengths[0] < 0.6 * strengths[2] and strengths[0] < strengths[1] < strengths[2]


def test_contempt_shows_on_one_side() -> None:
    for speaker in range(4):
        manner = draw_manner(2, speaker)
        face = emotional_face("contempt", 3, manner)
        left, right = face[column("mouthSmileLeft")], face[column("mouthSmileRight")]
        assert (left > 0.3 and right == 0) if manner.scorn_left else (right > 0.3 and left == 0)


def test_compound_shows_both_parts() -> None:
    manner = draw_manner(0, 0)
    face = emotional_face("happily surprised", 3, manner)
    assert ARKIT.mean_of(face, "mouthSmile") > 0.3 and ARKIT.mean_of(face, "browOuterUp") > 0.3


def test_manners_differ_between_speakers() -> None:
    first, second = draw_manner(0, 0), draw_manner(0, 1)
    assert first == draw_manner(0, 0) and isinstance(first, Manner)
    assert first != second
    left, right = first.asymmetry[column("mouthSmileLeft")], first.asymmetry[column("mouthSmileRight")]
    assert left + right == pytest.approx(2.0)


def test_emotion_comes_stays_and_goes() -> None:
    smile = ARKIT.mean_of(play("happy", text="We thought about the movie.").weights, "cheekSquint")
    middle = smile[len(smile) // 3 : 2 * len(smile) // 3].mean()
    assert smile[0] < 0.75 * middle and smile[-1] < 0.9 * middle


def test_blinks_close_the_eyes_for_a_moment() -> None:
    blink = blink_track(bearing_of("neutral", 1), draw_manner(0, 0), 2500, np.random.default_rng(0))
    count = int(((blink[1:] >= 0.8) & (blink[:-1] < 0.8)).sum())
    assert 10 <= count <= 60
    assert 0.03 < (blink > 0.5).mean() < 0.2
    assert blink.max() > 0.95


def test_sadness_lowers_and_surprise_raises_the_head() -> None:
    nod = {
        emotion: np.mean([play(emotion, 3, speaker).rotation[:, 0].mean() for speaker in range(5)])
        for emotion in ("sad", "surprised")
    }
    assert nod["sad"] > 0.05 > -0.03 > nod["surprised"]
    assert set(BEARINGS) >= set(MEAD_EMOTIONS)


def test_mouths_open_to_breathe_before_speech_and_in_pauses() -> None:
    phonemes = (
        Phoneme(SILENCE, 0.0, 0.8),
        Phoneme("A:", 0.8, 1.2),
        Phoneme(SILENCE, 1.2, 1.6),
        Phoneme("i:", 1.6, 1.9),
        Phoneme(SILENCE, 1.9, 2.4),
    )
    times = (np.arange(60) + 0.5) / 25
    still = lip_track(phonemes, times)
    jaws = np.array(
        [
            breathe_in(still, phonemes, times, np.random.default_rng(seed)).units["jawOpen"]
            for seed in range(40)
        ]
    )
    speaking = still.units["jawOpen"][still.activity > 0.5].mean()
    before = jaws[:, (times > 0.6) & (times < 0.63)].max(1)
    assert 0.7 < (before > 0.3 * speaking).mean() < 1.0
    assert before.max() > speaking
    assert jaws[:, times < 0.2].max() < 0.05
    assert np.median(jaws[:, (times > 1.45) & (times < 1.55)].max(1)) > 0.85 * speaking
    assert np.array_equal(jaws[:, times > 2.1], np.tile(still.units["jawOpen"][times > 2.1], (40, 1)))


def test_mouths_open_wider_with_effort_and_in_loud_vowels() -> None:
    phonemes = (
        Phoneme(SILENCE, 0.0, 0.2),
        Phoneme("A:", 0.2, 0.4),
        Phoneme("t", 0.4, 0.5),
        Phoneme("A:", 0.5, 0.7),
        Phoneme("A:", 0.7, 0.9),
        Phoneme(SILENCE, 0.9, 1.0),
    )
    sound = np.repeat([0.0, 0.1, 0.02, 0.2, 0.05, 0.0], [3200, 3200, 1600, 3200, 3200, 1600])
    quiet, normal, loud = (how_open(sound, phonemes, effort) for effort in (-6.0, 0.0, 20.0))
    assert normal[2] == 1 and normal[3] > normal[1] == pytest.approx(1) and normal[4] < 1
    assert np.all(quiet <= normal) and np.all(normal <= loud) and 1.3 < loud[1] <= 1.6
    times = (np.arange(25) + 0.5) / 25
    jaws = [lip_track(phonemes, times, wide).units["jawOpen"].max() for wide in (quiet, normal, loud)]
    assert jaws[0] < jaws[1] < jaws[2] <= 1
