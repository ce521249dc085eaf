"""The scripts of `examples/`, each run from its first line to its last on small models and made-up data."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pygltflib
import pytest
import soundfile
import torch

from lit_emotalk.io.coefficient_table import write_coefficients
from lit_emotalk.io.video import probe, read_frames, write_video
from lit_emotalk.models.handover import load_export
from tests.drawn_clips import draw_clip
from tests.portraits import head
from tests.small_models import save_small_models

EXAMPLES = Path(__file__).parent.parent / "examples"
FRAMES = 15


def example(name: str) -> ModuleType:
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models, a portrait and speech."""
    folder = tmp_path_factory.mktemp("examples")
    save_small_models(folder / "models")
    head(0, 200).save(folder / "me.png")
    time = np.arange(FRAMES * 640) / 16_000
    soundfile.write(folder / "hello.wav", 0.3 * np.sin(2 * np.pi * 180 * time), 16_000)
    return folder


def paths(files: Path) -> list[str]:
    return [str(files / name) for name in ("models", "me.png", "hello.wav")]


def test_every_example_is_run_here() -> None:
    text = Path(__file__).read_text()
    names = sorted(path.stem for path in EXAMPLES.glob("*.py"))
    assert len(names) == 5 and all(f'example("{name}")' in text for name in names)
    for path in EXAMPLES.glob("*.py"):
        assert f"python examples/{path.name} " in path.read_text(), "its first lines say how to run it"


def test_animate(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example("animate").main([*paths(files), "a furious person", str(tmp_path / "o.mp4")])
    assert "15 frames of 64x64 pixels" in capsys.readouterr().out
    assert len(list(read_frames(tmp_path / "o.mp4"))) == FRAMES


def test_emotions_over_time(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example("emotions_over_time").main([*paths(files), str(tmp_path / "o")])
    told = capsys.readouterr().out
    assert all(f"{part}: smile 0." in told for part in ("neutral", "furious", "happily surprised"))
    assert probe(tmp_path / "o.mp4").has_audio
    scene = pygltflib.GLTF2().load(str(tmp_path / "o.glb"))
    assert scene.accessors[scene.animations[0].samplers[0].input].count == FRAMES


def test_train_eac_on_own_coefficients(files: Path, tmp_path: Path) -> None:
    captures = tmp_path / "captures"
    captures.mkdir()
    for number, emotion in enumerate(("happy", "angry", "neutral", "happy")):
        clip = draw_clip("M001", emotion, 2, 24, name=f"c{number}")
        assert clip.coeffs is not None
        write_coefficients(captures / f"anna_{emotion}_2_{number}.csv", clip.coeffs)
        soundfile.write(captures / f"anna_{emotion}_2_{number}.wav", clip.samples, 16_000)
    before = torch.get_rng_state()
    example("train_eac_on_own_coefficients").main(
        [str(captures), str(files / "models" / "align"), str(tmp_path / "own"), "1"]
    )
    torch.set_rng_state(before)
    network = load_export(tmp_path / "own" / "export", "eac")
    assert network.config.code_dim == 16 and (tmp_path / "own" / "shards" / "manifest.json").is_file()


def test_score_two_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    true = [np.asarray(head(0, 192, yaw)) for yaw in (-6.0, -3.0, 0.0, 3.0, 6.0)] * 2
    rng = np.random.default_rng(0)
    noisy = [np.clip(frame + rng.normal(0, 12, frame.shape), 0, 255).astype(np.uint8) for frame in true]
    sound = (0.2 * np.sin(np.arange(len(true) * 640) / 9)).astype(np.float32)
    for name, frames in (("true", true), ("good", true), ("bad", noisy)):
        (tmp_path / name).mkdir()
        write_video(tmp_path / name / "clip.mp4", frames, audio=sound)
    example("score_two_folders").main([str(tmp_path / name) for name in ("good", "bad", "true", "scores")])
    table = (tmp_path / "scores" / "table.md").read_text()
    assert table in capsys.readouterr().out
    good, bad = ([cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:])
    assert (good[0], good[1], bad[0]) == ("good", "1", "bad") and float(good[2]) > float(bad[2]) + 5


def test_stream_to_window(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = example("stream_to_window")
    shown: list[np.ndarray] = []
    monkeypatch.setattr(script.cv2, "imshow", lambda _, frame: shown.append(frame))
    monkeypatch.setattr(script.cv2, "waitKey", lambda _: ord("q") if len(shown) == 12 else -1)
    monkeypatch.setattr(script.cv2, "destroyAllWindows", lambda: None)
    script.main([*paths(files), "happy"])
    assert len(shown) == 12 and shown[0].shape == (64, 64, 3) and "12 frames" in capsys.readouterr().out
