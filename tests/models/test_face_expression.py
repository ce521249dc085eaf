"""face-api's network against what the npm package computes and plain loops; its square of the face."""

import json

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d

from lit_emotalk.models.face_expression import (
    EMOTIONS,
    DenseBlock,
    FaceExpression,
    face_square,
    load_face_expression,
    read_tfjs,
)
from lit_emotalk.weights import fetch as weights

NPM_PACKAGE_SAYS = [
    [0.12636063, 0.17258815, 0.60482961, 0.03496602, 0.02674929, 0.01718483, 0.01732146],
    [0.37220466, 0.13643116, 0.02618724, 0.02411690, 0.00288315, 0.02773902, 0.41043788],
]
"""FaceExpressionNet of @vladmandic/face-api 1.7.15 on `drawn`, run by its own bundle of TensorFlow.js."""


def drawn() -> np.ndarray:
    """Two pictures (2, 112, 112, 3) uint8 made of formulas."""
    y, x = np.mgrid[:112, :112]
    ramps = np.stack([(x * 2) % 256, (y * 2) % 256, (x + y) % 256], -1)
    waves = [
        128 + 100 * np.sin(x / 9) * np.cos(y / 7),
        90 + 80 * np.cos(x / 11),
        60 + 50 * np.sin(y / 5),
    ]
    return np.stack([ramps, np.stack(waves, -1).round()]).astype(np.uint8)


def test_the_published_network_answers_as_its_package():
    if not weights.available("face_expression") or not weights.available("face_expression_manifest"):
        pytest.skip("needs lit-emotalk weights fetch face_expression face_expression_manifest")
    faces = torch.from_numpy(drawn()).permute(0, 3, 1, 2).float()
    found = load_face_expression()(faces).softmax(-1).numpy()
    assert found == pytest.approx(np.array(NPM_PACKAGE_SAYS), abs=1e-5)


def same(picture: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """TensorFlow's 'same' convolution of one plane: the total padding has its larger half at the end."""
    size = -(-len(picture) // stride)
    pad = max((size - 1) * stride + 3 - len(picture), 0)
    padded = np.pad(picture, (pad // 2, pad - pad // 2))
    return correlate2d(padded, kernel, "valid")[::stride, ::stride]


def test_a_block_against_plain_convolutions():
    torch.manual_seed(0)
    block = DenseBlock(2, 3, first=False)
    picture = torch.randn(1, 2, 8, 8)
    state = {name: value.detach().numpy() for name, value in block.state_dict().items()}

    def separable(name: str, planes: np.ndarray, stride: int) -> np.ndarray:
        depthwise = state[f"{name}.depthwise.weight"]
        moved = np.stack([same(p, k[0], stride) for p, k in zip(planes, depthwise, strict=True)])
        mixed = np.einsum("oi,ihw->ohw", state[f"{name}.pointwise.weight"][:, :, 0, 0], moved)
        return mixed + state[f"{name}.pointwise.bias"][:, None, None]

    first = np.maximum(separable("conv0", picture[0].numpy(), 2), 0)
    second = separable("conv1", first, 1)
    third = separable("conv2", np.maximum(first + second, 0), 1)
    fourth = separable("conv3", np.maximum(first + second + third, 0), 1)
    expected = np.maximum(first + second + third + fourth, 0)
    assert block(picture)[0].detach().numpy() == pytest.approx(expected, abs=1e-5)


def test_a_manifest_is_read_with_its_quantised_tensors(tmp_path):
    values = np.array([[0, 128], [255, 1]], np.uint8)
    bias = np.array([1.5, -2.0], "<f4")
    (tmp_path / "w.bin").write_bytes(values.tobytes() + bias.tobytes())
    entries = [
        {"name": "a/w", "shape": [2, 2], "quantization": {"dtype": "uint8", "scale": 0.5, "min": -1}},
        {"name": "a/b", "shape": [2], "dtype": "float32"},
    ]
    (tmp_path / "m.json").write_text(json.dumps([{"weights": entries, "paths": ["w.bin"]}]))
    found = read_tfjs(tmp_path / "m.json", tmp_path / "w.bin")
    assert found["a/w"].tolist() == [[-1.0, 63.0], [126.5, -0.5]] and found["a/b"].tolist() == [1.5, -2.0]
    (tmp_path / "w.bin").write_bytes(b"\0" * 13)
    with pytest.raises(ValueError, match="13 bytes"):
        read_tfjs(tmp_path / "m.json", tmp_path / "w.bin")


def test_the_square_holds_the_face_with_black_bars():
    frame = np.full((300, 300, 3), 200, np.uint8)
    points = np.full((478, 2), 150.0)
    points[152], points[10], points[162], points[389] = (150, 250), (150, 20), (100, 150), (200, 150)
    points[71] = (150, 50)
    square = face_square(frame, points)
    assert square.shape == (3, 112, 112)
    # 100 by 200 pixels with a tenth on every side: 120 by 240, half as wide as high
    assert (square[:, :, 28:84] - 200).abs().max() < 0.01
    assert (square[:, :, :28] == 0).all() and (square[:, :, 84:] == 0).all()
    assert (face_square(frame, points - 400) == 0).all(), "beyond the picture"
    assert face_square(frame, points - [120, 0]).isfinite().all()


def test_probabilities_of_many_frames():
    torch.manual_seed(0)
    network = FaceExpression().eval()
    dice = np.random.default_rng(0)
    frames = dice.integers(0, 256, (35, 64, 64, 3), np.uint8)
    marks = dice.uniform(10, 50, (35, 478, 3))
    found = network.probabilities(frames, marks)
    assert found.shape == (35, len(EMOTIONS)) and found.sum(1) == pytest.approx(1, abs=1e-5)
    assert network.probabilities(frames[34:], marks[34:])[0] == pytest.approx(found[34], abs=1e-6)
