"""Hair as geometry: a cap over the scalp with the style's thickness, and a curtain for hair that falls.

Positions are in the identity's resting shape; texture coordinates run around the head, along the strands,
and from solid (0) to gone (1): the renderer cuts that part into ragged tips.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from data_prep.synthetic.heads.appearance import hairline_distance
from data_prep.synthetic.heads.head import Head, neck_shares
from data_prep.synthetic.heads.texture import AXIS_Z, step
from data_prep.synthetic.rays.device import wp
from data_prep.synthetic.rays.raycast import cast

CAP, CURTAIN = 7, 8
POLE = np.array([0.0, 0.9, -0.42]) / np.hypot(0.9, 0.42)
CENTRE = np.array([0.0, 7.55, 0.45])
AROUND, ALONG = 96, 40
EYE_HEIGHT = 7.284
THICKNESS = {
    "buzz": 0.025, "bald": 0.012, "receding": 0.05, "short": 0.10, "crop": 0.14, "swept": 0.17, "curly": 0.24,
    "medium": 0.20, "long": 0.13, "bob": 0.16, "bun": 0.07, "waves": 0.18, "fringe": 0.15, "afro": 0.42,
}  # fmt: skip
RAMP = {
    "long": 0.4,
    "bob": 0.4,
    "waves": 0.4,
    "bun": 0.3,
    "fringe": 0.14,
    "medium": 0.3,
    "short": 0.25,
    "afro": 0.35,
    "curly": 0.3,
}
FALL = {"long": 5.2, "bob": 6.25, "waves": 5.55, "fringe": 5.75}


@dataclass(frozen=True)
class HairMesh:
    """`vertices` (N, 3), `triangles` (F, 3), `parts` (F,), `uv` (N, 3), `neck` (N, 2), `occlusion` (N,)."""

    vertices: np.ndarray
    triangles: np.ndarray
    parts: np.ndarray
    uv: np.ndarray
    neck: np.ndarray
    occlusion: np.ndarray


def build_hair(head: Head) -> HairMesh:
    """The identity's hair."""
    style = head.identity.hair.style
    cap = _cap(head)
    pieces = [cap]
    if style in FALL:
        pieces.append(_curtain(head))
    if style == "bun":
        pieces.append(_bun(head))
    return join(pieces)


def join(pieces: list[HairMesh]) -> HairMesh:
    """Several meshes as one."""
    offsets = np.cumsum([0] + [len(piece.vertices) for piece in pieces])
    return HairMesh(
        np.concatenate([piece.vertices for piece in pieces]).astype(np.float32),
        np.concatenate([piece.triangles + o for piece, o in zip(pieces, offsets, strict=False)]).astype(
            np.int32
        ),
        np.concatenate([piece.parts for piece in pieces]).astype(np.int32),
        np.concatenate([piece.uv for piece in pieces]).astype(np.float32),
        np.concatenate([piece.neck for piece in pieces]).astype(np.float32),
        np.concatenate([piece.occlusion for piece in pieces]).astype(np.float32),
    )


def _on_scalp(head: Head, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Resting points and template places (N, 3) of the skull in `directions` (A, B, 3), ears left out."""
    template = head.template
    solid = (template.parts == 0) & (template.mask("ears")[template.triangles].max(1) < 0.5)
    triangles = template.triangles[solid]
    mesh = wp.Mesh(
        wp.array(template.vertices, dtype=wp.vec3, device="cpu"),
        wp.array(triangles.ravel(), dtype=int, device="cpu"),
    )
    flat = directions.reshape(-1, 3)
    face = wp.zeros(len(flat), dtype=int, device="cpu")
    bary = wp.zeros(len(flat), dtype=wp.vec2, device="cpu")
    rays: Any = wp.array(flat.astype(np.float32), dtype=wp.vec3, device="cpu")
    wp.launch(cast, len(flat), [mesh.id, wp.vec3(*CENTRE), rays, face, bary], device="cpu")
    hit, uv = face.numpy(), bary.numpy()
    weights = np.stack([uv[:, 0], uv[:, 1], 1 - uv.sum(1)], 1)
    corners = triangles[np.maximum(hit, 0)]
    places = np.einsum("nc,ncd->nd", weights, template.vertices[corners])
    rest = np.einsum("nc,ncd->nd", weights, head.rest[corners])
    shape = directions.shape
    good = (hit >= 0) & (np.abs(np.linalg.norm(places - CENTRE, axis=1) - 0.9) < 0.45)
    return _filled(rest, good, shape), _filled(places, good, shape)


def _filled(values: np.ndarray, good: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Replace bad grid values by diffusion from good neighbours (rows wrap)."""
    grid, known = values.reshape(shape).copy(), good.reshape(shape[:2])
    grid[~known] = grid[known].mean(0)
    for _ in range(60):
        padded = np.pad(grid, ((0, 0), (1, 1), (0, 0)), mode="edge")
        mean = (padded[:, :-2] + padded[:, 2:] + np.roll(grid, 1, 0) + np.roll(grid, -1, 0)) / 4
        grid[~known] = mean[~known]
    return grid


def _grid_triangles(rows: int, columns: int) -> np.ndarray:
    """Triangles of a grid whose vertex (r, c) has number r * columns + c."""
    r, c = np.meshgrid(np.arange(rows - 1), np.arange(columns - 1), indexing="ij")
    a, b = r * columns + c, (r + 1) * columns + c
    return np.concatenate(
        [np.stack([a, a + 1, b], -1).reshape(-1, 3), np.stack([a + 1, b + 1, b], -1).reshape(-1, 3)]
    )


def _cap(head: Head) -> HairMesh:
    identity = head.identity
    hair = identity.hair
    azimuth, polar = np.meshgrid(
        np.linspace(0, 2 * np.pi, AROUND), np.linspace(0.02, 2.45, ALONG), indexing="ij"
    )
    side = np.array([1.0, 0.0, 0.0])
    front = np.cross(side, POLE)
    directions = np.cos(polar)[..., None] * POLE + np.sin(polar)[..., None] * (
        np.cos(azimuth)[..., None] * front + np.sin(azimuth)[..., None] * side
    )
    rest, place = _on_scalp(head, directions)
    inside = hairline_distance(place, identity)
    rng = np.random.default_rng([identity.noise, 2])
    lumps = _lumps(rng, azimuth, polar, 3 + 4 * hair.curl)
    thick: Any = THICKNESS[hair.style] * (0.7 + 0.6 * hair.volume)
    top = step(0.2, 0.9, directions[..., 1])
    if not head.identity.woman and hair.style != "afro":
        thick = thick * (0.35 + 0.65 * top)
    if hair.style == "swept":
        quiff = np.exp(-(((place[..., 1] - 8.2) / 0.25) ** 2)) * step(0.6, 1.0, place[..., 2])
        thick = thick * (1 + 0.9 * quiff * (1 + 0.5 * hair.side * np.clip(place[..., 0] / 0.5, -1, 1)))
    if hair.style in ("long", "bob", "waves", "bun", "fringe"):
        parting = np.exp(-(((place[..., 0] - 0.18 * hair.side) / 0.05) ** 2)) * step(0.0, 0.6, place[..., 2])
        thick = thick * (1 - (0.0 if hair.style in ("bun", "fringe") else 0.6) * parting)
    rough = 0.10 + 0.35 * hair.curl * (hair.style in ("curly", "afro", "waves", "medium", "crop"))
    rough = 0.12 if hair.style == "afro" else rough
    thick = thick * (1 + rough * lumps)
    reach = step(-0.02, RAMP.get(hair.style, 0.16), inside)
    height = thick * reach - 0.04 * (1 - reach)
    points = rest + directions * height[..., None]
    uv = np.stack([azimuth / (2 * np.pi), polar / 2.45, 0.95 * step(0.13, -0.02, inside)], -1)
    count = AROUND * ALONG
    keep = _grid_triangles(AROUND, ALONG)
    keep = keep[(inside.reshape(-1)[keep] > -0.05).any(1)]
    return HairMesh(
        points.reshape(count, 3), keep, np.full(len(keep), CAP), uv.reshape(count, 3), np.ones((count, 2)),
        np.clip(0.55 + 0.45 * reach + 0.25 * lumps * rough, 0.3, 1).reshape(count),
    )  # fmt: skip


def _lumps(rng: np.random.Generator, azimuth: np.ndarray, polar: np.ndarray, count: float) -> np.ndarray:
    """Smooth clumps over the scalp, about -1 to 1."""
    total = np.zeros(azimuth.shape)
    for octave in range(3):
        waves = np.round(count * (1 + octave))
        phase = rng.uniform(0, 2 * np.pi, 3)
        total += (
            np.sin(waves * azimuth + phase[0] + 2 * np.sin(3 * polar + phase[1]))
            * np.sin(waves * 0.8 * polar + phase[2])
            / (1 + 0.5 * octave)
        )
    return total / 1.6


def _curtain(head: Head) -> HairMesh:
    identity = head.identity
    hair = identity.hair
    rng = np.random.default_rng([identity.noise, 3])
    rows, columns = 72, 26
    open_angle = 0.90
    azimuth = np.linspace(open_angle, 2 * np.pi - open_angle, rows)[:, None] * np.ones((1, columns))
    down = np.linspace(0, 1, columns)[None] * np.ones((rows, 1))
    shift = head.eye_centres[:, 1].mean() - EYE_HEIGHT
    low = FALL[hair.style] + 0.15 * (1 - hair.volume)
    crown = 7.72
    height = crown + (low - crown) * down
    flat = np.stack([np.sin(azimuth), np.zeros_like(azimuth), np.cos(azimuth)], -1)
    level = flat + np.array([0.0, 1.0, 0.0]) * ((crown - CENTRE[1]) / 0.9)
    rest, _ = _on_scalp(head, level / np.linalg.norm(level, axis=-1, keepdims=True))
    out = np.hypot(rest[:, :1, 0], rest[:, :1, 2] - AXIS_Z)
    thick = 0.10 + 0.10 * hair.volume
    swell = np.interp(down, [0, 0.15, 0.4, 1.0], [-0.05, 0.7, 1.0, 0.7 if hair.style != "bob" else 0.9])
    ears = 0.14 * np.exp(-(((np.abs(np.pi - azimuth) - np.pi / 2) / 0.45) ** 2)) * step(0.05, 0.25, down)
    wave = (
        0.03
        * (1 + 2 * hair.curl)
        * np.sin(down * (9 + 8 * hair.curl) + 2.5 * np.sin(3 * azimuth + rng.uniform(0, 6)))
    )
    radius = out + thick * swell + ears + wave * step(0.15, 0.5, down)
    radius = radius + 0.05 * np.sin(13 * azimuth + rng.uniform(0, 6)) * step(0.2, 0.8, down)
    edge = np.minimum(azimuth - open_angle, 2 * np.pi - open_angle - azimuth)
    radius = radius * (1 - 0.13 * np.exp(-((edge / 0.25) ** 2)) * step(0.05, 0.2, down))
    points = np.stack([radius * np.sin(azimuth), height + shift, AXIS_Z + radius * np.cos(azimuth)], -1)
    template_place = points.copy()
    template_place[..., 1] = height
    neck = neck_shares(template_place.reshape(-1, 3))
    neck = np.maximum(neck, 0.45)
    keep = _grid_triangles(rows, columns)
    ragged = 0.9 * step(0.84, 1.0, down + 0.04 * np.sin(21 * azimuth))
    uv = np.stack([azimuth / np.pi, down, ragged], -1)
    shade = 0.95 - 0.25 * down
    return HairMesh(
        points.reshape(-1, 3), keep, np.full(len(keep), CURTAIN), uv.reshape(-1, 3), neck, shade.reshape(-1)
    )


def _bun(head: Head) -> HairMesh:
    identity = head.identity
    rows, columns = 40, 20
    azimuth, polar = np.meshgrid(
        np.linspace(0, 2 * np.pi, rows), np.linspace(0.05, np.pi - 0.05, columns), indexing="ij"
    )
    normal = np.stack([np.sin(polar) * np.sin(azimuth), np.cos(polar), np.sin(polar) * np.cos(azimuth)], -1)
    top = head.rest[:, 1].max()
    size = 0.30 + 0.12 * identity.hair.volume
    radius = size * (1 + 0.06 * np.sin(5 * azimuth + 6 * polar))
    points = np.array([0.0, top + 0.12, -0.05]) + radius[..., None] * normal
    keep = _grid_triangles(rows, columns)
    uv = np.stack([azimuth / (2 * np.pi) + 0.3 * polar, 0.7 * polar / np.pi, np.zeros_like(polar)], -1)
    count = rows * columns
    return HairMesh(
        points.reshape(count, 3),
        keep,
        np.full(len(keep), CAP),
        uv.reshape(count, 3),
        np.ones((count, 2)),
        np.full(count, 0.9),
    )
