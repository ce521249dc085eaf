"""What `study build` leaves: playable videos and pictures without a trace of their method, secret links."""

import json
import stat
from pathlib import Path

import av
import numpy as np
import pytest
import yaml
from PIL import Image

from lit_emotalk.errors import UserError
from lit_emotalk.io.video import read_frames
from lit_emotalk.web.study.build import build_study
from lit_emotalk.web.study.command import main
from lit_emotalk.web.study.study import read_study
from lit_emotalk.web.study.videos import copy_blind, copy_picture
from tests.web.study.conftest import (
    FRAMES,
    METHODS,
    TRUTH,
    spec_content,
    tokens_of,
    write_named_video,
    write_spec,
)


def test_no_name_of_a_method_is_left_in_names_or_bytes(built: Path, material: Path) -> None:
    names = [path.name for path in (built / "media").iterdir()]
    assert set(names) == set(read_study(built).files)
    assert all(len(Path(name).stem) == 32 for name in names)
    assert len({path.stat().st_mtime for path in (built / "media").iterdir()}) == 1
    for path in (built / "media").iterdir():
        content = path.read_bytes().lower()
        for secret in (*METHODS, TRUTH, "secret", "x264", str(material)):
            assert secret.lower().encode() not in content, (path, secret)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_a_copy_has_the_pictures_the_sound_and_the_times(codec: str, tmp_path: Path) -> None:
    source, target = tmp_path / ("a.mp4" if codec == "libx264" else "a.avi"), tmp_path / "b.mp4"
    write_named_video(source, "very-secret", codec)
    assert b"very-secret" in source.read_bytes()
    copy_blind(source, target)
    before, after = (list(read_frames(path, None)) for path in (source, target))
    assert len(before) == len(after) == FRAMES
    assert max(np.abs(a.astype(int) - b).max() for a, b in zip(before, after, strict=True)) <= (
        0 if codec == "libx264" else 8
    )
    with av.open(str(target)) as container:
        assert [stream.codec_context.name for stream in container.streams] == ["h264", "aac"]
        assert not container.metadata.get("title") and not container.metadata.get("comment")
        times = [float(frame.time or 0) for frame in container.decode(video=0)]
    assert times == pytest.approx([index / 25 for index in range(FRAMES)], abs=0.002)
    assert b"very-secret" not in target.read_bytes() and b"x264" not in target.read_bytes()


def test_a_picture_keeps_its_pixels_alone(tmp_path: Path) -> None:
    notes = Image.Exif()
    notes[0x010E] = "very-secret"
    Image.new("RGB", (20, 10), (200, 30, 30)).save(tmp_path / "a.jpg", exif=notes, comment=b"very-secret")
    copy_picture(tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert b"very-secret" in (tmp_path / "a.jpg").read_bytes()
    assert b"very-secret" not in (tmp_path / "b.jpg").read_bytes()
    assert np.abs(np.asarray(Image.open(tmp_path / "b.jpg")).astype(int)[5, 5] - (200, 30, 30)).max() < 8


def test_links_are_personal_and_secret(built: Path) -> None:
    tokens = tokens_of(built)
    assert list(tokens) == ["r1", "r2"] and len(set(tokens.values())) == 2
    assert all(len(token) == 32 for token in tokens.values())
    text = (built / "study.json").read_text()
    assert not any(token in text for token in tokens.values())
    for name in ("study.json", "links.csv"):
        assert stat.S_IMODE((built / name).stat().st_mode) == 0o600
    assert (built / "links.csv").read_text().splitlines()[1].startswith("r1,https://example.org/r/")


def test_two_builds_share_no_name(material: Path, built: Path, tmp_path: Path) -> None:
    spec = write_spec(tmp_path / "spec.yaml", spec_content(material))
    main(["build", "--spec", str(spec), "--output", str(tmp_path / "again")])
    again = {path.name for path in (tmp_path / "again" / "media").iterdir()}
    assert not again & {path.name for path in (built / "media").iterdir()}
    assert read_study(tmp_path / "again").raters.keys() == read_study(built).raters.keys()


def test_wrong_use_is_one_line_and_leaves_nothing(material: Path, built: Path, tmp_path: Path) -> None:
    spec = write_spec(tmp_path / "spec.yaml", spec_content(material))
    with pytest.raises(UserError, match=r"study exists; name another folder"):
        build_study(spec, built, "http://a.org")
    with pytest.raises(UserError, match="--url must be like"):
        build_study(spec, tmp_path / "study", "a.org")
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "one.mp4").write_bytes(b"nothing")
    content = spec_content(material, methods={"A": str(damaged)}, clips=["one"], anchors_per_rater=0)
    with pytest.raises(UserError, match=r"one\.mp4"):
        build_study(write_spec(tmp_path / "bad.yaml", content), tmp_path / "study", "http://a.org")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write"):
        build_study(spec, tmp_path / "file" / "study", "http://a.org")
    assert not (tmp_path / "study").exists() and not list(tmp_path.glob(".*.tmp"))


def test_a_broken_study_is_one_line(built: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no study"):
        read_study(tmp_path)
    (tmp_path / "study.json").write_text("{")
    with pytest.raises(UserError, match="build the study again"):
        read_study(tmp_path)
    (tmp_path / "study.json").write_bytes((built / "study.json").read_bytes())
    with pytest.raises(UserError, match=r"file\(s\) of .* are missing"):
        read_study(tmp_path)


def test_plan_and_media_agree(built: Path) -> None:
    study = read_study(built)
    content = json.loads((built / "study.json").read_text())
    assert content["mistakes"] == 0 and yaml.safe_dump(content["sources"])
    for items in study.raters.values():
        assert all(study.files[study.media[item]].is_file() for item in items)
