"""`lit-emotalk real-people`: the whole report on tiny shards by small untrained models, and bad input."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep.clips.record import Clip
from data_prep.shards.pack import Corpus, pack_clips
from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.columns import COLUMNS
from lit_emotalk.evaluate.real_people import pictures
from lit_emotalk.evaluate.real_people.command import main
from lit_emotalk.weights import fetch as weights
from tests.drawn_clips import TINY_SIZE, draw_clip
from tests.small_models import save_small_models

PICTURES = {"pairs.png", "emotions.png", "confusion.png"}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small untrained exports."""
    return save_small_models(tmp_path_factory.mktemp("models"))


def shards_of(folder: Path, clips: list[Clip]) -> Path:
    """Shards with a test split alone."""
    speakers = sorted({clip.record["speaker"] for clip in clips})
    pack_clips(clips, folder, Corpus("folder", "arkit", TINY_SIZE, {"test": speakers}, "tests"))
    return folder


def unlabelled(speaker: str, frames: int) -> Clip:
    """A clip of an unknown emotion."""
    clip = draw_clip(speaker, "happy", 2, frames, name=f"{frames}")
    clip.record.update(emotion=None, level=None, scene=clip.record["source"])
    return clip


def run(shards: Path, models: Path, output: Path, *options: object) -> dict:
    """The command in this process; its report."""
    if not weights.available("face_landmarker"):
        pytest.skip("the face landmarker's model is not here: lit-emotalk weights fetch face_landmarker")
    given = ["--shards", shards, "--models", models, "--output", output, "--workers", 1, "--stride", 9]
    main([str(each) for each in [*given, *options]])
    return json.loads((output / "report.json").read_text())


def test_the_report_is_whole_and_is_taken_up_again(models, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("LIT_EMOTALK_FINGERPRINT", raising=False)
    clips = [draw_clip("M001", "neutral", 1, 18), draw_clip("M001", "happy", 3, 18), unlabelled("W002", 16)]
    shards, output = shards_of(tmp_path / "shards", clips), tmp_path / "out"
    found = run(shards, models, output, "--pairs", 2)
    assert {path.name for path in output.iterdir()} >= PICTURES | {"report.md", "report.json"}
    assert found["facts"]["clips"] == 3 and found["preparation"]["clips"] == 3
    assert sum(map(sum, found["emotions"]["key picture"]["confusion"])) == 2
    silent = found["lips"]["left_out"]["nobody_speaks"]
    assert found["lips"]["groups"]["all"]["correlation"]["clips"] == 3 - len(silent) >= 2
    kinds = found["generator"]
    assert [kind["pairs"] for kind in kinds.values()] == [2, 2]
    assert all(
        set(kind["ways"]) == {"generator", "guide alone (untrained)", "copy of the source"}
        for kind in kinds.values()
    )
    for kind in kinds.values():
        drawn, guide = kind["ways"]["generator"], kind["ways"]["guide alone (untrained)"]
        assert drawn["psnr_face"] == pytest.approx(guide["psnr_face"], abs=3), "neither is trained"
    rows = found["chain"]["rows"]
    assert set(rows) == {"Ground truth", "Copy of the source", "Ours"}
    assert rows["Ours"].keys() | found["chain"]["absent"].keys() == set(COLUMNS)
    assert rows["Ground truth"]["psnr"]["mean"] == 100 > rows["Ours"]["psnr"]["mean"]
    assert rows["Ground truth"]["theval"]["mean"] == 1
    assert rows["Ground truth"]["e_fid"]["mean"] == pytest.approx(0, abs=1e-6)
    assert rows["Ours"]["psnr"]["clips"] == 3
    text = (output / "report.md").read_text()
    for words in ("3 clips taken, 0 rejected", "unweighted mean", "best lag", "| Ours |", "emotions.png"):
        assert words in text
    for column in COLUMNS.values():
        assert f"{column.title}" in text
    assert "needs AlexNet" in text or weights.available("lpips_alexnet")
    pairs = np.asarray(Image.open(output / "pairs.png"))
    assert pairs.shape[0] > 3 * 128 and pairs.shape[1] > 4 * 128
    emotions = np.asarray(Image.open(output / "emotions.png"))
    assert emotions.shape[0] > 9 * 160
    monkeypatch.setattr(pictures, "emotions_picture", lambda *_: emotions)
    capsys.readouterr()
    run(shards, models, output, "--pairs", 1)
    assert "0 rows added, 0 failed, 9 were there" in capsys.readouterr().out
    monkeypatch.setenv("LIT_EMOTALK_FINGERPRINT", "of other code")
    run(shards, models, output, "--pairs", 1, "--limit", 1)
    assert "3 rows added, 0 failed, 0 were there" in capsys.readouterr().out


def test_one_clip_without_a_label_is_enough(models, tmp_path):
    shards = shards_of(tmp_path / "shards", [unlabelled("W002", 16)])
    found = run(shards, models, tmp_path / "out", "--pairs", 3)
    text = (tmp_path / "out" / "report.md").read_text()
    assert found["emotions"]["key picture"]["mean_recall"] is None and "no clip has a label" in text
    assert "[–, one clip]" in text and list(found["generator"]) == ["within a clip, to its second half"]
    assert not (tmp_path / "out" / "confusion.png").exists()


def test_wrong_input_is_one_line_and_leaves_nothing(models, sound_shards, tiny_shards, tmp_path):
    for shards, exports, options, said in (
        (tmp_path, models, (), "no shards at"),
        (sound_shards, models, (), "no faces in the layout"),
        (tiny_shards, tmp_path, (), "no export of stage 'align'"),
        (tiny_shards, models, ("--limit", 0), "--limit must be at least 1"),
        (tiny_shards, models, ("--pairs", -1), "--pairs must be at least 1"),
    ):
        with pytest.raises(UserError, match=said) as raised:
            run(shards, exports, tmp_path / "out", *options)
        assert "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists()
