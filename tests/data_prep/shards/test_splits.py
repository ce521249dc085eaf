"""Speakers by split: those that ship, those of the user, and what is wrong with them."""

from pathlib import Path

import pytest

from data_prep.splits import names, read_splits, split_of
from lit_emotalk.errors import UserError


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON"),
        ("[]", "must be"),
        ('{"val": "M001"}', "must be"),
        ('{"val": ["a"], "test": ["a"]}', "a into"),
    ],
)
def test_bad_splits(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "splits.json"
    path.write_text(content)
    with pytest.raises(UserError, match=words):
        read_splits(path)


def test_a_name_that_is_none_says_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="mead_m003"):
        read_splits("mead_m004")


@pytest.mark.parametrize("name", names())
def test_splits_that_ship_are_whole(name: str) -> None:
    splits = read_splits(name)
    assert splits["test"]


def test_the_usual_speakers_are_for_testing() -> None:
    assert read_splits("mead")["test"] == ["M003", "M030", "W009", "W015"]
    assert read_splits("mead_m003")["test"] == ["M003"]
    assert split_of("M005", read_splits("mead")) == "train"
    actors = read_splits("ravdess")
    assert [split_of(f"Actor_{n:02d}", actors) for n in (1, 16, 17, 20, 21, 24)] == [
        "train", "train", "val", "val", "test", "test"
    ]  # fmt: skip
    assert split_of("Actor_25", actors) is None
    assert split_of("Actor_01", read_splits("ravdess_paper")) == "test"
    assert [split_of(name, read_splits("voxceleb2")) for name in ("id00012", "id00017")] == ["train", "test"]
