"""Speakers stay who they are: names of any script, and two people under one name."""

import unicodedata
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from data_prep import folder, mead
from data_prep.clips.people import widest_step
from data_prep.clips.record import jpg_bytes, npy_bytes
from data_prep.shards import one_speaker
from data_prep.shards.one_speaker import SeenFaces, mixed_speakers
from data_prep.shards.pack import KEY_PATTERN
from data_prep.shards.work import kept_path
from data_prep.splits import read_splits, split_of

NAMES = ("имя", "名前", "اسم", "B.v1", "B-v1", "B v1", "Zoë", "M003", "v..", "x" * 90, "x" * 91)


def options(root: Path, labels: Path | None = None) -> Namespace:
    return Namespace(root=root, labels=labels and str(labels), split="train", output=root / "out")


@pytest.mark.parametrize("place", ["{}/001.mp4", "{}.mp4"], ids=["folders", "at the root"])
def test_speakers_of_any_script_stay_distinct(tmp_path: Path, place: str) -> None:
    for name in NAMES:
        path = tmp_path / place.format(name)
        path.parent.mkdir(exist_ok=True)
        path.touch()
    found = folder.find(options(tmp_path)).sources
    assert {source.speaker for source in found} == set(NAMES)
    assert all(KEY_PATTERN.fullmatch(source.key) for source in found)
    assert len({source.key for source in found}) == len(NAMES)
    places = {kept_path(tmp_path / "out", source).parent for source in found}
    assert len(places) == len(NAMES)
    assert all(path.parent == tmp_path / "out" / ".work" and path.name.isascii() for path in places)
    assert tmp_path / "out" / ".work" / "M003" in places


def test_one_name_is_one_speaker_however_it_is_spelled(tmp_path: Path) -> None:
    apart, together = (unicodedata.normalize(form, "Zoë") for form in ("NFD", "NFC"))
    for name in (apart, together):
        (tmp_path / name).mkdir(exist_ok=True)
    (tmp_path / apart / "1.mp4").touch()
    (tmp_path / together / "2.mp4").touch()
    labels, splits = tmp_path / "labels.csv", tmp_path / "splits.txt"
    labels.write_text(f"file,emotion\n{together}/1.mp4,happy\n", encoding="utf-8")
    splits.write_text(f'{{"test": ["{apart}"]}}', encoding="utf-8")
    found = folder.find(options(tmp_path, labels)).sources
    assert {source.speaker for source in found} == {together}
    assert {source.relative: source.emotion for source in found}[f"{apart}/1.mp4"] == "happy"
    assert split_of(found[0].speaker, read_splits(splits)) == "test"


def test_a_number_of_another_script_does_not_stop_mead(tmp_path: Path) -> None:
    place = tmp_path / "M003/video/front/angry/level_1"
    place.mkdir(parents=True)
    (place / "001.mp4").touch()
    (place / "ü1.mp4").touch()
    sources, skipped = mead.find_clips(tmp_path, "mead")
    assert [source.key for source in sources] == ["M003_angry_1_001"]
    assert skipped[0][0].endswith("ü1.mp4") and "does not parse" in skipped[0][1]


def test_the_widest_step_is_between_two_groups() -> None:
    rng = np.random.default_rng(0)
    line = np.cumsum(rng.uniform(0.1, 0.3, (12, 1)), 0) * np.ones(4) / 2
    assert np.linalg.norm(line[0] - line[-1]) > 1
    assert widest_step(line)[0] < 0.31
    groups = rng.permutation(np.concatenate([line, line + 9]))
    distance, one, other = widest_step(groups)
    assert distance > 9 and (groups[one, 0] > 7) != (groups[other, 0] > 7)


class Colours:
    """An identity network to which people differ by their colour."""

    def embed(self, frames: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        assert landmarks.shape == (len(frames), 478, 3) and landmarks.max() == frames.shape[1] / 2
        return frames.mean((1, 2)) / 100


def test_two_people_under_one_name_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_speaker, "identity_network", Colours)
    seen = [SeenFaces(), SeenFaces()]
    for shard in seen:
        for number in range(9):
            for person in (0, 1):
                picture = np.full((64, 64, 3), 60 + 100 * person + number, np.uint8)
                sample = {
                    "jpg": jpg_bytes(picture),
                    "landmarks.npy": npy_bytes(np.full((3, 478, 3), 0.5, np.float16)),
                }
                for speaker in ("unnamed", f"person {person}"):
                    record = {"speaker": speaker, "key_frame": 2}
                    shard.look(
                        f"clip_{person}_{number}", record, sample if number else {"jpg": b"no picture"}
                    )
        assert max(shard.counts.values()) == one_speaker.FACES_PER_SHARD
    assert list(mixed_speakers([])) == []
    [line] = mixed_speakers(seen)
    assert "speaker unnamed may be several people: clip_0_" in line and "clip_1_" in line
