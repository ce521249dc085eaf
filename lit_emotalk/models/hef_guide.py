"""Where the linear face says that every point of the source moves: the flow that HEF refines."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lit_emotalk.coefficients import POSE_SIZE
from lit_emotalk.face.basis import LinearFace
from lit_emotalk.face.regions import (
    FACE_OVAL,
    LEFT_BROW,
    LEFT_EYE,
    LIPS,
    NOSE_BRIDGE,
    RIGHT_BROW,
    RIGHT_EYE,
)

GUIDE_POINTS: tuple[int, ...] = tuple(
    sorted(
        {*LIPS, *LEFT_EYE, *RIGHT_EYE, *LEFT_BROW, *RIGHT_BROW, *FACE_OVAL, *NOSE_BRIDGE, *range(0, 468, 6)}
    )
)
"""Landmarks that carry the flow: the parts that move, and every sixth of the mesh between them."""

SOFTNESS = 0.03
"""How near a point counts as touching, in inter-ocular distances."""

SHARPENINGS = 3
"""Passes that undo what averaging over neighbours takes from a point's own motion."""

REACH = 1.3
"""How far from the face its motion still shows, in inter-ocular distances."""

COARSER = 2
"""The flow is computed from the points at this part of the image's resolution, and enlarged to it."""


class FaceGuide(nn.Module):
    """Backward flows from the source's landmarks and the change of coefficients: no weights to train (our
    choice).

    The source's landmarks lose its head pose, move as the linear face says for the change of expression, and
    get the driving head pose. Every pixel moves as the points near it do (inverse distance weighting), less
    and less away from the face. Only for the `arkit` layout.
    """

    def __init__(self) -> None:
        super().__init__()
        face = LinearFace.load()
        points = list(GUIDE_POINTS)
        self.register_buffer("mean", face.mean[points].clone(), persistent=False)
        self.register_buffer("basis", face.basis[:, points].flatten(1).clone(), persistent=False)
        self.mean: Tensor
        self.basis: Tensor

    def moved(self, landmarks: Tensor, source: Tensor, driving: Tensor) -> tuple[Tensor, Tensor]:
        """Points of the source and where they go: two of (B, P, 2), from -1 to 1.

        landmarks (B, 478, 3) in crop units; source, driving (B, 57).
        """
        here = 2 * landmarks[:, list(GUIDE_POINTS)].float() - landmarks.new_tensor([1.0, 1.0, 0.0])
        expression, rotation, place, scale = split(source)
        driven_expression, driven_rotation, driven_place, driven_scale = split(driving)
        posed = scale * (self.mean + self.shape(expression)) @ rotation.transpose(1, 2)
        depth = (here - posed)[..., 2].mean(1)[:, None, None]
        front = (here - torch.cat((place, depth), -1)) @ rotation / scale
        front = front + self.shape(driven_expression - expression)
        there = driven_scale * front @ driven_rotation.transpose(1, 2)
        return here[..., :2], there[..., :2] + driven_place

    def shape(self, expression: Tensor) -> Tensor:
        """What expression weights (B, 51) add to the points: (B, P, 3)."""
        return (expression @ self.basis).unflatten(1, (-1, 3))

    def forward(
        self, landmarks: Tensor, source: Tensor, driving: Tensor, resolutions: list[int]
    ) -> list[Tensor]:
        """Flows (B, 2, r, r) in half image widths for every r.

        landmarks (B, 478, 3) of the source in crop units; source, driving (B, 57), the coefficients of the
        source and of the frame to draw.
        """
        here, there = self.moved(landmarks, source, driving)
        unit = driving[:, -1].float().exp()[:, None, None]
        motion, there = here - there, there / unit
        own = shares(there, there)
        sharpened = motion
        for _ in range(SHARPENINGS):
            sharpened = sharpened + motion - own @ sharpened
        finest = max(resolutions) // COARSER
        axis = (torch.arange(finest, device=source.device, dtype=torch.float32) * 2 + 1) / finest - 1
        rows, columns = torch.meshgrid(axis, axis, indexing="ij")
        pixels = torch.stack((columns, rows), -1).flatten(0, 1)
        flow = shares(pixels / unit, there) @ sharpened
        flow = flow.transpose(1, 2).unflatten(2, (finest, finest))
        return [_resized(flow, resolution) for resolution in resolutions]


def shares(places: Tensor, points: Tensor) -> Tensor:
    """How much of each point's motion every place takes: (B, N, 2), (B, P, 2) in inter-ocular distances
    -> (B, N, P), rows summing to 1 at the points and to less away from them.
    """
    squares = places.square().sum(-1)[..., None] + points.square().sum(-1)[:, None]
    distance = torch.add(squares, places @ points.transpose(1, 2), alpha=-2).clamp_min(0)
    weight = (distance + SOFTNESS**2).reciprocal().square()
    return weight / (weight.sum(-1, keepdim=True) + len(GUIDE_POINTS) / REACH**4)


def split(coeffs: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Coefficients (B, 57) -> expression (B, 51), rotation (B, 3, 3), place (B, 1, 2), scale (B, 1, 1)."""
    expression, pose = coeffs[:, :-POSE_SIZE].float(), coeffs[:, -POSE_SIZE:].float()
    return expression, rotation_matrix(pose[:, :3]), pose[:, None, 3:5], pose[:, 5, None, None].exp()


def _resized(flow: Tensor, resolution: int) -> Tensor:
    """Averaged down by a whole factor, or enlarged."""
    side = flow.shape[-1]
    if resolution <= side:
        return F.avg_pool2d(flow, side // resolution)
    return F.interpolate(flow, (resolution, resolution), mode="bilinear", align_corners=False)


def rotation_matrix(vectors: Tensor) -> Tensor:
    """Rotation vectors (B, 3) in radians -> matrices (B, 3, 3) (Rodrigues)."""
    angle = vectors.square().sum(-1).add(1e-12).sqrt()[:, None, None]
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack((zero, -z, y, z, zero, -x, -y, x, zero), -1).unflatten(-1, (3, 3))
    along = torch.eye(3, device=vectors.device)
    return (
        along + torch.sin(angle) / angle * cross + (1 - torch.cos(angle)) / angle.square() * (cross @ cross)
    )
