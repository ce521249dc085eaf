"""The starter's generator draws on the device what it draws on the CPU."""

import numpy as np
import pytest
import torch

from lit_emotalk.inference.drawing.drawing import Drawing
from lit_emotalk.inference.portrait import Portrait
from lit_emotalk.models.handover import load_export
from lit_emotalk.models.hef.generator import HEF
from tests.drawn_clips import SKIN_OF_SPEAKER, draw_clip, draw_face, place_landmarks

FRAMES = 3
LEVELS = 2
"""Largest difference in grey levels in single precision."""
LEAST_PSNR = 40.0
"""Of bfloat16 to single precision, in dB."""


@pytest.fixture(scope="module")
def hef() -> HEF:
    network = load_export("starter", "hef")
    assert isinstance(network, HEF)
    return network


@pytest.fixture(scope="module")
def driven(hef: HEF) -> tuple[Portrait, np.ndarray]:
    """A drawn face as a portrait, and windows of coefficients."""
    coeffs = draw_clip("M001", "happy", 3, 30).coeffs
    assert coeffs is not None
    points = place_landmarks(coeffs[0])
    size, half = hef.config.resolution, hef.config.window // 2
    portrait = Portrait(draw_face(points, SKIN_OF_SPEAKER["M001"], size), coeffs[0], points)
    padded = np.pad(coeffs, ((half, half), (0, 0)), mode="edge")
    windows = [padded[frame : frame + hef.config.window] for frame in range(0, 10 * FRAMES, 10)]
    return portrait, np.stack(windows)


def drawn(hef: HEF, driven: tuple[Portrait, np.ndarray], device: str, speed: str) -> np.ndarray:
    """Frames (n, S, S, 3) as whole numbers that may be subtracted."""
    place = torch.device(device)
    return Drawing(hef.to(place), place, speed).draw(*driven).astype(int)


def test_frames_are_those_of_the_cpu(hef, driven, device):
    expected = drawn(hef, driven, "cpu", "float32")
    assert expected.std() > 10 and np.abs(expected[0] - expected[1]).max() > LEVELS
    with torch.inference_mode():
        plain = reference(hef.to(device), driven, device)
    assert np.abs(drawn(hef, driven, device, "float32") - expected).max() <= LEVELS
    assert np.abs(plain - expected).max() <= LEVELS


def reference(hef: HEF, driven: tuple[Portrait, np.ndarray], device: str) -> np.ndarray:
    """What the generator that is trained draws."""
    portrait, windows = driven
    image = torch.from_numpy(portrait.image).permute(2, 0, 1)[None].to(device) / 127.5 - 1
    marks, own = (torch.from_numpy(x)[None].to(device) for x in (portrait.landmarks, portrait.coefficients))
    rows = len(windows)
    source = hef.encode_source(image.expand(rows, -1, -1, -1), marks.expand(rows, -1, -1))
    made = hef(source, own.expand(rows, -1), torch.from_numpy(windows).to(device)).image
    return ((made.clamp(-1, 1) + 1) * 127.5).round().permute(0, 2, 3, 1).cpu().numpy().astype(int)


def test_bfloat16_is_near(hef, driven, device):
    expected = drawn(hef, driven, "cpu", "float32")
    error = np.square(drawn(hef, driven, device, "bfloat16") - expected).mean()
    assert 10 * np.log10(255**2 / max(error, 1e-9)) > LEAST_PSNR


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_compiled_drawing_is_near_and_compiled(hef, driven, device, capsys):
    expected = drawn(hef, driven, "cpu", "float32")
    place = torch.device(device)
    drawing = Drawing(hef.to(place), place, "compiled")
    error = np.square(drawing.draw(*driven).astype(int) - expected).mean()
    assert "does not work here" not in capsys.readouterr().err
    assert 10 * np.log10(255**2 / max(error, 1e-9)) > LEAST_PSNR
