"""dlib's face recognition network in PyTorch, reading dlib's own weights: in batches, on any device, and far
faster."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lit_emotalk.errors import UserError

CHIP = 150
CHIP_MEAN = (122.782, 117.001, 104.298)
CHIP_SCALE = 256.0
LEVELS: tuple[tuple[int, int, bool], ...] = (
    (32, 3, False),
    (64, 4, True),
    (128, 3, True),
    (256, 3, True),
    (256, 1, True),
)
"""Width, number of residual blocks, and whether the first of them halves the picture, from the input on."""
TENSOR_VERSION = b"\x01\x02"
UNIT_SIZES = b"\x01\x01\x01\x01"
SMALLEST = 64
EMBEDDING = 128


class FaceResNet(nn.Module):
    """The network of dlib's `face_recognition_model_v1`: 29 convolutions, 128 numbers, without normalisation.

    Every convolution is followed by a scale and shift per channel. Where the two sides of a sum differ in
    size or channels the smaller one counts as padded with zeros, as in dlib. Source: dlib's
    dnn_face_recognition_ex.cpp.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = ScaledConv(3, 32, 7, 2)
        blocks: list[nn.Module] = []
        channels = 32
        for width, count, halve in LEVELS:
            for place in range(count):
                blocks.append(Residual(channels, width, down=halve and place == 0))
                channels = width
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(channels, EMBEDDING, bias=False)

    def forward(self, chips: Tensor) -> Tensor:
        """(N, 3, 150, 150) RGB face chips in [0, 255] -> (N, 128)."""
        mean = torch.tensor(CHIP_MEAN, device=chips.device).view(3, 1, 1)
        features = F.max_pool2d(F.relu(self.stem((chips.float() - mean) / CHIP_SCALE)), 3, 2)
        return self.head(self.blocks(features).mean((2, 3)))


class ScaledConv(nn.Module):
    """A convolution, then a scale and shift per channel; padded to keep the size only without stride, as in
    dlib."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(
            inputs, outputs, kernel, stride, padding=kernel // 2 if stride == 1 else 0
        )
        self.scale = nn.Parameter(torch.ones(outputs, 1, 1))
        self.shift = nn.Parameter(torch.zeros(outputs, 1, 1))

    def forward(self, features: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H', W')."""
        return self.convolution(features) * self.scale + self.shift


class Residual(nn.Module):
    """Two convolutions beside the input, which is halved by average pooling where `down`."""

    def __init__(self, inputs: int, outputs: int, down: bool) -> None:
        super().__init__()
        self.first = ScaledConv(inputs, outputs, 3, 2 if down else 1)
        self.second = ScaledConv(outputs, outputs, 3, 1)
        self.down = down

    def forward(self, features: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H', W')."""
        changed = self.second(F.relu(self.first(features)))
        kept = F.avg_pool2d(features, 2) if self.down else features
        size = [max(a, b) for a, b in zip(changed.shape, kept.shape, strict=True)]
        return F.relu(_padded(changed, size) + _padded(kept, size))


def _padded(features: Tensor, size: list[int]) -> Tensor:
    missing = [wanted - here for wanted, here in zip(size[:0:-1], features.shape[:0:-1], strict=True)]
    return F.pad(features, [number for width in missing for number in (0, width)])


def load_face_resnet(path: Path | str) -> FaceResNet:
    """The network with the weights of dlib_face_recognition_resnet_model_v1.dat, in evaluation mode.

    Raises UserError where the file does not hold this network's weights.
    """
    network = FaceResNet()
    arrays = _tensors(Path(path).read_bytes())
    try:
        with torch.no_grad():
            for layer in (module for module in network.modules() if isinstance(module, ScaledConv)):
                filters, biases = _split(next(arrays), layer.convolution.weight.numel())
                scale, shift = _split(next(arrays), len(layer.scale))
                for parameter, values in (
                    (layer.convolution.weight, filters),
                    (layer.convolution.bias, biases),
                    (layer.scale, scale),
                    (layer.shift, shift),
                ):
                    assert parameter is not None
                    parameter.copy_(values.view_as(parameter))
            network.head.weight.copy_(next(arrays).view(network.head.in_features, EMBEDDING).T)
    except (StopIteration, RuntimeError) as error:
        raise UserError(f"{path} is not dlib's face recognition network; install it again") from error
    return network.eval().requires_grad_(False)


def _split(values: Tensor, first: int) -> tuple[Tensor, Tensor]:
    return values[:first], values[first:]


def _tensors(data: bytes) -> Iterator[Tensor]:
    """The parameter tensors of a file in dlib's serialisation, in order: version 2, four sizes,
    little-endian floats.

    Parameters have the sizes (n, k, 1, 1); the layers' settings between them are passed over.
    """
    place = data.find(TENSOR_VERSION)
    while place >= 0:
        rows, start = _integer(data, place + len(TENSOR_VERSION))
        columns, start = _integer(data, start)
        end = start + len(UNIT_SIZES) + 4 * rows * columns
        is_tensor = data.startswith(UNIT_SIZES, start) and rows * columns >= SMALLEST and end <= len(data)
        if is_tensor:
            yield torch.from_numpy(np.frombuffer(data, "<f4", rows * columns, start + len(UNIT_SIZES)).copy())
        place = data.find(TENSOR_VERSION, end if is_tensor else place + 1)


def _integer(data: bytes, place: int) -> tuple[int, int]:
    """dlib's variable-length integer: a byte with the number of bytes, then these; 0 where it is none."""
    length = data[place] if place < len(data) else 0
    if not 1 <= length <= 8:
        return 0, place + 1
    return int.from_bytes(data[place + 1 : place + 1 + length], "little"), place + 1 + length
