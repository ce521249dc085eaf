"""Where the linear face says that every point of the source moves: the flow that HEF refines, and hints of
what no flow can bring."""

from itertools import product
from typing import NamedTuple

import torch
from scipy.spatial import Delaunay
from torch import Tensor, nn
from torch.nn import functional as F

from lit_emotalk.coefficients import POSE_SIZE
from lit_emotalk.face.basis import LinearFace
from lit_emotalk.face.regions import FACE_OVAL, LIPS_INNER, MOUTH_OPENING

FINEST = 128
"""The flow is painted at the finest level's resolution, at most this one, and enlarged above it."""

PAINT = 6
"""Drops along a triangle's side: together they leave no pixel of the face without paint."""

SURROUNDINGS = 4
"""What lies beyond the face is computed at this part of the resolution."""

REACH = 1.3
"""How far from the face its motion still shows, in inter-ocular distances."""

SOFTNESS = 0.1
"""How near a point of the oval counts as touching, in inter-ocular distances."""

THIN = 0.05
"""Share of a pixel's paint under which the surroundings show through."""

NEIGHBOURS = 64
"""Of so many pixels' width the next ones on either side are a pixel's surroundings."""

MOUTH_GAIN = 4.0
"""Inter-ocular distances in the mouth, times this, are of the order of one (our choice)."""

TEETH = 0.1
"""How far behind the lips the teeth stand, in inter-ocular distances (our choice)."""

CHIN = (152, 148, 377, 200, 199)
"""Points that go with the lower jaw."""

HINTS = 1 + 4 + 3
"""Channels of the hints."""

FLAT = 2e-5
"""Area of a triangle, in squares of half image widths, under which its growth is not counted (our choice)."""


class Guidance(NamedTuple):
    """What the guide gives, one entry a resolution r.

    flows: (B, 2, r, r) backward, in half image widths. hints: (B, HINTS, r, r), beyond `FINEST` the first of
    them alone, zero beyond the face: how much of a pixel lies between lips that have opened, which the source
    does not show; how much lies between the lips; where in the resting face it lies (right, down,
    inter-ocular distances); the logarithm of how far its surroundings have grown, which is negative where
    skin folds; and between the lips, where it lies from the teeth (see `FaceGuide.mouth`).
    """

    flows: list[Tensor]
    hints: list[Tensor]


class FaceGuide(nn.Module):
    """Backward flows from the source's landmarks and the change of coefficients: no weights to train (our
    choice).

    The source's landmarks lose its head pose, move as the linear face, or with `skin` as its skin does for
    the change of expression, and get the driving head pose. The mesh between them is painted with its motion:
    drops spread evenly over its triangles fall on the pixels where they land. Around the face everything
    moves as the nearest part of its oval does, less and less away from it. The same drops bring the hints.
    Only for the `arkit` layout.
    """

    def __init__(self, skin: bool = False) -> None:
        super().__init__()
        face = LinearFace.load()
        corners = torch.from_numpy(Delaunay(face.mean[:, :2].numpy()).simplices).long()
        first, second, third = face.mean[corners, :2].unbind(1)
        sides = torch.stack((second - first, third - first), -1)
        drops = _drops(PAINT)
        between = torch.isin(corners, torch.tensor(LIPS_INNER)).all(1)
        self.register_buffer("mean", face.mean.clone(), persistent=False)
        basis = face.skin if skin else face.basis
        self.register_buffer("basis", basis.flatten(1).clone(), persistent=False)
        self.register_buffer("corners", corners, persistent=False)
        self.register_buffer("drops", drops, persistent=False)
        self.register_buffer("between", between.float(), persistent=False)
        self.register_buffer("oval", torch.tensor(FACE_OVAL), persistent=False)
        self.register_buffer("chin", torch.tensor(CHIN), persistent=False)
        self.register_buffer("steps", torch.tensor(list(product((0, 1), (0, 1)))), persistent=False)
        self.register_buffer("areas", torch.linalg.det(sides).abs() / 2 / len(drops), persistent=False)
        self.mean: Tensor
        self.basis: Tensor
        self.corners: Tensor
        self.drops: Tensor
        self.between: Tensor
        self.areas: Tensor
        self.oval: Tensor
        self.chin: Tensor
        self.steps: Tensor

    def moved(self, landmarks: Tensor, source: Tensor, driving: Tensor) -> tuple[Tensor, Tensor]:
        """The landmarks and where they go: two of (B, 478, 2), from -1 to 1.

        landmarks (B, 478, 3) in crop units; source, driving (B, 57).
        """
        here = centred(landmarks)
        return here[..., :2], self.landed(self.resting(here, source), driving)

    def resting(self, here: Tensor, source: Tensor) -> Tensor:
        """The source's own resting face from the front, (B, 478, 3), from its landmarks (B, 478, 3), which
        lie from -1 to 1, and coefficients (B, 57)."""
        expression, rotation, place, scale = split(source)
        posed = scale * (self.mean + self.shape(expression)) @ rotation.transpose(1, 2)
        depth = (here - posed)[..., 2].mean(1)[:, None, None]
        front = (here - torch.cat((place, depth), -1)) @ rotation / scale
        return front - self.shape(expression)

    def landed(self, resting: Tensor, driving: Tensor) -> Tensor:
        """Where a resting face's points (B, 478, 3) are seen as driven: (B, 478, 2)."""
        expression, rotation, place, scale = split(driving)
        return scale * ((resting + self.shape(expression)) @ rotation.transpose(1, 2))[..., :2] + place

    def shape(self, expression: Tensor) -> Tensor:
        """What expression weights (B, 51) add to the points: (B, 478, 3)."""
        return (expression @ self.basis).unflatten(1, (-1, 3))

    def forward(self, landmarks: Tensor, source: Tensor, driving: Tensor, resolutions: list[int]) -> Guidance:
        """Flows and hints for every r of `resolutions`.

        landmarks (B, 478, 3) of the source in crop units; source, driving (B, 57), the coefficients of the
        source and of the frame to draw.
        """
        with torch.autocast(landmarks.device.type, enabled=False):
            here = centred(landmarks)
            resting = self.resting(here, source)
            here, there = here[..., :2], self.landed(resting, driving)
            unit = driving[:, -1].float().exp()[:, None, None]
            side = min(max(resolutions), FINEST)
            paint = self.paint(here, there, unit, side)
            around = self.surroundings(here - there, there, unit, side // SURROUNDINGS)
            flow = (paint[:, :2] + THIN * _resized(around, side)) / (paint[:, 2:3] + THIN)
            painted = _filled(paint[:, 3:7], paint[:, 7:])
            between, grown = painted[:, :1], painted[:, 3:]
            opened = between * (1 - torch.exp(-grown)).clamp_min(0)
            hints = torch.cat((opened, painted, between * self.mouth(resting, driving, side)), 1)
            return Guidance(_pyramid(flow, resolutions), _pyramid(hints, resolutions, above=1))

    def paint(self, here: Tensor, there: Tensor, unit: Tensor, side: int) -> Tensor:
        """The mesh's motion, summed, and how much of it there is, in pixels; the hints, summed, and how much
        of them there is: (B, 2 + 1 + 4 + 1, side, side).

        here, there: (B, 478, 2), where a landmark comes from and where it lands; unit: (B, 1, 1), the
        inter-ocular distance in half image widths. Motion is weighed by a triangle's area in the resting
        face, hints by its area as it lands, so that an open mouth, which has none at rest, is full of them.
        """
        rows = here.shape[0]
        place = self.mean[:, :2].expand(rows, -1, -1)
        brought = self.drops @ torch.cat((here - there, place), -1)[:, self.corners]
        landed = triangle_areas(there[:, self.corners])
        grown = torch.log((landed + FLAT) / (triangle_areas(here[:, self.corners]) + FLAT))
        resting = (self.areas * (unit[..., 0] * side / 2).square())[..., None, None]
        covered = (landed * (side / 2) ** 2 / len(self.drops))[..., None, None]
        known = torch.stack((self.between.expand(rows, -1), grown), -1)[:, :, None]
        known = known.expand(-1, -1, len(self.drops), -1)
        one = torch.ones_like(brought[..., :1])
        columns = (
            torch.cat((brought[..., :2], one), -1) * resting,
            torch.cat((known[..., :1], brought[..., 2:], known[..., 1:], one), -1) * covered,
        )
        drops = torch.cat(columns, -1).flatten(1, 2)
        place = ((self.drops @ there[:, self.corners]).flatten(1, 2) + 1) / 2 * side - 0.5
        corner = place.floor()
        beyond = place - corner
        sums = drops.new_zeros(rows, side * side, drops.shape[-1])
        for step in self.steps:
            share = (1 - step - beyond).abs().prod(-1)
            pixel = corner.long() + step
            inside = ((pixel >= 0) & (pixel < side)).all(-1)
            column, row = pixel.clamp(0, side - 1).unbind(-1)
            index = (row * side + column).unsqueeze(-1).expand(-1, -1, drops.shape[-1])
            sums = sums.scatter_add(1, index, drops * (share * inside).unsqueeze(-1))
        return sums.transpose(1, 2).unflatten(2, (side, side))

    def mouth(self, resting: Tensor, driving: Tensor, side: int) -> Tensor:
        """Where every pixel lies in the plane of the teeth: (B, 3, side, side), right and down from the
        resting mouth, where the upper ones stay, and down from where the jaw has brought the lower ones,
        times `MOUTH_GAIN`.

        resting: (B, 478, 3), see `resting`; driving: (B, 57).
        """
        expression, rotation, place, scale = split(driving)
        upper, lower = MOUTH_OPENING
        middle = (resting[:, upper] + resting[:, lower]) / 2
        dropped = self.shape(expression)[:, self.chin, 1].mean(1)
        behind = rotation[..., :2, 2] * (middle[:, 2:] + TEETH)
        (a, b), (c, d) = (row.unbind(-1) for row in rotation[:, :2, :2].unbind(1))
        inverse = torch.stack((d, -b, -c, a), -1).unflatten(-1, (2, 2)) / (a * d - b * c)[:, None, None]
        axis = (torch.arange(side, device=driving.device, dtype=torch.float32) * 2 + 1) / side - 1
        rows, columns = torch.meshgrid(axis, axis, indexing="ij")
        pixels = torch.stack((columns, rows), -1).flatten(0, 1)
        seen = ((pixels - place) / scale - behind[:, None]) @ inverse.transpose(1, 2) - middle[:, None, :2]
        below = seen[..., 1:] - dropped[:, None, None]
        where = MOUTH_GAIN * torch.cat((seen, below), -1)
        return where.transpose(1, 2).unflatten(2, (side, side))

    def surroundings(self, motion: Tensor, there: Tensor, unit: Tensor, side: int) -> Tensor:
        """The motion (B, 2, side, side) around the face: the oval's, by inverse distance; see `paint`."""
        axis = (torch.arange(side, device=motion.device, dtype=torch.float32) * 2 + 1) / side - 1
        rows, columns = torch.meshgrid(axis, axis, indexing="ij")
        pixels = torch.stack((columns, rows), -1).flatten(0, 1)
        flow = shares(pixels / unit, there[:, self.oval] / unit) @ motion[:, self.oval]
        return flow.transpose(1, 2).unflatten(2, (side, side))


def centred(landmarks: Tensor) -> Tensor:
    """Landmarks (B, 478, 3) in crop units as they lie from -1 to 1, depth in half image widths."""
    places = 2 * landmarks.float()
    return torch.cat((places[..., :2] - 1, places[..., 2:]), -1)


def triangle_areas(corners: Tensor) -> Tensor:
    """Areas (B, T) of triangles (B, T, 3, 2)."""
    first, second = corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0]
    return (first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]).abs() / 2


def _drops(side: int) -> Tensor:
    """Where in a triangle the drops lie: (N, 3) shares of its corners, evenly spread."""
    places = [(i + 1 / 3, j + 1 / 3) for i in range(side) for j in range(side - i)]
    first, second = (torch.tensor(places) / side).unbind(1)
    return torch.stack((first, second, 1 - first - second), 1)


def shares(places: Tensor, points: Tensor) -> Tensor:
    """How much of each point's motion every place takes: (B, N, 2), (B, P, 2) in inter-ocular distances
    -> (B, N, P), rows summing to 1 at the points and to less away from them.
    """
    squares = places.square().sum(-1)[..., None] + points.square().sum(-1)[:, None]
    distance = torch.add(squares, places @ points.transpose(1, 2), alpha=-2).clamp_min(0)
    weight = (distance + SOFTNESS**2).reciprocal().square()
    return weight / (weight.sum(-1, keepdim=True) + points.shape[1] / REACH**4)


def split(coeffs: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Coefficients (B, 57) -> expression (B, 51), rotation (B, 3, 3), place (B, 1, 2), scale (B, 1, 1)."""
    expression, pose = coeffs[:, :-POSE_SIZE].float(), coeffs[:, -POSE_SIZE:].float()
    return expression, rotation_matrix(pose[:, :3]), pose[:, None, 3:5], pose[:, 5, None, None].exp()


def _filled(sums: Tensor, counts: Tensor) -> Tensor:
    """Sums of paint (B, C, r, r), the first channel's that of what lies between the lips, over how much of it
    there is (B, 1, r, r). In and about the mouth pixels with little of it, as between the drops of one that
    opens wide, take the mean around them."""
    near = 2 * (sums.shape[-1] // NEIGHBOURS) + 1
    around, drops = (F.avg_pool2d(each, near, 1, near // 2) for each in (sums, counts))
    around = around / (drops + THIN)
    return (sums + THIN * around[:, :1].clamp(0, 1) * around) / (counts + THIN)


def _resized(maps: Tensor, resolution: int) -> Tensor:
    """Averaged down by a whole factor, or enlarged."""
    side = maps.shape[-1]
    if resolution <= side:
        return F.avg_pool2d(maps, side // resolution)
    return F.interpolate(maps, (resolution, resolution), mode="bilinear", align_corners=False)


def _pyramid(maps: Tensor, resolutions: list[int], above: int | None = None) -> list[Tensor]:
    """The maps at every resolution, the smaller ones averaged from the next larger; enlarged only the first
    `above` channels."""
    found = {}
    for resolution in sorted(resolutions, reverse=True):
        if resolution <= maps.shape[-1]:
            maps = _resized(maps, resolution)
            found[resolution] = maps
        else:
            found[resolution] = _resized(maps[:, :above], resolution)
    return [found[resolution] for resolution in resolutions]


def rotation_matrix(vectors: Tensor) -> Tensor:
    """Rotation vectors (B, 3) in radians -> matrices (B, 3, 3) (Rodrigues).

    The least angle is a bound, not a summand: ONNX's exporter leaves out the addition of so small a number.
    """
    angle = vectors.square().sum(-1).clamp_min(1e-12).sqrt()[:, None, None]
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack((zero, -z, y, z, zero, -x, -y, x, zero), -1).unflatten(-1, (3, 3))
    along = torch.eye(3, device=vectors.device)
    return (
        along + torch.sin(angle) / angle * cross + (1 - torch.cos(angle)) / angle.square() * (cross @ cross)
    )
