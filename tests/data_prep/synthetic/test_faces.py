"""Faces: bursts of many people as shards that stage hef reads, resumable, nobody of them in a corpus."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep.synthetic import faces, faces_sheet
from data_prep.synthetic.acting.bursts import UNITS_EVERY, draw_bursts
from data_prep.synthetic.acting.manner import draw_manner
from data_prep.synthetic.heads.glasses import GLASSES
from data_prep.synthetic.heads.identity import Identity, draw_identity
from data_prep.synthetic.heads.variety import draw_person
from data_prep.synthetic.scenes.camera import Camera, draw_camera, record
from data_prep.synthetic.scenes.render import Renderer
from data_prep.synthetic.scenes.scene import draw_scene
from data_prep.synthetic.scenes.variety import draw_varied_scene
from data_prep.tracker.tracker_set import IDENTITY_SEED_OFFSET
from data_prep.verify import verify
from lit_emotalk.coefficients import ARKIT, ARKIT_NAMES
from lit_emotalk.data import FramesDataModule, SignalsDataModule
from lit_emotalk.data.index import index_split
from lit_emotalk.data.manifest import read_manifest
from lit_emotalk.emotions import LEVELS, MEAD_EMOTIONS
from lit_emotalk.errors import UserError
from lit_emotalk.weights import fetch

SMALL = ["--bursts", "3", "--frames", "3", "--size", "160", "--workers", "1", "--val-people", "1"]


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    if not fetch.available("face_landmarker"):
        pytest.skip("the face landmarker's model is not here: lit-emotalk weights fetch face_landmarker")
    folder = tmp_path_factory.mktemp("faces") / "shards"
    faces.main(["--output", str(folder), "--people", "2", *SMALL])
    return folder


def kept(folder: Path, name: str):
    """What is kept of a person: the drawn file and the readings."""
    drawn, read = sorted(folder.glob(f".work/*/{name}.npz"))
    return np.load(drawn), np.load(read)


def test_shards_hold_bursts_of_every_kind(shards):
    faults, _ = verify(shards)
    assert not faults
    manifest = read_manifest(shards)
    assert manifest.corpus == "faces" and manifest.frame_size == 160
    assert manifest.speakers == {"train": ["F0002", "F0003"], "val": ["F0001"], "test": []}
    records = [clip.record for clip in index_split(manifest, "frames", "train")]
    assert len(records) == 6 and all(r["frames"] == 3 and r["frame_size"] == 160 for r in records)
    by_person = {r["speaker"] for r in records if r["emotion"] == "neutral"}
    assert by_person == {"F0002", "F0003"}
    others = [r for r in records if r["emotion"] != "neutral"]
    assert all(r["emotion"] in MEAD_EMOTIONS and r["level"] in LEVELS for r in others)


def test_coefficients_are_read_and_lie_near_those_drawn(shards):
    drawn, read = kept(shards, "F0002")
    truth, coeffs = drawn["weights"], read["coeffs"]
    clip = next(c for c in index_split(read_manifest(shards), "frames", "train") if "F0002_neutral" in c.key)
    packed = np.load(io.BytesIO(clip.read("coeffs.npy")))
    np.testing.assert_array_equal(packed, coeffs[:3])
    moved = truth.std(0) > 0.05
    together = [np.corrcoef(truth[:, i], coeffs[:, i])[0, 1] for i in np.flatnonzero(moved)]
    assert moved.sum() > 4 and np.median(together) > 0.6
    assert np.abs(truth - coeffs[:, ARKIT.expression]).mean() < 0.12
    resting = coeffs[0, ARKIT.expression]
    assert resting.mean() < 0.06
    turn = drawn["rotation"][:, 1]
    assert np.corrcoef(turn, coeffs[:, ARKIT.pose][:, 1])[0, 1] > 0.9


def test_stage_hef_and_the_picture_side_read_them(shards):
    data = FramesDataModule(shards, batch_size=4, steps_per_epoch=1, resolution=64, num_workers=0)
    batch = data.on_after_batch_transfer(next(iter(data.loader("train"))), 0)
    assert batch["source"].shape == (4, 3, 64, 64) and batch["driving"].shape == (4, 27, 57)
    signals = SignalsDataModule(shards, batch_size=2, steps_per_epoch=1, image_size=64, num_workers=0)
    batch = next(iter(signals.loader("train")))
    assert batch["seen"].all() and batch["single"].shape[2] == 51 and batch["image"].shape == (2, 3, 64, 64)


def test_a_stopped_run_goes_on_and_gives_equal_bytes(shards, tmp_path, capfd):
    faces.main(["--output", str(tmp_path), "--people", "2", *SMALL])
    first = {shard.path.name: shard.sha256 for shard in read_manifest(shards).shards}
    assert {shard.path.name: shard.sha256 for shard in read_manifest(tmp_path).shards} == first
    untouched = next(tmp_path.glob(".work/drawn-*/F0001.npz"))
    before = untouched.stat().st_mtime_ns
    next(tmp_path.glob(".work/drawn-*/F0002.npz")).unlink()
    (tmp_path / "manifest.json").unlink()
    capfd.readouterr()
    faces.main(["--output", str(tmp_path), "--people", "2", *SMALL])
    assert "drew 1 people" in capfd.readouterr().err and untouched.stat().st_mtime_ns == before
    assert {shard.path.name: shard.sha256 for shard in read_manifest(tmp_path).shards} == first


def test_the_sheet_has_a_row_for_everybody(shards, tmp_path):
    picture = tmp_path / "sheet.png"
    faces_sheet.main(["--shards", str(shards), "--output", str(picture), "--cell", "64"])
    with Image.open(picture) as sheet:
        assert sheet.size == (4 * 64, 3 * (64 + faces_sheet.CAPTION))
        assert np.asarray(sheet)[:64, : 4 * 64].std() > 10
    with pytest.raises(UserError, match="manifest"):
        faces_sheet.main(["--shards", str(tmp_path), "--output", str(picture)])


def test_bursts_begin_at_rest_and_show_each_emotion_before_any_again():
    bursts = draw_bursts(12, 5, draw_manner(0, 1), np.random.default_rng(0))
    assert bursts[0].emotion == "neutral" and not bursts[0].weights[:2].any()
    assert [b.emotion is None for b in bursts] == [n > 0 and n % UNITS_EVERY == 0 for n in range(12)]
    shown = [b.emotion for b in bursts if b.emotion not in (None, "neutral")]
    assert len(shown) == 8 and len(set(shown[:7])) == 7
    for burst in bursts:
        assert burst.weights.shape == (5, 51) and 0 <= burst.weights.min() <= burst.weights.max() <= 1
        assert np.abs(np.diff(burst.weights, axis=0)).sum() > 0
        apart = np.linalg.norm(burst.weights - burst.weights[0], axis=1)
        assert (np.diff(apart) >= -1e-6).all()


def test_people_are_their_own_and_survive_json():
    people = [draw_person(7, index, f"F{index}") for index in range(64)]
    assert people[3] == draw_person(7, 3, "F3")
    assert len({person.noise for person in people}) == 64
    assert 5 < sum(person.glasses is not None for person in people) < 28
    styles = {(p.hair.style, p.beard) for p in people if not p.woman}
    assert len(styles) > 12
    worn = next(person for person in people if person.glasses)
    assert Identity.from_json(json.loads(json.dumps(worn.to_json()))) == worn
    old = {key: value for key, value in people[0].to_json().items() if key != "glasses"}
    assert Identity.from_json(old).glasses is None
    assert abs(faces.faces_person.FIRST_SEED - IDENTITY_SEED_OFFSET) > 10_000


def test_glasses_are_seen_where_the_eyes_are():
    person, scene = draw_person(7, 0, "F1"), draw_scene(np.random.default_rng(2))
    worn = replace(
        person, glasses=next(p.glasses for i in range(40) if (p := draw_person(7, i, "x")).glasses)
    )
    bare = replace(person, glasses=None)
    still = (np.zeros(51, np.float32), np.zeros(3), np.zeros(2))
    one, other = (Renderer(identity, scene, 128) for identity in (worn, bare))
    changed = np.abs(one.frame(*still).astype(int) - other.frame(*still)).sum(2) > 40
    assert GLASSES in one._surface.parts.numpy() and GLASSES not in other._surface.parts.numpy()
    pixels = one.screen()[np.concatenate(one.head.eyes), :2].mean(0)
    centre = np.argwhere(changed)[:, ::-1].mean(0)
    assert changed.sum() > 100 and np.abs(centre - pixels).max() < 10


def test_varied_scenes_are_brighter_darker_nearer_and_farther_than_the_corpus():
    wide = [draw_varied_scene(np.random.default_rng(seed)) for seed in range(200)]
    plain = [draw_scene(np.random.default_rng(seed)) for seed in range(200)]
    for name in ("exposure", "distance"):
        ours, theirs = ([getattr(scene, name) for scene in scenes] for scenes in (wide, plain))
        assert min(ours) < min(theirs) and max(ours) > max(theirs)
    assert wide[0] == draw_varied_scene(np.random.default_rng(0))
    assert len({scene.background for scene in wide}) > len({scene.background for scene in plain})


def test_a_perfect_camera_changes_nothing_and_each_fault_does_what_it_says():
    rng = np.random.default_rng(0)
    smooth = np.kron(rng.integers(60, 180, (8, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)

    def seen(**faults) -> np.ndarray:
        return record([smooth, smooth], Camera(**faults), np.random.default_rng(1))[0].astype(float)

    np.testing.assert_array_equal(seen(), smooth)
    edges = np.abs(np.diff(smooth.astype(float), axis=1)).max()
    assert np.abs(np.diff(seen(blur=1.0), axis=1)).max() < 0.7 * edges
    assert np.abs(np.diff(seen(scale=0.5), axis=1)).max() < edges
    assert np.std(seen(noise=5.0) - smooth) == pytest.approx(5.0, rel=0.1)
    assert np.ptp(seen(saturation=0.0), axis=2).max() == 0
    assert seen(vignette=0.5)[0, 0].mean() == pytest.approx(0.5 * smooth[0, 0].mean(), abs=1.5)
    assert seen(lift=0.1).mean() > smooth.mean() and seen(gamma=2.0).mean() < smooth.mean()
    for codec, coarse, fine in (("jpeg", 20, 95), ("h264", 40, 12)):
        lossy, good = (np.abs(seen(codec=codec, quality=q) - smooth).mean() for q in (coarse, fine))
        assert lossy > good > 0


def test_as_many_pictures_come_out_of_every_camera_as_went_in():
    pictures = [np.full((96, 96, 3), 40 * i, np.uint8) for i in range(1, 5)]
    for seed in range(30):
        rng = np.random.default_rng(seed)
        camera = draw_camera(rng)
        seen = record(pictures, replace(camera, noise=0.0, sharpen=0.0, vignette=0.0), rng)
        assert [picture.shape for picture in seen] == [(96, 96, 3)] * 4
        assert np.all(np.diff([picture.mean() for picture in seen]) > 5)


@pytest.mark.parametrize(
    "wrong",
    [["--people", "0"], ["--val-people", "-1"], ["--people", "9999"], ["--bursts", "1"], ["--frames", "1"],
     ["--bursts", "20", "--frames", "20"], ["--size", "100"], ["--seed", "-1"], ["--workers", "0"],
     ["--device", "abacus"]],
)  # fmt: skip
def test_wrong_numbers_are_one_line(tmp_path, wrong):
    with pytest.raises(UserError):
        faces.main(["--output", str(tmp_path / "x"), *wrong])
    assert not (tmp_path / "x").exists()


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    if not fetch.available("face_landmarker"):
        pytest.skip("the face landmarker's model is not here: lit-emotalk weights fetch face_landmarker")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="choose another --output"):
        faces.main(["--output", str(tmp_path / "file" / "x"), "--people", "1", *SMALL])


def test_people_of_the_faces_are_not_in_a_corpus():
    corpus = {draw_identity(seed, index).noise for seed in range(3) for index in range(48)}
    ours = {draw_person(faces.faces_person.FIRST_SEED, index, "x").noise for index in range(100)}
    assert not corpus & ours


def test_names_of_units_are_those_that_bursts_move():
    rng = np.random.default_rng(4)
    moved = np.zeros(51, bool)
    for index in range(40):
        for burst in draw_bursts(7, 3, draw_manner(1, index), rng):
            moved |= burst.weights.max(0) > 0.3
    assert [name for name, seen in zip(ARKIT_NAMES, moved, strict=True) if not seen] == []
