"""Variants of emotional faces: as often and as far as they say, each still that emotion."""

from dataclasses import replace

import numpy as np
import pytest

from data_prep.synthetic.acting.bursts import VARIED, draw_bursts
from data_prep.synthetic.acting.emotion_faces import FACES, STRENGTH, emotional_face, unit_names
from data_prep.synthetic.acting.manner import draw_manner
from data_prep.synthetic.acting.variants import ESSENTIAL, VARIANTS, draw_variant
from lit_emotalk.coefficients import ARKIT, ARKIT_NAMES
from lit_emotalk.emotions import LEVELS, MEAD_EMOTIONS

DRAWS = 600
PLAIN = replace(draw_manner(0, 0), strength=1.0, asymmetry=(1.0,) * len(ARKIT_NAMES), scorn_left=True)


def draws(emotion: str, level: int = 3, manner=PLAIN) -> np.ndarray:
    rng = np.random.default_rng(5)
    return np.stack([draw_variant(emotion, level, manner, rng) for _ in range(DRAWS)])


def columns(unit: str) -> list[int]:
    return [ARKIT_NAMES.index(name) for name in unit_names(unit, scorn_left=True)]


def test_every_emotion_has_variants_of_units_that_there_are():
    assert set(VARIANTS) == set(MEAD_EMOTIONS) and set(VARIANTS) <= set(FACES)
    for emotion, units in VARIANTS.items():
        assert set(ESSENTIAL.get(emotion, ())) <= set(units)
        for unit, (chance, least, most) in units.items():
            assert 0 < chance <= 1 and 0 < least < most <= 1
            assert all(column < ARKIT.expression_size for column in columns(unit))


@pytest.mark.parametrize("emotion", MEAD_EMOTIONS)
def test_units_move_as_often_and_as_far_as_they_say(emotion):
    faces = draws(emotion)
    essential = ESSENTIAL.get(emotion, ())
    kept = 1 - np.prod([1 - VARIANTS[emotion][unit][0] for unit in essential]) if essential else 1.0
    for unit, (chance, least, most) in VARIANTS[emotion].items():
        shown = faces[:, columns(unit)].max(1)
        moved = shown[shown > 0]
        assert least - 1e-6 <= moved.min() and moved.max() <= 1
        shared = [o for o in VARIANTS[emotion] if o != unit and set(columns(o)) & set(columns(unit))]
        if not shared:
            expected = chance / kept if unit in essential else chance
            assert len(moved) / DRAWS == pytest.approx(expected, abs=0.07) and moved.max() <= most + 1e-6
    if essential:
        assert np.any([faces[:, columns(unit)].max(1) > 0 for unit in essential], axis=0).all()
    still = set(range(len(ARKIT_NAMES))) - {c for unit in VARIANTS[emotion] for c in columns(unit)}
    assert not faces[:, sorted(still)].any()


def test_on_the_whole_they_are_the_emotions_prototype():
    others = [emotion for emotion in MEAD_EMOTIONS if emotion != "neutral"]
    prototypes = np.stack([emotional_face(emotion, 3, PLAIN) for emotion in others])
    prototypes /= np.linalg.norm(prototypes, axis=1, keepdims=True)
    for place, emotion in enumerate(others):
        assert (prototypes @ draws(emotion).mean(0)).argmax() == place
    assert not draws("neutral", 1).any()


def test_levels_manner_and_side():
    by_level = [draws("happy", level) for level in LEVELS]
    for level, faces in zip(LEVELS, by_level, strict=True):
        np.testing.assert_allclose(faces, STRENGTH[level] * by_level[-1], atol=1e-9)
    weak = draws("happy", 3, replace(PLAIN, strength=0.5))
    np.testing.assert_allclose(weak, 0.5 * by_level[-1], atol=1e-9)
    left, right = (ARKIT_NAMES.index(f"mouthDimple{side}") for side in ("Left", "Right"))
    assert draws("contempt")[:, left].any() and not draws("contempt")[:, right].any()
    mirrored = draws("contempt", 3, replace(PLAIN, scorn_left=False))
    np.testing.assert_array_equal(mirrored, draws("contempt")[:, ARKIT.mirrored()])


def test_bursts_show_variants_as_often_as_they_say():
    sneer, jaw = ([ARKIT_NAMES.index(n) for n in unit_names(u, True)] for u in ("noseSneer", "jawOpen"))
    angry = [
        burst.weights
        for index in range(300)
        for burst in draw_bursts(10, 3, draw_manner(3, index), np.random.default_rng(index))
        if burst.emotion == "angry"
    ]
    without = np.mean([not weights[:, sneer].any() for weights in angry])
    in_neither = (1 - VARIANTS["angry"]["noseSneer"][0]) ** 2
    assert without == pytest.approx(VARIED * in_neither, abs=0.09)
    wide = np.mean([weights[:, jaw].max() > 0.45 for weights in angry])
    assert wide > 0.05, "a prototype that speaks never opens the mouth so far"
