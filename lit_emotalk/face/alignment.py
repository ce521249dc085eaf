"""Rigid alignment of MediaPipe's landmarks to a reference face, and rotation vectors."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Alignment:
    """Landmarks as `scale * (aligned @ rotation.T) + centre`.

    aligned: (T, 478, 3) in the reference's unit (inter-ocular distances), head pose and place removed.
    rotation: (T, 3, 3), from the reference's axes (right, down, away) to the picture's.
    scale: (T,) picture units per inter-ocular distance. centre: (T, 3) where the reference's origin lies.
    """

    aligned: np.ndarray
    rotation: np.ndarray
    scale: np.ndarray
    centre: np.ndarray


def align(landmarks: np.ndarray, reference: np.ndarray, weights: np.ndarray) -> Alignment:
    """The similarity transforms that bring landmarks onto a reference, by weighted least squares (Umeyama
    1991, eq. 40-43).

    landmarks: (T, 478, 3) with one unit on all axes. reference: (478, 3) or (T, 478, 3). weights: (478,), not
    negative.
    """
    points = np.asarray(landmarks, np.float64)
    target = np.broadcast_to(np.asarray(reference, np.float64), points.shape)
    share = (weights / weights.sum()).astype(np.float64)
    used = np.flatnonzero(share)
    share = share[used]
    centre_points = np.einsum("n,tnd->td", share, points[:, used])
    centre_target = np.einsum("n,tnd->td", share, target[:, used])
    source = points[:, used] - centre_points[:, None]
    wanted = target[:, used] - centre_target[:, None]
    left, singular, right = np.linalg.svd(np.einsum("n,tni,tnj->tij", share, source, wanted))
    sign = np.sign(np.linalg.det(left) * np.linalg.det(right))
    flip = np.stack([np.ones_like(sign), np.ones_like(sign), sign], -1)
    rotation = np.einsum("tij,tj,tjk->tik", left, flip, right)
    variance = np.einsum("n,tnd->t", share, wanted**2)
    scale = (singular * flip).sum(-1) / variance
    aligned = (points - centre_points[:, None]) @ rotation / scale[:, None, None] + centre_target[:, None]
    centre = centre_points - scale[:, None] * np.einsum("tij,tj->ti", rotation, centre_target)
    return Alignment(aligned, rotation, scale, centre)


def rotation_vectors(rotation: np.ndarray) -> np.ndarray:
    """Rotation matrices (..., 3, 3) -> rotation vectors (..., 3) in radians, for angles below pi."""
    trace = np.trace(rotation, axis1=-2, axis2=-1)
    angle = np.arccos(np.clip((trace - 1) / 2, -1.0, 1.0))
    skew = np.stack(
        [
            rotation[..., 2, 1] - rotation[..., 1, 2],
            rotation[..., 0, 2] - rotation[..., 2, 0],
            rotation[..., 1, 0] - rotation[..., 0, 1],
        ],
        -1,
    )
    return skew / (2 * np.sinc(angle / np.pi))[..., None]


def rotation_matrices(vectors: np.ndarray) -> np.ndarray:
    """Rotation vectors (..., 3) in radians -> rotation matrices (..., 3, 3) (Rodrigues)."""
    angle = np.linalg.norm(vectors, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(np.asarray(vectors, np.float64), -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*x.shape, 3, 3)
    half = np.sinc(angle / (2 * np.pi))
    return np.eye(3) + np.sinc(angle / np.pi) * cross + 0.5 * half**2 * (cross @ cross)
