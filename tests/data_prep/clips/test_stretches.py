"""What is kept of a video that does not show one face throughout: cuts, other people, lost ends."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from data_prep.clips import track
from data_prep.clips.clip import prepare_clip
from data_prep.clips.followed import follow
from data_prep.clips.lost_frames import MAX_GAP_FRAMES, MAX_LOST_SHARE, good_stretch
from data_prep.clips.people import identity_network
from data_prep.clips.shots import Cuts, Shot
from data_prep.clips.source import Source, Truth
from data_prep.clips.track import Tracked, track_video
from data_prep.clips.windows import Windows
from data_prep.synthetic.scenes.render import Renderer
from lit_emotalk.errors import UserError
from lit_emotalk.face.landmarker import Face, Landmarker
from lit_emotalk.io.audio import load_audio
from lit_emotalk.io.video import write_video
from tests.data_prep.heads import SIZE, hum, render_clip

HARD = Path(__file__).parents[4] / "shared" / "data" / "hard"


def fits(known: np.ndarray) -> bool:
    gaps = "".join("x" if each else "." for each in known).split("x")
    return (~known).sum() <= MAX_LOST_SHARE * len(known) and max(map(len, gaps)) <= MAX_GAP_FRAMES


@pytest.mark.parametrize("seed", range(12))
def test_the_longest_good_stretch_is_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    known = np.repeat(rng.random(16) < 0.7, rng.integers(1, 14, 16)) & (rng.random() < 0.9)
    first, end = good_stretch(known)
    spans = [(a, b) for a in range(len(known)) for b in range(a + 1, len(known) + 1)]
    good = [b - a for a, b in spans if known[a] and known[b - 1] and fits(known[a:b])]
    if known.any() and fits(known):
        assert (first, end) == (0, len(known))
    else:
        assert end - first == max(good, default=0)


def test_the_frames_before_a_face_is_lost_for_good_are_kept() -> None:
    known = np.arange(222) < 193
    assert good_stretch(known) == (0, 193)
    assert good_stretch(known[::-1]) == (29, 222)


def moving(level: float, frames: int = 20) -> list[np.ndarray]:
    """A bright disc that moves slowly over noise."""
    rng = np.random.default_rng(0)
    ground = rng.integers(0, 60, (90, 120, 3)).astype(np.uint8)
    y, x = np.mgrid[:90, :120]
    discs = [((x - 30 - 2 * k) ** 2 + (y - 45) ** 2 < 400)[..., None] for k in range(frames)]
    return [np.where(disc, np.uint8(level), ground) for disc in discs]


def test_cuts_are_found_and_movement_is_none() -> None:
    def cuts(frames: list[np.ndarray]) -> list[int]:
        finder = Cuts()
        return [index for index, frame in enumerate(frames) if finder.starts(frame)]

    one, other = moving(200), [255 - frame for frame in moving(90)]
    assert cuts(one) == [] and cuts(one + one[::-1]) == []
    assert cuts(one + other + one) == [20, 40]
    assert cuts([frame for frame in one + other for _ in range(2)]) == [40]


def face(x: float, identity: float, size: float = 80.0) -> Face:
    cloud = np.random.default_rng(0).uniform(-size / 2, size / 2, (478, 3)).astype(np.float32)
    return Face(cloud + np.array([x, 100, 0], np.float32), np.array([identity], np.float32))


def identity(_: int, seen: Face) -> np.ndarray:
    return seen.scores


def shots(*parts: list[list[Face]]) -> list[Shot]:
    made, start = [], 0
    for part in parts:
        made.append(Shot(start, Windows(128), part, (200, 400)))
        start += len(part)
    return made


def spans(people: list) -> list[tuple[int, int, str, str]]:
    return sorted((min(p.faces), max(p.faces) + 1, p.before, p.after) for p in people)


def test_a_face_is_followed_over_a_cut_only_where_it_is_the_same_in_the_same_place() -> None:
    stays = follow(shots([[face(100, 0)]] * 20, [[face(110, 0.1)]] * 30), identity)
    assert spans(stays) == [(0, 50, "", "")]
    moves = follow(shots([[face(100, 0)]] * 20, [[face(300, 0)]] * 30), identity)
    assert spans(moves) == [(0, 20, "", "a cut at 20"), (20, 50, "a cut at 20", "")]
    other = follow(shots([[face(100, 0)]] * 20, [[face(100, 1)]] * 30), identity)
    why = "a cut to another person at 20"
    assert spans(other) == [(0, 20, "", why), (20, 50, why, "")]
    flash = follow(shots([[face(100, 0)]] * 20, [[]] * 2, [[face(110, 0.1)]] * 30), identity)
    assert spans(flash) == [(0, 52, "", "")]
    gone = follow(shots([[face(100, 0)]] * 20, [[]] * 12, [[face(110, 0.1)]] * 30), identity)
    assert spans(gone) == [(0, 20, "", "a cut at 20"), (32, 62, "a cut at 32", "")]
    unknown = follow(shots([[face(100, 0)]] * 20, [[face(100, 0)]] * 30), lambda index, seen: None)
    assert len(unknown) == 2, "without the network every cut ends a stretch"


def test_someone_who_becomes_another_without_a_cut_is_two_and_expression_is_not() -> None:
    blended = np.clip((np.arange(100) - 60) / 8, 0, 1)
    people = follow(shots([[face(100, value)] for value in blended]), identity)
    assert len(people) == 2
    first, second = sorted(people, key=lambda person: min(person.faces))
    assert 50 < max(first.faces) < 68 and 60 < min(second.faces) < 76
    assert "another person" in first.after and "another person" in second.before
    laughs = np.sin(np.arange(100) / 15) * 0.5
    assert len(follow(shots([[face(100, value)] for value in laughs]), identity)) == 1
    turns = np.where(np.isin(np.arange(42), [0, 9, 30, 41]), 0.73, 0.0)
    assert len(follow(shots([[face(100, value)] for value in turns]), identity)) == 1, "single faces differ"
    assert (
        len(
            follow(
                shots([[face(100, v)] for v in turns[:30]], [[face(100, v)] for v in turns[30:]]), identity
            )
        )
        == 1
    )
    grows = np.linspace(0, 0.9, 100)
    assert len(follow(shots([[face(100, value)] for value in grows]), identity)) == 1


class Brightness:
    """An identity network to which people differ by how bright the picture is."""

    def embed(self, frames: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        return frames.mean((1, 2, 3))[:, None] / 40


@pytest.fixture(scope="module")
def drawn(renderers: list[Renderer]) -> dict[str, list[np.ndarray]]:
    """Pictures of people and of nobody, for reading only."""
    here = render_clip(renderers[0], 30)
    noise = np.random.default_rng(0).integers(0, 255, (25, SIZE, SIZE, 3), np.uint8)
    wide = [np.pad(frame, ((0, 0), (0, SIZE), (0, 0)), mode="edge") for frame in here]
    return {"here": here, "other": [frame // 2 for frame in here], "nobody": list(noise), "left": wide,
            "right": [np.roll(frame, SIZE, 1) for frame in wide]}  # fmt: skip


@pytest.fixture
def pictures(
    drawn: dict[str, list[np.ndarray]], monkeypatch: pytest.MonkeyPatch
) -> dict[str, list[np.ndarray]]:
    """The same, where people differ by their brightness."""
    monkeypatch.setattr(track, "identity_network", Brightness)
    return drawn


@pytest.mark.parametrize(
    ("parts", "kept", "why"),
    [
        ([("other", 18), ("here", 24)], (18, 24), "a cut to another person at 18"),
        ([("left", 18), ("right", 24)], (18, 24), "(a cut|the face jumps) at 18"),
        ([("nobody", 20), ("here", 26), ("nobody", 12)], (20, 26), "the face is lost up to 19; .* 46"),
        ([("here", 30)], (0, 30), ""),
    ],
)
def test_the_longest_stretch_of_one_person_is_kept(
    pictures: dict[str, list[np.ndarray]], tmp_path: Path, parts: list, kept: tuple[int, int], why: str
) -> None:
    path = tmp_path / "clip.mp4"
    frames = [frame for name, count in parts for frame in pictures[name][:count]]
    sound = hum(len(frames)) * np.repeat(np.linspace(0.2, 1, len(frames)), 640).astype(np.float32)
    write_video(path, frames, audio=sound)
    source = Source("key", "folder", "x", None, None, "clip.mp4", path, text="all that is said")
    facts = prepare_clip(source, 128, tmp_path / "kept.npz")
    assert (facts["first_frame"], facts["frames"], facts["video_frames"]) == (*kept, len(frames))
    assert re.fullmatch(why, facts["trimmed"]), facts["trimmed"]
    with np.load(tmp_path / "kept.npz") as stored:
        record = json.loads(stored["record"].tobytes())
        heard = load_audio(path)[kept[0] * 640 : (kept[0] + kept[1]) * 640]
        assert np.abs(stored["pcm"] / 32768 - heard).max() < 1e-4
        assert record["frames"] == len(stored["jpg_sizes"]) == len(stored["landmarks"]) == kept[1]
    assert record["text"] == (None if why else "all that is said")


def test_too_short_a_stretch_is_refused(pictures: dict[str, list[np.ndarray]], tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_video(path, pictures["nobody"] + pictures["here"][:14] + pictures["nobody"])
    with pytest.raises(UserError, match=r"the face is lost in \d\d of 64 frames"):
        track_video(path, 128)


def test_a_face_too_small_for_the_whole_picture_is_found_and_followed(
    pictures: dict[str, list[np.ndarray]], tmp_path: Path
) -> None:
    path, ground = tmp_path / "far.mp4", np.full((1080, 1920, 3), 120, np.uint8)
    frames = []
    for index, picture in enumerate(pictures["here"]):
        frame = ground.copy()
        frame[800 : 800 + SIZE, 1500 + 2 * index : 1500 + 2 * index + SIZE] = picture
        frames.append(frame)
    write_video(path, frames)
    with Landmarker(scores=False) as landmarker:
        assert not landmarker.detect(frames[0]), "the whole picture shows it"
    tracked = track_video(path, 128)
    assert len(tracked.frames) == 30 and tracked.lost.sum() <= 1
    middle = np.array([1500 + 29 + SIZE / 2, 800 + SIZE / 2])
    assert np.abs(np.array([tracked.crop.x, tracked.crop.y]) - middle).max() < 50
    [followed] = tracked.people
    assert np.abs(np.array(followed[3:5]) - middle).max() < 40
    moved = np.diff(tracked.landmarks[..., 0].mean(1)).mean() * 2 * tracked.crop.half
    assert moved == pytest.approx(2, abs=0.7)


def test_frames_with_half_a_face_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.full((200, 400, 3), 90, np.uint8)
    write_video(tmp_path / "clip.mp4", [picture] * 43)

    def seen(places: np.ndarray) -> Tracked:
        shot = Shot(0, Windows(128), extent=(200, 400))
        for x in places:
            faces = [face(x, 0)]
            shot.windows.add(picture, faces)
            shot.faces.append(faces)
        monkeypatch.setattr(track, "watch", lambda path, size, part=None: [shot])
        return track_video(tmp_path / "clip.mp4", 128)

    assert seen(np.full(30, 41.0)).trimmed == ""
    with pytest.raises(UserError, match="only a part of the face is in the picture in 30 of 30 frames"):
        seen(np.full(30, 10.0))
    leaving = seen(np.linspace(358, 400, 43))
    length = len(leaving.frames)
    assert leaving.first == 0 and abs(length - 22) < 4
    assert leaving.trimmed == f"only a part of the face is in the picture from {length}"
    entering = seen(np.linspace(0, 42, 43))
    assert abs(entering.first - 20) < 4
    assert entering.trimmed == f"only a part of the face is in the picture up to {entering.first - 1}"


def test_phonemes_of_a_part_are_in_its_own_time() -> None:
    truth = Truth("abc", [["a", 0.0, 1.0], ["b", 1.0, 1.5], ["c", 1.5, 3.0]], "scene")
    part = truth.part(0.8, 1.0)
    assert part.text is None and part.scene == "scene"
    assert [name for name, *_ in part.phonemes or []] == ["a", "b", "c"]
    np.testing.assert_allclose([times for _, *times in part.phonemes or []], [(0, 0.2), (0.2, 0.7), (0.7, 1)])


@pytest.mark.shared_data
@pytest.mark.skipif(not HARD.is_dir(), reason=f"no hard files at {HARD}")
@pytest.mark.skipif(identity_network() is None, reason="the identity network is not here")
def test_a_cut_to_another_real_person_ends_the_clip() -> None:
    tracked = track_video(HARD / "cut_to_another_person.mp4", 128)
    assert (tracked.first, len(tracked.frames), tracked.total) == (0, 40, 80)
    assert tracked.trimmed == "a cut to another person at 40"


@pytest.mark.shared_data
@pytest.mark.skipif(not HARD.is_dir(), reason=f"no hard files at {HARD}")
def test_half_a_real_face_is_refused() -> None:
    with pytest.raises(UserError, match="only a part of the face is in the picture"):
        track_video(HARD / "face_half_outside.mp4", 128)


@pytest.mark.shared_data
@pytest.mark.skipif(not HARD.is_dir(), reason=f"no hard files at {HARD}")
def test_a_small_real_face_in_the_corner_is_found() -> None:
    tracked = track_video(HARD / "small_face_in_corner.mp4", 128)
    assert len(tracked.frames) > 0.9 * tracked.total
