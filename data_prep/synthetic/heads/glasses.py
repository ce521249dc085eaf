"""Glasses as geometry: rims, bridge and temples, tubes that turn with the head. Lenses are left out: they
would hide what the eyes do."""

from typing import TYPE_CHECKING

import numpy as np

from data_prep.synthetic.heads.hair import HairMesh
from data_prep.synthetic.heads.template import SKIN

if TYPE_CHECKING:
    from data_prep.synthetic.heads.head import Head

GLASSES = 9
AROUND, RIM_STEPS = 6, 36
EYE_RELIEF = 0.27
"""From the middle of an eyeball to the plane of the rims, dm."""
CURVE = 0.16
"""How far the outer ends of the rims lie behind the inner ones, dm per dm."""


def build_glasses(head: "Head") -> list[HairMesh]:
    """The glasses of a head's identity, as none or one mesh."""
    glasses = head.identity.glasses
    if glasses is None:
        return []
    left, right = (head.eye_centres[side] for side in (0, 1))
    middle = (left + right) / 2 - np.array([0, 0.03, 0])
    half = abs(left[0] - right[0]) / 2
    ridge = _nose_ridge(head, middle[1])
    front = max(middle[2] + EYE_RELIEF, ridge - 0.05)
    across = np.clip(glasses.width * half, 0.16, half - 0.045)
    tubes = []
    for side in (1.0, -1.0):
        rim = _rim(glasses.roundness, across, glasses.height * across, side)
        rim[:, 0] += side * half
        rim[:, 2] = front - CURVE * np.maximum(np.abs(rim[:, 0]) - 0.1, 0)
        rim[:, 1] += middle[1]
        tubes.append(_tube(rim, glasses.thickness, closed=True))
        hinge = rim[np.argmax(side * rim[:, 0] + 0.2 * (rim[:, 1] - middle[1]))]
        tubes.append(_tube(_temple(head, hinge, side), 0.85 * glasses.thickness, closed=False))
    inner = half - across
    turn = np.linspace(-1, 1, 9)
    bridge = np.stack(
        [
            turn * inner,
            middle[1] + 0.03 + 0.03 * (1 - turn**2),
            front + (max(ridge + 0.035, front) - front) * (1 - turn**2),
        ],
        1,
    )
    tubes.append(_tube(bridge, glasses.thickness, closed=False))
    return [_joined(tubes)]


def _nose_ridge(head: "Head", height: float) -> float:
    """How far the nose comes forward at a height."""
    skin = head.rest[head.template.part_vertices(SKIN)]
    return float(skin[(np.abs(skin[:, 0]) < 0.08) & (np.abs(skin[:, 1] - height) < 0.1), 2].max())


def _rim(roundness: float, width: float, height: float, side: float) -> np.ndarray:
    """A superellipse (RIM_STEPS, 3) around 0: an ellipse at roundness 1, nearly a box at 0."""
    angle = np.linspace(0, 2 * np.pi, RIM_STEPS, endpoint=False)
    power = 2 / (2 + 2.5 * (1 - roundness))
    cosine, sine = np.cos(angle), np.sin(angle)
    x = np.sign(cosine) * np.abs(cosine) ** power * width * side
    y = np.sign(sine) * np.abs(sine) ** power * height
    return np.stack([x, y, np.zeros_like(x)], 1)


def _temple(head: "Head", hinge: np.ndarray, side: float) -> np.ndarray:
    """From the hinge back over the ear, outside of the skin."""
    skin = head.rest[head.template.part_vertices(SKIN)]
    ears = head.template.mask("ears")[head.template.part_vertices(SKIN)] > 0.3
    line = [hinge]
    for z in np.linspace(hinge[2] - 0.12, 0.35, 9):
        near = (np.abs(skin[:, 1] - hinge[1]) < 0.08) & (np.abs(skin[:, 2] - z) < 0.1) & ~ears
        out = (side * skin[near, 0]).max() if near.any() else abs(line[-1][0])
        line.append(np.array([side * max(out + 0.02, 0.5 * abs(line[-1][0])), hinge[1], z]))
    return np.array(line)


def _tube(line: np.ndarray, radius: float, closed: bool) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and triangles of a tube around a polyline (N, 3)."""
    way = np.roll(line, -1, 0) - np.roll(line, 1, 0) if closed else np.gradient(line, axis=0)
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    first = np.cross(way, np.where(np.abs(way[:, 2:]) > 0.8, [[0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0]]))
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(way, first)
    angle = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)[None, :, None]
    rings = line[:, None] + radius * (np.cos(angle) * first[:, None] + np.sin(angle) * second[:, None])
    count = len(line)
    ring, spoke = np.meshgrid(np.arange(count if closed else count - 1), np.arange(AROUND), indexing="ij")
    beside, after = (spoke + 1) % AROUND, (ring + 1) % count
    a, b = ring * AROUND + spoke, ring * AROUND + beside
    c, d = after * AROUND + spoke, after * AROUND + beside
    triangles = [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([b, d, c], -1).reshape(-1, 3)]
    return rings.reshape(-1, 3), np.concatenate(triangles)


def _joined(tubes: list[tuple[np.ndarray, np.ndarray]]) -> HairMesh:
    starts = np.cumsum([0] + [len(vertices) for vertices, _ in tubes])
    vertices = np.concatenate([vertices for vertices, _ in tubes]).astype(np.float32)
    triangles = np.concatenate([part + start for (_, part), start in zip(tubes, starts, strict=False)])
    count = len(vertices)
    return HairMesh(
        vertices,
        triangles.astype(np.int32),
        np.full(len(triangles), GLASSES, np.int32),
        np.zeros((count, 3), np.float32),
        np.ones((count, 2), np.float32),
        np.ones(count, np.float32),
    )
