"""Ambient occlusion of a resting head by casting rays from its vertices."""

from typing import Any

import numpy as np

from data_prep.synthetic.heads.template import EYE_LEFT, EYE_RIGHT, LASH, SKIN
from data_prep.synthetic.rays.device import wp
from data_prep.synthetic.rays.raycast import cast_around

RAYS, REACH = 48, 1.0


def ambient_occlusion(vertices: np.ndarray, triangles: np.ndarray, parts: np.ndarray, own: int) -> np.ndarray:
    """Openness (N,) in [0, 1] of skin and eyes (1 elsewhere); `own` vertices belong to the head, the rest
    is hair.
    """
    corners = vertices[triangles]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], face)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    solid = triangles[np.isin(parts, (SKIN, EYE_LEFT, EYE_RIGHT)) | (parts > LASH)]
    mesh = wp.Mesh(
        wp.array(vertices, dtype=wp.vec3, device="cpu"), wp.array(solid.ravel(), dtype=int, device="cpu")
    )
    index = np.arange(RAYS) + 0.5
    height, turn = 1 - 2 * index / RAYS, np.pi * (1 + 5**0.5) * index
    flat = np.sqrt(1 - height**2)
    sphere = np.stack([flat * np.cos(turn), flat * np.sin(turn), height], 1).astype(np.float32)
    wanted = np.unique(triangles[np.isin(parts, (SKIN, EYE_LEFT, EYE_RIGHT))])
    result = wp.zeros(len(wanted), dtype=float, device="cpu")
    arrays: list[Any] = [
        wp.array(a.astype(np.float32), dtype=wp.vec3, device="cpu")
        for a in (vertices[wanted], normals[wanted], sphere)
    ]
    wp.launch(cast_around, len(wanted), [mesh.id, *arrays, REACH, result], device="cpu")
    openness = np.ones(len(vertices), np.float32)
    openness[wanted] = result.numpy()
    return openness
