"""What the names of known corpora's files say."""

import pytest

from data_prep.clips.file_names import Named, read_name


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("M030_front_angry_level3_001", Named("M030", "angry", 3, "M030 front")),
        ("W009_left_30_disgusted_level_2_014", Named("W009", "disgusted", 2, "W009 left_30")),
        ("M003_level_1_happy_024", Named("M003", "happy", 1, "M003 front")),
        ("M003_front_neutral_level1_001", Named("M003", "neutral", 1, "M003 front")),
        ("01-01-06-02-02-01-17", Named("Actor_17", "fear", 3, "Actor_17")),
        ("01-01-01-01-02-01-17", Named("Actor_17", "neutral", 1, "Actor_17")),
        ("01-01-05-01-02-01-17", Named("Actor_17", "angry", 2, "Actor_17")),
        ("1001_DFA_ANG_XX", Named("1001", "angry", None, "1001")),
        ("1001_IEO_SAD_LO", Named("1001", "sad", 1, "1001")),
        ("1001_DFA_NEU_XX", Named("1001", "neutral", 1, "1001")),
    ],
)
def test_a_known_name_tells_speaker_emotion_level_and_scene(stem, expected):
    assert read_name(stem) == expected


@pytest.mark.parametrize(
    "stem",
    ["holiday", "JSSc7hYKstI_00010", "0qkVyahL10U__3_1", "bbaf2n", "M030_front_jolly_level3_001", "M3_happy",
     "01-01-09-01-01-01-01", "01-01-05-03-01-01-01", "1001_DFA_JOY_XX", "1001_DFA_ANG"],
)  # fmt: skip
def test_another_name_says_nothing(stem):
    assert read_name(stem) is None
