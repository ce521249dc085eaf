"""Table 1 from videos with RAVDESS's names: preparation, source frames, other methods' videos beside ours,
and the table, which ranks blurred copies above shifted ones."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from data_prep import ravdess
from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.beside import sources
from lit_emotalk.evaluate.beside.videos import load_beside, named_folders, videos_beside
from lit_emotalk.evaluate.command import main as evaluate
from lit_emotalk.evaluate.shards import ShardClip, load_clip, shard_clips
from lit_emotalk.evaluate.store import SET_KEY, read_results
from lit_emotalk.evaluate.tables.build import build
from lit_emotalk.evaluate.tables.spec import read_spec
from lit_emotalk.io.video import read_frames, read_image, write_video
from tests.evaluate.conftest import blurred, sound

SPEC = Path(__file__).parents[2] / "experiments" / "tables" / "ravdess.yaml"
FRAMES = 20
NAMES = ("01-01-03-02-01-01-01", "01-01-05-01-02-01-02", "01-01-01-01-01-02-24")
"""Happy and strong, angry and normal, neutral, by three actors."""


def recordings(face: np.ndarray) -> dict[str, np.ndarray]:
    """Whole pictures (20, 192, 256, 3) of three people: the astronaut, mirrored, and in poor light."""
    looks = (face, face[:, ::-1], (0.6 * face).astype(np.uint8))
    videos = {}
    for name, look in zip(NAMES, looks, strict=True):
        wide = np.pad(look, ((0, 0), (32, 32), (0, 0)), mode="edge")
        places = [round(8 * np.sin(t / 3)) for t in range(FRAMES)]
        videos[name] = np.stack([np.roll(wide, place, axis=1) for place in places])
    return videos


def moved(frames: np.ndarray) -> np.ndarray:
    """Two frames late, and twelve pixels to the right."""
    late = np.concatenate([frames[:1], frames[:1], frames[:-2]])
    return np.roll(late, 12, axis=2)


@pytest.fixture(scope="module")
def corpus(face: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`root` in RAVDESS's layout, `shards` of it, and two methods' folders: `soft` holds whole pictures,
    blurred; `late` what `sources` wrote, moved."""
    folder = tmp_path_factory.mktemp("ravdess")
    for name, frames in recordings(face).items():
        actor = f"Actor_{name[-2:]}"
        video = folder / "root" / f"Video_Speech_{actor}" / actor / f"{name}.mp4"
        write_video(video, list(frames), audio=sound(FRAMES), crf=8)
        write_video(folder / "soft" / f"{name}.mp4", list(blurred(frames, 1.0)), audio=sound(FRAMES), crf=8)
    words = ["ravdess", "--root", folder / "root", "--output", folder / "shards", "--splits", "ravdess_paper"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [str(w) for w in [*words, "--workers", 1, "--frame-size", 128]])
        ravdess.COMMAND.run()
    sources.main(["--shards", str(folder / "shards"), "--output", str(folder / "sources")])
    for video in (folder / "sources" / "true").glob("*.mp4"):
        late = moved(np.stack(list(read_frames(video))))
        write_video(folder / "late" / "made" / video.name, list(late), audio=sound(FRAMES), crf=8)
    return folder


@pytest.fixture(scope="module")
def clips(corpus: Path) -> list[ShardClip]:
    return shard_clips(corpus / "shards", "test", None)


def test_source_frames_and_true_videos_are_the_clips(corpus, clips):
    assert len(clips) == 3, "everyone is for testing"
    for clip in clips:
        name = Path(clip.frames.record["source"]).stem
        loaded = load_clip(clip)
        assert np.array_equal(read_image(corpus / "sources" / "source" / f"{name}.png"), loaded.frames[0])
        true = np.stack(list(read_frames(corpus / "sources" / "true" / f"{name}.mp4")))
        assert true.shape == loaded.frames.shape
        assert np.abs(true.astype(float) - loaded.frames).mean() < 4


def test_whole_pictures_are_cut_as_the_clip_and_square_ones_scaled(corpus, clips):
    for clip in clips:
        name, true = Path(clip.frames.record["source"]).stem, load_clip(clip).frames.astype(float)
        whole, heard = load_beside(corpus / "soft" / f"{name}.mp4", clip, 128)
        assert whole.shape == true.shape and np.abs(whole - true).mean() < 6 and heard is not None
        square, _ = load_beside(corpus / "sources" / "true" / f"{name}.mp4", clip, 64)
        assert square.shape == (FRAMES, 64, 64, 3)


def test_a_folder_is_scored_beside_ours(corpus, tmp_path, capsys):
    output = tmp_path / "results.jsonl"
    words = ["--shards", corpus / "shards", "--baseline", "ground_truth", "copy_source", "--output", output]
    words += ["--beside", f"PC-AVS={corpus / 'soft'}", f"EAMM={corpus / 'late'}"]
    words += ["--workers", 1, "--stride", 10]
    evaluate([str(word) for word in words])
    cells = dict(build(read_spec(SPEC), [output]).rows)
    for column in ("psnr", "ssim"):
        soft, late = (cells[name][column].estimate.mean for name in ("PC-AVS", "EAMM"))
        assert soft > late, column
    for row in read_results(output)[1]:
        if row["method"] in ("PC-AVS", "EAMM") and row["key"] != SET_KEY:
            sharp = row["metrics"]["sharp"]
            assert (sharp > 75) == (row["method"] == "EAMM"), (
                "moving leaves a picture sharp, blurring does not"
            )
    true, soft = (cells[name]["f_lmd"].estimate.mean for name in ("Ground truth", "PC-AVS"))
    assert true == 0 < soft
    assert cells["Ours-T"]["psnr"].reason == "no results of this method"
    rows = [row for row in read_results(output)[1] if row["method"] == "EAMM" and row["key"] != SET_KEY]
    assert {row["emotion"] for row in rows} == {"happy", "angry", "neutral"} and all(
        r["made_by"] for r in rows
    )
    capsys.readouterr()
    evaluate([str(word) for word in words])
    assert "0 rows added, 0 failed, 12 were there" in capsys.readouterr().out
    shutil.copyfile(corpus / "soft" / f"{NAMES[1]}.mp4", corpus / "soft" / f"{NAMES[0]}.mp4")
    evaluate([str(word) for word in words])
    assert "1 rows added" in capsys.readouterr().out, "another video of a clip is scored anew"


def test_videos_are_found_by_their_recordings_and_keys(corpus, clips, tmp_path):
    by_name, notes = videos_beside(corpus / "late", clips)
    assert set(by_name) == {clip.key for clip in clips} and notes == []
    (tmp_path / f"{clips[0].key}.mp4").touch()
    some, notes = videos_beside(tmp_path, clips)
    assert set(some) == {clips[0].key} and len(notes) == 2 and clips[1].key in notes[0]
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / f"{clips[0].key}.mp4").touch()
    with pytest.raises(UserError, match="several videos of"):
        videos_beside(tmp_path, clips)


def test_wrong_folders_are_one_line(clips, tmp_path):
    with pytest.raises(UserError, match=r"no video of these clips; the first would be called .*\.mp4"):
        videos_beside(tmp_path, clips)
    for wrong, said in (
        ("EAMM", "NAME=FOLDER"),
        (f"=={tmp_path}", "NAME=FOLDER"),
        ("A=/nowhere", "no folder"),
    ):
        with pytest.raises(UserError, match=said):
            named_folders([wrong])
    with pytest.raises(UserError, match="each name once"):
        named_folders([f"A={tmp_path}", f"A={tmp_path}"])
