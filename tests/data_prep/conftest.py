"""Clips of rendered people, good and bad, that the tests of all corpora copy into their trees."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data_prep.synthetic.heads.identity import draw_identity
from data_prep.synthetic.scenes.render import Renderer
from data_prep.synthetic.scenes.scene import draw_scene
from lit_emotalk.io.video import write_video
from tests.data_prep.heads import FRAMES, SIZE, hum, render_clip

Place = Callable[[str, str], Path]


@pytest.fixture(scope="session")
def renderers() -> list[Renderer]:
    """Two rendered people."""
    scenes = np.random.default_rng(3)
    return [Renderer(draw_identity(0, index), draw_scene(scenes), size=SIZE) for index in (0, 1)]


@pytest.fixture(scope="session")
def clips(renderers: list[Renderer], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """mp4 files by name: of the first person `smile`, `neutral`; of the second `ntsc` (29.97 fps), `portrait`
    (upright format); `two_faces`; and files that are unfit in one way each."""
    folder = tmp_path_factory.mktemp("clips")
    first, second = renderers
    smile = render_clip(first, FRAMES, mouthSmile=0.9, cheekSquint=0.5)
    angry = render_clip(second, 30, browDown=0.9)
    beside = [np.pad(small[32:160, 32:160], ((64, 0), (0, 0), (0, 0))) for small in angry[:FRAMES]]
    noise = np.random.default_rng(0).integers(0, 255, (FRAMES, SIZE, SIZE, 3), np.uint8)
    tall = [np.pad(frame, ((90, 90), (0, 0), (0, 0)), mode="edge") for frame in angry[:FRAMES]]
    made = {name: folder / f"{name}.mp4" for name in (
        "smile", "neutral", "ntsc", "portrait", "two_faces", "no_face", "no_sound", "silent", "short_sound",
        "truncated", "no_video", "empty",
    )}  # fmt: skip
    write_video(made["smile"], smile, audio=hum(FRAMES))
    write_video(made["neutral"], render_clip(first, FRAMES + 4), audio=hum(FRAMES + 4))
    write_video(made["ntsc"], angry, fps=30000 / 1001, audio=hum(25))
    write_video(made["portrait"], tall, audio=hum(FRAMES))
    both = [np.concatenate(pair, 1) for pair in zip(smile, beside, strict=True)]
    write_video(made["two_faces"], both, audio=hum(FRAMES))
    write_video(made["no_face"], noise, audio=hum(FRAMES))
    write_video(made["no_sound"], smile)
    write_video(made["silent"], smile, audio=0 * hum(FRAMES))
    write_video(made["short_sound"], smile, audio=hum(5))
    whole = made["smile"].read_bytes()
    made["truncated"].write_bytes(whole[: len(whole) // 2])
    made["no_video"].write_text("no video")
    made["empty"].touch()
    return made


@pytest.fixture
def place(clips: dict[str, Path], tmp_path: Path) -> Place:
    """Copies a clip to a name below tmp_path/root."""

    def copy(name: str, clip: str) -> Path:
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(clips[clip], path)
        return path

    return copy
