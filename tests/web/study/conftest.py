"""A small study: two methods with the truth, three clips, source pictures, two raters, two checks."""

import csv
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import yaml
from PIL import Image

from lit_emotalk.web.study.build import LINKS_FILE, build_study
from lit_emotalk.web.study.study import Study, read_study

METHODS = ("Ours-secret", "Other-secret")
TRUTH = "truth-secret"
CLIPS = ("one", "two", "three")
SIDE, FRAMES = 32, 6


def write_named_video(path: Path, secret: str, codec: str = "libx264", level: int = 0) -> None:
    """A grey video with sound that says `secret` in its title, comment, tracks and x264's notes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        container.metadata.update({"title": secret, "comment": secret, "artist": secret})
        video = container.add_stream(codec, rate=25)
        video.width = video.height = SIDE
        video.pix_fmt = "yuv420p"
        video.metadata["handler_name"] = secret
        sound = container.add_stream("aac" if codec == "libx264" else "mp3", rate=16_000)
        sound.metadata["handler_name"] = secret
        for index in range(FRAMES):
            picture = np.full((SIDE, SIDE, 3), 40 + 20 * index + level, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(video.encode(None))
        tone = np.sin(np.arange(3840) / 5).astype(np.float32)[None] / 3
        frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        frame.sample_rate = 16_000
        for packet in (*sound.encode(frame), *sound.encode(None)):
            container.mux(packet)


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of the methods, the truth and the source pictures."""
    folder = tmp_path_factory.mktemp("material")
    for method in (*METHODS, TRUTH):
        for level, clip in enumerate(CLIPS):
            write_named_video(folder / method / f"{clip}.mp4", method, level=level)
    (folder / "sources").mkdir()
    for clip in CLIPS:
        Image.new("RGB", (SIDE, SIDE), "brown").save(folder / "sources" / f"{clip}.png")
    return folder


def spec_content(material: Path, **changes: Any) -> dict[str, Any]:
    """The YAML of the small study, with changes."""
    content = {
        "title": "Faces & <voices>",
        "introduction": "Hello.",
        "completion": "Code 42",
        "raters": 2,
        "methods": {method: str(material / method) for method in METHODS},
        "ground_truth": str(material / TRUTH),
        "sources": str(material / "sources"),
        "anchors_per_rater": 2,
        "questions": {"lip_sync": {"text": "Lips?"}, "quality": {"text": "Pictures?"}},
    }
    return {**content, **changes}


def write_spec(path: Path, content: dict[str, Any]) -> Path:
    """Write a study's YAML."""
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


@pytest.fixture(scope="session")
def built(material: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small study's folder, built; for reading only."""
    folder = tmp_path_factory.mktemp("built")
    spec = write_spec(folder / "spec.yaml", spec_content(material))
    build_study(spec, folder / "study", "https://example.org/")
    return folder / "study"


@pytest.fixture
def study(built: Path, tmp_path: Path) -> Study:
    """A fresh copy of the small study without ratings."""
    target = tmp_path / "study"
    target.mkdir()
    for name in ("study.json", LINKS_FILE):
        (target / name).write_bytes((built / name).read_bytes())
    (target / "media").symlink_to(built / "media")
    return read_study(target)


def tokens_of(folder: Path) -> dict[str, str]:
    """Rater -> token, from the links."""
    with open(folder / LINKS_FILE, newline="") as file:
        return {row["rater"]: row["link"].rsplit("/", 1)[1] for row in csv.DictReader(file)}
