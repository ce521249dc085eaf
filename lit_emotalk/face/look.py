"""What a face looks like beyond its landmarks: wrinkles, lids, lips and teeth, from an upright grey picture.

`python -m data_prep.train_tracker` trains the network on rendered heads; it ships in the tracker's weights.
"""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.face.alignment import Alignment

FACE_PIXELS = 96
FACE_HALF = 0.95
"""Half side of the picture in inter-ocular distances: from the forehead to the chin (our choice)."""
FACE_CENTRE = (0.0, 0.12)
"""Where the picture's middle lies on the reference face, right and down."""
LOOK_SIZE = 64
ORIENTATIONS = 8
CELL = 4
NORM_CELLS = 5
"""Gradients are divided by their size around a cell, over so many cells."""
GRADIENT_FLOOR = 2.0
"""In grey levels a pixel; gradients under this are not made louder."""
CHANNELS = (64, 128)
BATCH = 64
REDUCTION = 1.5
"""Pictures that are this much finer than the upright one are reduced first, so that nothing is skipped."""


def cut_faces(
    frames: Iterable[np.ndarray], placed: Alignment, size: int = FACE_PIXELS, half: float = FACE_HALF
) -> np.ndarray:
    """Upright grey faces (T, size, size) uint8 of T frames, each (H, W, 3) uint8 RGB.

    `placed`: the alignment of the frames' landmarks in pixels to the mean face, which gives place, size and
    roll; `half`: half the side in inter-ocular distances. Beyond the frame's edge pixels repeat.
    """
    places = zip(frames, placed.rotation, placed.scale, placed.centre, strict=True)
    faces = [
        _cut(frame, *_grid(rotation, scale, centre, size, half), size)
        for frame, rotation, scale, centre in places
    ]
    return np.array(faces, np.uint8).reshape(-1, size, size)


def _grid(
    rotation: np.ndarray, scale: float, centre: np.ndarray, size: int, half: float
) -> tuple[np.ndarray, np.ndarray]:
    """Steps (2, 2) in the frame for one pixel right and down in the face, and where its first pixel lies."""
    right = rotation[:2, 0] / np.linalg.norm(rotation[:2, 0])
    axes = scale * np.stack([right, [-right[1], right[0]]], 1)
    steps = axes * 2 * half / size
    return steps, centre[:2] + axes @ np.array(FACE_CENTRE) - steps @ np.full(2, (size - 1) / 2)


def _cut(frame: np.ndarray, steps: np.ndarray, first: np.ndarray, size: int) -> np.ndarray:
    """The face (size, size) in a frame, reduced before where the frame is much finer."""
    import cv2

    corners = first + np.array([[0, 0], [0, size], [size, 0], [size, size]]) @ steps.T
    height, width = frame.shape[:2]
    left, top = np.clip(corners.min(0) - 2, 0, [width - 1, height - 1]).astype(int)
    right, bottom = np.clip(corners.max(0) + 3, [left + 1, top + 1], [width, height]).astype(int)
    grey = cv2.cvtColor(np.ascontiguousarray(frame[top:bottom, left:right]), cv2.COLOR_RGB2GRAY)
    first = first - (left, top)
    finer = float(np.linalg.norm(steps[:, 0]))
    if finer > REDUCTION:
        reduced = (max(round(grey.shape[1] / finer), 1), max(round(grey.shape[0] / finer), 1))
        shrink = np.array([reduced[0] / grey.shape[1], reduced[1] / grey.shape[0]])
        grey = cv2.resize(grey, reduced, interpolation=cv2.INTER_AREA)
        first, steps = (first + 0.5) * shrink - 0.5, steps * shrink[:, None]
    turn = np.column_stack([steps, first])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(grey, turn, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE))


class Gradients(nn.Module):
    """Upright faces to maps: how strong edges are in each of eight directions, cell by cell, relative to the
    surroundings. Light and contrast drop out (after Dalal and Triggs 2005)."""

    directions: Tensor

    def __init__(self) -> None:
        super().__init__()
        angles = torch.arange(ORIENTATIONS) * (2 * torch.pi / ORIENTATIONS)
        self.register_buffer("directions", torch.stack([angles.cos(), angles.sin()], 1), persistent=False)

    def forward(self, faces: Tensor) -> Tensor:
        """Faces (B, 96, 96) in grey levels -> maps (B, 8, 24, 24), about 0 to 2."""
        padded = nn.functional.pad(faces[:, None], (1, 1, 1, 1), mode="replicate")
        across = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
        down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
        slopes = nn.functional.conv2d(torch.cat([across, down], 1), self.directions[:, :, None, None])
        cells = nn.functional.avg_pool2d(slopes.relu_(), CELL)
        strength = cells.mean(1, keepdim=True)
        around = nn.functional.avg_pool2d(strength, NORM_CELLS, 1, NORM_CELLS // 2, count_include_pad=False)
        return cells / (around + GRADIENT_FLOOR / ORIENTATIONS)


class LookNetwork(nn.Module):
    """Upright grey faces to a code of how they look: a small convolutional network on maps of their gradients
    (our choice).

    The buffer basis (51, 64) is what one unit at weight 1 adds to the code.
    """

    basis: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("basis", torch.zeros(ARKIT.expression_size, LOOK_SIZE))
        self.gradients = Gradients()
        middle, last = CHANNELS
        self.first = nn.Conv2d(ORIENTATIONS, middle, 3, 2, 1)
        self.second = nn.Conv2d(middle, last, 3, 2, 1)
        self.drop = nn.Dropout(0.2)
        self.code = nn.Linear(last * (FACE_PIXELS // CELL // 4) ** 2, LOOK_SIZE)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps of gradients (B, 8, 24, 24) -> codes (B, 64)."""
        hidden = torch.relu(self.second(torch.relu(self.first(maps))))
        return self.code(self.drop(hidden.flatten(1)))

    @torch.inference_mode()
    def codes(self, faces: np.ndarray) -> np.ndarray:
        """Faces (T, 96, 96) uint8 -> codes (T, 64) float32."""
        parts = [self(self.gradients(part.float())) for part in torch.from_numpy(faces).split(BATCH)]
        return torch.cat(parts).numpy() if parts else np.zeros((0, LOOK_SIZE), np.float32)
