"""The check's measures where the answer is known: voices, lags, closures, shares, classifiers, units."""

from dataclasses import dataclass

import numpy as np
import pytest

from data_prep.check_corpus.emotions import Guesses, face_features, guess_each_speaker, guess_test_speakers
from data_prep.check_corpus.faces import check_faces
from data_prep.check_corpus.lines import Share
from data_prep.check_corpus.lips import LAGS, closure_spans, envelope, lag_correlations
from data_prep.check_corpus.units import STEMS, correlation, sides_of, slope, unit_score
from data_prep.check_corpus.voice import VOICE_FEATURES, voice_features
from lit_emotalk.coefficients import ARKIT_NAMES
from lit_emotalk.emotions import MEAD_EMOTIONS
from lit_emotalk.errors import UserError


def buzz(
    hertz: float | np.ndarray, level: float = 0.1, tremor: float = 0.0, rough: float = 0.0, dull: float = 1.0
) -> np.ndarray:
    """Two seconds of syllables of a buzzing voice."""
    time = np.arange(32000) / 16000
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(hertz, time.shape)) / 16000
    voice = sum(np.sin(k * phase) / k**dull for k in range(1, int(7000 / np.max(hertz))))
    voice *= 0.6 + 0.4 * np.sin(2 * np.pi * 2.5 * time)
    voice *= 1 + tremor * np.sin(2 * np.pi * 6.5 * time) + rough * np.sin(2 * np.pi * 42 * time)
    noise = 1e-4 * np.random.default_rng(0).standard_normal(len(time))
    return (level * voice + noise).astype(np.float32)


def hear(samples: np.ndarray) -> dict[str, float]:
    return dict(zip(VOICE_FEATURES, voice_features(samples).tolist(), strict=True))


def test_pitch_is_heard() -> None:
    assert 2 ** hear(buzz(120))["pitch"] == pytest.approx(120, rel=0.02)
    assert 2 ** hear(buzz(260))["pitch"] == pytest.approx(260, rel=0.02)
    rising = hear(buzz(np.linspace(150, 300, 32000)))
    assert rising["pitch_slope"] == pytest.approx(0.5, abs=0.08), "an octave in two seconds"
    assert rising["pitch_end"] > 0.2 and rising["pitch_range"] > 0.6 > 0.1 > hear(buzz(200))["pitch_range"]


@pytest.mark.parametrize(
    ("name", "less", "more"),
    [
        ("loudness", {"level": 0.05}, {"level": 0.1}),
        ("tremor", {}, {"tremor": 0.4}),
        ("roughness", {}, {"rough": 0.5}),
        ("tilt", {"dull": 2.0}, {"dull": 1.0}),
        ("centroid", {"dull": 2.0}, {"dull": 1.0}),
    ],
)
def test_changes_of_the_voice_are_heard(name: str, less: dict, more: dict) -> None:
    assert hear(buzz(150, **more))[name] > hear(buzz(150, **less))[name] + 0.05
    assert hear(buzz(150, level=0.1))["loudness"] - hear(buzz(150, level=0.05))["loudness"] == pytest.approx(
        6, abs=0.5
    )


def test_silence_and_noise_give_numbers() -> None:
    for samples in (np.zeros(16000, np.float32), np.random.default_rng(1).normal(0, 0.1, 16000)):
        assert np.isfinite(voice_features(samples)).all()


@pytest.mark.parametrize("lag", [-3, 0, 1, 5])
def test_lips_that_come_late_are_found_late(lag: int) -> None:
    track = np.convolve(np.random.default_rng(0).random(120), np.ones(3) / 3, "same")
    curve = lag_correlations(track[20:100], track[20 - lag : 100 - lag])
    assert LAGS[curve.argmax()] == lag and curve.max() == pytest.approx(1)
    assert np.isnan(lag_correlations(track, np.zeros(120))).all()


def test_every_closure_has_its_frames() -> None:
    phonemes = [["a", 0.0, 0.1], ["m", 0.1, 0.215], ["b", 0.4, 0.41], ["p2", 0.9, 1.2], ["f", 0.5, 0.8]]
    assert closure_spans(phonemes, 25) == [slice(2, 5), slice(10, 11), slice(22, 25)]
    assert closure_spans([["m", 1.3, 1.4]], 25) == []


def test_envelope_is_the_frames_power() -> None:
    samples = np.repeat([0.1, 0.4], 640)
    assert envelope(samples) == pytest.approx([0.1, 0.4])


def test_wilson_interval_of_a_share() -> None:
    share = Share(20, 21)
    assert share.bounds == pytest.approx((0.7733, 0.9915), abs=1e-3)
    assert str(share).startswith("95.2% [77.3%, 99.2%] of 21")


@dataclass
class Named:
    speaker: str
    split: str
    emotion: str
    level: int


def crowd(noise: float, offset: float = 0.0) -> tuple[np.ndarray, list[Named]]:
    """Clips of eight speakers whose features show the emotion, `offset`: also the speaker."""
    rng = np.random.default_rng(0)
    rows, clips = [], []
    for speaker in range(8):
        own = offset * rng.normal(size=10)
        for i, emotion in enumerate(MEAD_EMOTIONS):
            for level in (1, 3):
                rows.append(level * np.eye(10)[i] + own + noise * rng.normal(size=10))
                clips.append(Named(f"S{speaker}", "test" if speaker > 5 else "train", emotion, level))
    return np.array(rows), clips


def test_a_classifier_finds_what_is_there_and_not_what_is_not() -> None:
    clear = guess_test_speakers(*crowd(0.05))
    assert clear.share(3).value == 1 and len(clear.true) == 32
    assert np.trace(clear.confusion()) == 32 - (clear.true != clear.guessed).sum()
    assert guess_each_speaker(*crowd(0.05)).share(3) == Share(64, 64)
    assert guess_test_speakers(*crowd(50.0)).share(3).value < 0.5
    assert clear.chance(1) == pytest.approx(1 / 8)


def test_nobody_is_guessed_from_their_own_clips() -> None:
    table, clips = crowd(0.0)
    table[:] = 0
    for row, clip in zip(table, clips, strict=True):
        place = MEAD_EMOTIONS.index(clip.emotion)
        row[(place + int(clip.speaker[1])) % 8] = 1
    assert guess_each_speaker(table, clips).share(3).value < 0.3


def test_lacking_emotions_and_levels_are_named() -> None:
    table, clips = crowd(0.1)
    happy = np.array([clip.emotion == "happy" for clip in clips])
    with pytest.raises(UserError, match="no clip of happy"):
        guess_test_speakers(table[~happy], [clip for clip in clips if clip.emotion != "happy"])
    weak = [clip for clip in clips if clip.level == 1]
    with pytest.raises(UserError, match="no clip of level 3"):
        guess_test_speakers(table[::2], weak)


def test_confusion_counts() -> None:
    guesses = Guesses(np.array(["happy", "happy", "sad"]), np.array(["happy", "sad", "sad"]), np.ones(3))
    counts = guesses.confusion()
    happy, sad = MEAD_EMOTIONS.index("happy"), MEAD_EMOTIONS.index("sad")
    assert counts[happy, happy] == counts[happy, sad] == counts[sad, sad] == 1 and counts.sum() == 3


def test_face_features_are_of_expression_alone() -> None:
    coeffs = np.random.default_rng(0).random((30, 57))
    moved = coeffs.copy()
    moved[:, 51:] += 1
    assert np.array_equal(face_features(coeffs), face_features(moved))
    assert face_features(coeffs)[:51] == pytest.approx(coeffs[:, :51].mean(0))


def test_units_are_read_with_both_sides() -> None:
    assert [ARKIT_NAMES[i] for i in sides_of("browDown")] == ["browDownLeft", "browDownRight"]
    assert [ARKIT_NAMES[i] for i in sides_of("mouth")] == ["mouthLeft", "mouthRight"]
    assert sorted(i for stem in STEMS for i in sides_of(stem)) == list(range(51))


def test_scores_of_readings() -> None:
    rng = np.random.default_rng(0)
    truth = rng.random((500, 51))
    exact, half = unit_score("jawOpen", truth, truth, None), unit_score("jawOpen", truth, truth / 2, None)
    assert (exact.correlation, exact.slope, exact.error) == pytest.approx((1, 1, 0))
    assert (half.correlation, half.slope) == pytest.approx((1, 2))
    assert exact.raw is None
    noise = rng.random((500, 51))
    beside = unit_score("browDown", truth, truth, (truth, truth, noise))
    assert beside.beside_raw == pytest.approx(1) and abs(beside.raw or 1) < 0.15
    assert correlation(truth[:, 0], np.ones(500)) == slope(truth[:, 0], np.ones(500)) == 0


def test_lost_frames_and_rejected_clips_count(tmp_path) -> None:
    (tmp_path / "report.csv").write_text("key,split,frames,lost_frames\na,train,60,0\nb,test,40,1\n")
    (tmp_path / "rejected.csv").write_text("source,reason\n")
    line = check_faces(tmp_path)[0]
    assert line.values["share"] == pytest.approx(0.99) and line.reached is False
    (tmp_path / "report.csv").write_text("key,split,frames,lost_frames\na,train,600,0\nb,test,400,1\n")
    assert check_faces(tmp_path)[0].reached is True
    (tmp_path / "rejected.csv").write_text("source,reason\nc,c: no face found in 9 frames\nd,quiet\n")
    line = check_faces(tmp_path)[0]
    assert line.values["rejected_clips"] == 1 and line.values["share"] == pytest.approx(999 / 1500)
    (tmp_path / "report.csv").unlink()
    with pytest.raises(UserError, match="no whole report"):
        check_faces(tmp_path)
