"""The linear face: MediaPipe's landmarks as a mean shape plus a weighted sum of 51 unit shapes."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from lit_emotalk.coefficients import ARKIT_NAMES
from lit_emotalk.face.regions import (
    LANDMARKS,
    LEFT_EYE,
    LEFT_IRIS,
    LIPS,
    MOUTH_CORNERS,
    MOUTH_OPENING,
    RIGHT_EYE,
    RIGHT_IRIS,
)

BASIS_FILE = Path(__file__).with_name("basis.safetensors")
NOSE_MIDDLE = 195
UPPER_SKIN, LOWER_SKIN, LIDS_SKIN = 1.5, 1.2, 1.1
"""How much farther skin moves than the landmarks that are found on it: brows and forehead, what lies below
the middle of the nose, and the lids with the eyes (see `LinearFace.skin`)."""

__all__ = ["LIPS", "MOUTH_OPENING", "LinearFace"]


class LinearFace(nn.Module):
    """Landmarks from expression weights, linear and differentiable: the 3DMM of this project.

    Buffers: mean (478, 3), the resting face seen from the front; basis (51, 478, 3), what one unit at weight
    1 adds; stable (478,), the weights of the rigid alignment. Axes right, down, away; unit: the mean's
    inter-ocular distance (outer eye corners). Mean and alignment come from rendered heads with known weights.
    The basis is fitted to weights as the tracker reads them, which are what shards hold and networks learn:
    they move less than the face that was read, so their shapes are larger than the true ones, which the
    tracker keeps for itself (our choice; `data_prep.tracker.basis_fit`).
    """

    mean: Tensor
    basis: Tensor
    stable: Tensor

    def __init__(self, mean: Tensor, basis: Tensor, stable: Tensor) -> None:
        super().__init__()
        for name, tensor, shape in (
            ("mean", mean, (LANDMARKS, 3)),
            ("basis", basis, (len(ARKIT_NAMES), LANDMARKS, 3)),
            ("stable", stable, (LANDMARKS,)),
        ):
            if tuple(tensor.shape) != shape:
                raise ValueError(f"{name} has shape {tuple(tensor.shape)}, expected {shape}")
            self.register_buffer(name, tensor.float(), persistent=False)

    @classmethod
    def load(cls, file: Path = BASIS_FILE) -> "LinearFace":
        """The face that ships with the package (or the one in `file`)."""
        return cls(**load_file(file))

    @property
    def upper_face(self) -> list[int]:
        """The points of the mesh above the middle of the nose's bridge at rest, irises left out: forehead,
        brows and eyes (our choice)."""
        height = self.mean[: RIGHT_IRIS[0], 1]
        return torch.nonzero(height < height[NOSE_MIDDLE]).flatten().tolist()

    @property
    def skin(self) -> Tensor:
        """What one unit at weight 1 adds to the places of real skin, (51, 478, 3).

        Landmarks are found where faces usually have them: of a strong expression they show a part, and a
        picture warped by them shows less again. The rendered heads' skin moves as far as the landmarks found
        on it, people's moves farther (our choice: by how strong the expression of drawn faces reads beside
        the true one, and how near the picture comes, on real people; docs/how-it-works.md has the figures).
        """
        moves = self.mean.new_full((LANDMARKS, 1), LOWER_SKIN)
        moves[self.upper_face] = UPPER_SKIN
        moves[list(LEFT_EYE + RIGHT_EYE + LEFT_IRIS + RIGHT_IRIS)] = LIDS_SKIN
        return self.basis * moves

    def landmarks(self, expression: Tensor) -> Tensor:
        """Weights (..., 51) -> points (..., 478, 3)."""
        return self.mean + torch.einsum("...k,kpd->...pd", expression, self.basis)

    def lips(self, expression: Tensor) -> Tensor:
        """Weights (..., 51) -> the 40 lip points (..., 40, 3), in the order of LIPS."""
        lips = list(LIPS)
        return self.mean[lips] + torch.einsum("...k,kpd->...pd", expression, self.basis[:, lips])

    def mouth_opening(self, expression: Tensor) -> Tensor:
        """Weights (..., 51) -> height of the gap between the inner lips (...), in inter-ocular distances."""
        return mouth_opening(self.landmarks(expression))

    def forward(self, expression: Tensor) -> Tensor:
        """The same as `landmarks`."""
        return self.landmarks(expression)


def mouth_opening(landmarks: Tensor) -> Tensor:
    """Points (..., 478, 3) -> distance between the middles of the inner lips (...), in the points' unit."""
    upper, lower = MOUTH_OPENING
    return (landmarks[..., lower, :] - landmarks[..., upper, :]).norm(dim=-1)


def mouth_width(landmarks: Tensor) -> Tensor:
    """Points (..., 478, 3) -> distance between the mouth's corners (...), in the points' unit."""
    right, left = MOUTH_CORNERS
    return (landmarks[..., left, :] - landmarks[..., right, :]).norm(dim=-1)
