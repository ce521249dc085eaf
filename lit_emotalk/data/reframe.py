"""Another crop of the same scene: pictures, landmarks and pose moved together."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lit_emotalk.coefficients import POSE_SIZE
from lit_emotalk.face.alignment import rotation_matrices, rotation_vectors


@dataclass(frozen=True)
class Reframe:
    """How far a training pair's crop is moved (our choice); both pictures of a pair move alike.

    zoom: standard deviation of the size's logarithm. shift: of the place, in half image widths. turn: of the
    rotation in degrees. All zero leaves the crop as it was prepared.
    """

    zoom: float = 0.0
    shift: float = 0.0
    turn: float = 0.0

    def draw(self, choices: np.random.Generator) -> "Similarity":
        """One move; `STILL` where nothing may move."""
        if not (self.zoom or self.shift or self.turn):
            return STILL
        size, turn, right, down = choices.standard_normal(4)
        return Similarity(
            float(np.exp(self.zoom * size)),
            float(np.radians(self.turn) * turn),
            (float(self.shift * right), float(self.shift * down)),
        )


@dataclass(frozen=True)
class Similarity:
    """Size, rotation in radians (clockwise as seen) and shift (right, down; half image widths) of all that a
    crop shows, around its middle."""

    size: float
    turn: float
    shift: tuple[float, float]

    @property
    def matrix(self) -> np.ndarray:
        """(2, 2): what a place is multiplied by."""
        cosine, sine = np.cos(self.turn), np.sin(self.turn)
        return self.size * np.array([[cosine, -sine], [sine, cosine]])

    @property
    def back(self) -> Tensor:
        """(2, 3) float32: from a place in the moved picture, coordinates from -1 to 1, to where it was."""
        back = np.linalg.inv(self.matrix)
        return torch.from_numpy(np.column_stack([back, -back @ self.shift])).float()

    def picture(self, image: Tensor) -> Tensor:
        """A picture (3, S, S), see `moved`."""
        return image if self == STILL else moved(image[None], self.back[None])[0]

    def landmarks(self, points: np.ndarray) -> np.ndarray:
        """Landmarks (..., 478, 3) in crop units."""
        if self == STILL:
            return points
        flat = (points[..., :2] - 0.5) @ self.matrix.T + 0.5 + np.array(self.shift) / 2
        return np.concatenate([flat, self.size * points[..., 2:]], -1).astype(points.dtype)

    def coefficients(self, coeffs: np.ndarray) -> np.ndarray:
        """Coefficients (T, K) whose last six are the pose (see `coefficients`)."""
        if self == STILL:
            return coeffs
        expression, pose = coeffs[:, :-POSE_SIZE], coeffs[:, -POSE_SIZE:]
        turned = rotation_matrices(np.array([0.0, 0.0, self.turn])) @ rotation_matrices(pose[:, :3])
        place = pose[:, 3:5] @ self.matrix.T + np.array(self.shift)
        scale = pose[:, 5:] + np.log(self.size)
        moved = [expression, rotation_vectors(turned), place, scale]
        return np.concatenate(moved, -1).astype(coeffs.dtype)


def moved(images: Tensor, backs: Tensor) -> Tensor:
    """Pictures (B, 3, S, S), each moved by its own `Similarity.back` of (B, 2, 3); what lies beyond a
    picture's edge is its edge's colour."""
    places = F.affine_grid(backs.to(images), list(images.shape), align_corners=False)
    return F.grid_sample(images, places, padding_mode="border", align_corners=False)


STILL = Similarity(1.0, 0.0, (0.0, 0.0))
"""The crop as it is."""
