"""A small head with the 51 units as shapes, made of the linear face: for viewers, not for portraits."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import Delaunay

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.face.basis import LinearFace
from lit_emotalk.face.regions import FACE_OVAL, LEFT_EYE, LEFT_IRIS, LIPS_INNER, RIGHT_EYE, RIGHT_IRIS

METRES = 0.09
"""Between the outer corners of a person's eyes."""
RINGS = 6
DEPTH = 1.3
"""How far the head reaches behind its face, in inter-ocular distances (our choice)."""
IRIS_FORWARD = 0.02
"""The irises lie so far before the eyes' surface, or, under a closed lid, behind it."""
SKIN, EYE, IRIS, MOUTH = "skin", "eye", "iris", "mouth"


@dataclass(frozen=True)
class Head:
    """positions (V, 3) at rest and what each unit adds (51, V, 3), in metres, x to the person's left, y up, z
    forward; triangles (N, 3) of each part, counterclockwise as seen from outside."""

    positions: np.ndarray
    shapes: np.ndarray
    parts: dict[str, np.ndarray]


def build_head() -> Head:
    """The head of the linear face that ships with the package."""
    face = LinearFace.load()
    points, moves = face.mean.numpy().astype(np.float64), face.basis.numpy().astype(np.float64)
    points, moves = _place_irises(points, moves)
    triangles = _facing_us(points, Delaunay(points[: RIGHT_IRIS[0], :2]).simplices)
    inside = {part: np.zeros(len(triangles), bool) for part in (MOUTH, EYE)}
    for part, contours in ((MOUTH, (LIPS_INNER,)), (EYE, (RIGHT_EYE, LEFT_EYE))):
        for contour in contours:
            inside[part] |= np.isin(triangles, contour).all(1)
    skin = triangles[~inside[MOUTH] & ~inside[EYE]]
    fans = [
        [middle, iris[k], iris[(k + 1) % 4]] for middle, *iris in (RIGHT_IRIS, LEFT_IRIS) for k in range(4)
    ]
    back, back_moves, back_triangles = _back(points, moves)
    parts = {
        SKIN: np.concatenate([skin, back_triangles]),
        EYE: triangles[inside[EYE]],
        IRIS: _facing_us(points, np.array(fans)),
        MOUTH: triangles[inside[MOUTH]],
    }
    to_viewer = METRES * np.array([1.0, -1.0, -1.0])
    positions = np.concatenate([points, back]) * to_viewer
    shapes = np.concatenate([moves, back_moves], 1) * to_viewer
    return Head(positions.astype(np.float32), shapes.astype(np.float32), parts)


def _place_irises(points: np.ndarray, moves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The irises a little before the eyes; a blink brings them behind the lids' meeting line."""
    points, moves = points.copy(), moves.copy()
    for side, eye, iris in (("Right", RIGHT_EYE, RIGHT_IRIS), ("Left", LEFT_EYE, LEFT_IRIS)):
        ring = list(iris)
        points[ring, 2] = points[list(eye), 2].min() - IRIS_FORWARD
        blink = ARKIT.names.index(f"eyeBlink{side}")
        closed = points[list(eye)] + moves[blink][list(eye)]
        moves[blink][ring] = 0
        moves[blink][ring, 1] = closed[:, 1].mean() - points[ring, 1]
        moves[blink][ring, 2] = closed[:, 2].max() + IRIS_FORWARD - points[ring, 2]
    return points, moves


def _facing_us(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Triangles turned so that they run counterclockwise as seen by who looks at the face (y down here)."""
    corners = points[triangles, :2]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    clockwise = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0] > 0
    triangles = triangles.copy()
    triangles[clockwise] = triangles[clockwise][:, ::-1]
    return triangles


def _back(points: np.ndarray, moves: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Half an ellipsoid behind the face's oval: its points, moves and triangles. What the oval does fades."""
    oval = np.array(FACE_OVAL)
    middle = points[oval].mean(0)
    rings, ring_moves = [], []
    for angle in np.linspace(0, np.pi / 2, RINGS + 1)[1:]:
        ring = middle + np.cos(angle) * (points[oval] - middle)
        ring[:, 2] += DEPTH * np.sin(angle)
        rings.append(ring)
        ring_moves.append(np.cos(angle) * moves[:, oval])
    numbers = np.concatenate([oval[None], len(points) + np.arange(RINGS * len(oval)).reshape(RINGS, -1)])
    after = np.roll(numbers, -1, axis=1)
    front, behind = (numbers[:-1], after[:-1]), (numbers[1:], after[1:])
    one = np.stack([front[0], behind[0], front[1]], -1).reshape(-1, 3)
    other = np.stack([front[1], behind[0], behind[1]], -1).reshape(-1, 3)
    triangles = np.concatenate([one, other])
    everything = np.concatenate([points, *rings])
    corners = everything[triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    inward = (normal * (corners.mean(1) - middle)).sum(1) < 0
    triangles[inward] = triangles[inward][:, ::-1]
    return np.concatenate(rings), np.concatenate(ring_moves, 1), triangles
