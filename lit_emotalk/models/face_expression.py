"""An emotion network for faces that others trained: face-api's `face_expression`, read into PyTorch.

Source: npm package @vladmandic/face-api 1.7.15 (MIT), model `face_expression`: seven emotions, 0.33 M weights
stored in eight bits. It knows neither our data nor our networks.
"""

import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lit_emotalk.face.regions import POINTS_68, box
from lit_emotalk.weights import fetch as weights

EMOTIONS: tuple[str, ...] = ("neutral", "happy", "sad", "angry", "fear", "disgusted", "surprised")
"""The network's seven in its order, by our names."""

NAME = "face-api face_expression 1.7.15"
FILES = ("face_expression_manifest", "face_expression")
SIDE = 112
MEAN_RGB = (122.782, 117.001, 104.298)
MARGIN = 0.1
CHANNELS = (3, 32, 64, 128, 256)
BATCH = 32


class SeparableConv(nn.Module):
    """A 3x3 convolution of each channel, then a 1x1 one of all, with bias; `stride` 1 or 2."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(inputs, inputs, 3, stride, groups=inputs, bias=False)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, D, H / stride, W / stride)."""
        return self.pointwise(self.depthwise(same_padding(x, self.depthwise.stride[0])))


class DenseBlock(nn.Module):
    """Four convolutions, the first at stride 2; each of the others sees the sum of all before it."""

    def __init__(self, inputs: int, outputs: int, first: bool) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(inputs, outputs, 3, 2) if first else SeparableConv(inputs, outputs, 2)
        self.conv1, self.conv2, self.conv3 = (SeparableConv(outputs, outputs, 1) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, D, H / 2, W / 2)."""
        x = same_padding(x, 2) if isinstance(self.conv0, nn.Conv2d) else x
        total = torch.relu(self.conv0(x))
        for convolution in (self.conv1, self.conv2, self.conv3):
            total = total + convolution(torch.relu(total))
        return torch.relu(total)


class FaceExpression(nn.Module):
    """Faces (B, 3, 112, 112), RGB in [0, 255] -> logits (B, 7), as EMOTIONS are ordered."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN_RGB)[:, None, None], persistent=False)
        self.blocks = nn.Sequential(
            *(DenseBlock(a, b, first=a == CHANNELS[0]) for a, b in pairwise(CHANNELS))
        )
        self.classifier = nn.Linear(CHANNELS[-1], len(EMOTIONS))

    def forward(self, faces: Tensor) -> Tensor:
        """See the class."""
        return self.classifier(self.blocks((faces - self.mean) / 255).mean((2, 3)))

    @torch.inference_mode()
    def probabilities(self, frames: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """Frames (K, H, W, 3) uint8 RGB and each face's landmarks (K, 478, 3) in pixels -> (K, 7) float32;
        K >= 1."""
        device = self.classifier.weight.device
        faces = [face_square(frame, points) for frame, points in zip(frames, landmarks, strict=True)]
        parts = torch.stack(faces).split(BATCH)
        return torch.cat([self(part.to(device)).softmax(-1).cpu() for part in parts]).numpy()


def same_padding(x: Tensor, stride: int) -> Tensor:
    """(B, C, H, W), H and W even at stride 2, padded for a 3x3 convolution as TensorFlow does it: at stride 2
    below and to the right alone."""
    return F.pad(x, (1, 1, 1, 1) if stride == 1 else (0, 1, 0, 1))


def face_square(frame: np.ndarray, landmarks: np.ndarray) -> Tensor:
    """What the network looks at: a frame (H, W, 3) uint8 and landmarks (478, 2 or 3) in pixels -> (3, 112,
    112) float32 in [0, 255].

    As face-api cuts it from landmarks: the box of the 68 points, a tenth of its width and height wider on
    every side, within the picture, in whole pixels; black bars make it square. Scaled by an antialiased
    bilinear filter (our choice; face-api leaves it to the browser). Of a face beyond the picture: black.
    """
    x0, y0, x1, y1 = box(landmarks, POINTS_68).tolist()
    wide, high = MARGIN * (x1 - x0), MARGIN * (y1 - y0)
    left, top = (max(math.floor(value), 0) for value in (x0 - wide, y0 - high))
    part = frame[top : max(math.floor(y1 + high), 0), left : max(math.floor(x1 + wide), 0)]
    height, width = part.shape[:2]
    if not height or not width:
        return torch.zeros(3, SIDE, SIDE)
    scale = SIDE / max(height, width)
    size = [max(round(scale * height), 1), max(round(scale * width), 1)]
    pixels = torch.from_numpy(np.ascontiguousarray(part)).permute(2, 0, 1)[None].float()
    scaled = F.interpolate(pixels, size, mode="bilinear", antialias=True)[0]
    above, before = (SIDE - size[0]) // 2, (SIDE - size[1]) // 2
    return F.pad(scaled, (before, SIDE - size[1] - before, above, SIDE - size[0] - above))


def available() -> bool:
    """Whether the network's two files are on this machine."""
    return all(weights.available(name) for name in FILES)


def load_face_expression(device: str = "cpu") -> FaceExpression:
    """The network with its published weights; UserError where they are not here."""
    network = FaceExpression()
    tensors = read_tfjs(*(weights.path(name) for name in FILES))
    network.load_state_dict(dict(_named(tensors)))
    return network.eval().requires_grad_(False).to(device)


def read_tfjs(manifest: Path, shard: Path) -> dict[str, np.ndarray]:
    """The tensors of a TensorFlow.js manifest of one shard, by name, float32; eight-bit ones as `scale *
    value + min`. ValueError where the two files do not fit."""
    content, place, found = shard.read_bytes(), 0, {}
    for entry in json.loads(manifest.read_text(encoding="utf-8"))[0]["weights"]:
        packed = entry.get("quantization")
        kind = np.dtype("uint8" if packed else "<f4")
        count = math.prod(entry["shape"])
        values = np.frombuffer(content, kind, count, place).astype(np.float32)
        place += count * kind.itemsize
        if packed:
            values = values * np.float32(packed["scale"]) + np.float32(packed["min"])
        found[entry["name"]] = values.reshape(entry["shape"])
    if place != len(content):
        raise ValueError(f"{shard} holds {len(content)} bytes, its manifest speaks of {place}")
    return found


def _named(tensors: dict[str, np.ndarray]) -> list[tuple[str, Tensor]]:
    """TensorFlow's tensors under our names and in our order of dimensions."""
    named = []
    for name, values in tensors.items():
        tensor = torch.from_numpy(values)
        part, _, leaf = name.rpartition("/")
        if part == "fc":
            named.append(
                ("classifier.weight", tensor.T) if leaf == "weights" else ("classifier.bias", tensor)
            )
            continue
        block = part.replace("dense", "blocks.").replace("/", ".")
        if leaf == "filters":
            named.append((f"{block}.weight", tensor.permute(3, 2, 0, 1)))
        elif leaf == "depthwise_filter":
            named.append((f"{block}.depthwise.weight", tensor.permute(2, 3, 0, 1)))
        elif leaf == "pointwise_filter":
            named.append((f"{block}.pointwise.weight", tensor.permute(3, 2, 0, 1)))
        else:
            whole = block.endswith("blocks.0.conv0")
            named.append((f"{block}.bias" if whole else f"{block}.pointwise.bias", tensor))
    return named
