"""THEval's five measures of lips, brows and head, from landmarks and sound. Good is what real video has.

Source: THEval (arXiv 2511.04520) and its authors' code. Frames are decoded by PyAV and landmarks are of
MediaPipe's FaceLandmarker, where the authors decode with OpenCV and use MediaPipe's older FaceMesh. Frames
without a face (NaN) do not count; a measure that cannot be taken is NaN.
"""

from itertools import combinations
from typing import Any

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from lit_emotalk.face.alignment import align
from lit_emotalk.face.basis import LinearFace
from lit_emotalk.face.regions import LEFT_BROW, LEFT_EYE, LIPS, OUTER_EYE_CORNERS, RIGHT_BROW, RIGHT_EYE, box
from lit_emotalk.metrics.base import ClipMean, Protocol
from lit_emotalk.metrics.speech import rms_loudness, runs, speech_frames
from lit_emotalk.schema import FPS

STANDARD_SIZE = 256
UPPER_LIP: tuple[int, ...] = (191, 80, 81, 82, 13, 312, 311, 310)
LOWER_LIP: tuple[int, ...] = (95, 88, 178, 87, 14, 317, 402, 318)
"""Points of the inner lips; those at the same place face each other."""
EYES_ACROSS: tuple[tuple[int, int], tuple[int, int]] = ((33, 133), (362, 263))
SILENCE_SECONDS = 0.3
LEAST_SPEECH = 0.1
FEWEST = 2
"""Frames with a face that a measure of change needs; the head's needs one more."""

BACKBONE = "MediaPipe FaceLandmarker"


def lip_dynamics(landmarks: Tensor, size: tuple[int, int]) -> Tensor:
    """How much the lips' shape varies: landmarks (T, 478, 2 or 3) in pixels of frames of `size` (height,
    width) -> a scalar in pixels of frames scaled to 256x256.

    The standard deviation over time of each distance between two of the 40 lip points, averaged over the 780
    pairs.
    """
    scale = torch.tensor([STANDARD_SIZE / size[1], STANDARD_SIZE / size[0]], dtype=torch.float64)
    lips = _seen(landmarks)[:, list(LIPS)] * scale
    if len(lips) < FEWEST:
        return lips.new_tensor(torch.nan)
    first, second = (list(points) for points in zip(*combinations(range(len(LIPS)), 2), strict=True))
    return (lips[:, first] - lips[:, second]).norm(dim=-1).std(0, correction=0).mean()


def eyebrow_dynamics(landmarks: Tensor) -> Tensor:
    """How much the brows move: landmarks (T, 478, 2 or 3) in pixels -> a scalar, in distances of the eyes.

    On each side the distance of the brow's mean point from the eye's, over the distance of the two eyes; the
    mean absolute change between neighbouring frames, both sides pooled.
    """
    points = torch.as_tensor(landmarks)[..., :2].double()
    right, left = (points[:, list(eye)].mean(1) for eye in (RIGHT_EYE, LEFT_EYE))
    brows = ((RIGHT_BROW, right), (LEFT_BROW, left))
    heights = torch.stack([(points[:, list(brow)].mean(1) - eye).norm(dim=-1) for brow, eye in brows])
    return (heights / (right - left).norm(dim=-1)).diff(dim=-1).abs().nanmean()


def silent_lip_stability(landmarks: Tensor, samples: np.ndarray | Tensor, fps: float = FPS) -> Tensor:
    """How much the lips move where nobody speaks: landmarks (T, 478, 2 or 3) in pixels, sound (N,) at 16 kHz
    -> a scalar, in inter-ocular distances.

    In stretches without speech (`speech_frames`) of at least 300 ms: the mean vertical distance of eight
    pairs of inner lip points over the distance of the outer eye corners; the median absolute deviation from
    its mean. NaN with fewer than two such frames.
    """
    points = torch.as_tensor(landmarks)[..., :2].double()
    gap = (points[:, list(UPPER_LIP), 1] - points[:, list(LOWER_LIP), 1]).abs().mean(-1)
    right, left = (points[:, corner] for corner in OUTER_EYE_CORNERS)
    opening = (gap / (left - right).norm(dim=-1))[silent_frames(samples, len(points), fps)]
    opening = opening[opening.isfinite()]
    if len(opening) < FEWEST:
        return opening.new_tensor(torch.nan)
    return (opening - opening.mean()).abs().quantile(0.5)


def silent_frames(samples: np.ndarray | Tensor, frames: int, fps: float = FPS) -> Tensor:
    """The frames of stretches of at least 300 ms without speech: sound (N,) at 16 kHz -> (frames,) bool."""
    silent = np.zeros(frames, bool)
    for first, end in runs(~speech_frames(samples, frames, fps).numpy()):
        silent[first:end] = end - first >= SILENCE_SECONDS * fps
    return torch.from_numpy(silent)


def lip_sync(landmarks: Tensor, samples: np.ndarray | Tensor, fps: float = FPS) -> Tensor:
    """How far the opening of the lips is from the loudness: landmarks (T, 478, 2 or 3) in pixels, sound (N,)
    at 16 kHz -> a scalar in [0, 1].

    Over the frames with speech, opening (mean height of the upper less that of the lower ring, over the
    eyes' distance across the picture) and loudness (`rms_loudness`) are each scaled to 0..1; the mean
    absolute difference. NaN where less than a tenth of the clip is speech, or a face is seen in fewer than
    two such frames.
    """
    opening, (right, left) = lip_opening(landmarks)
    opening = opening / (left - right).abs()
    spoken = speech_frames(samples, len(opening), fps)
    used = spoken & opening.isfinite()
    if len(spoken) == 0 or spoken.double().mean() < LEAST_SPEECH or used.sum() < FEWEST:
        return opening.new_tensor(torch.nan)
    loudness = rms_loudness(samples, len(opening), fps)
    return (_unit(opening[used]) - _unit(loudness[used])).abs().mean()


def lip_opening(landmarks: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """THEval's opening of the lips (T,) in pixels and where the right and the left eye lie across the picture
    (T,): landmarks (T, 478, 2 or 3) in pixels."""
    points = torch.as_tensor(landmarks)[..., :2].double()
    upper, lower = (points[:, list(ring), 1].mean(-1) for ring in (UPPER_LIP, LOWER_LIP))
    right, left = (points[:, list(eye), 0].mean(-1) for eye in EYES_ACROSS)
    return (upper - lower).abs(), (right, left)


def head_motion_dynamics(angles: Tensor, places: Tensor) -> Tensor:
    """How lively the head moves: angles (T, 3) in degrees, places (T, 2) in pixels, NaN without a face -> a
    scalar.

    sqrt(mean of the angles' standard deviations x mean of the variances of their changes from frame to frame
    + mean of the variances of the place in x and y). NaN with fewer than three frames.
    """
    angles, places = torch.as_tensor(angles).double(), torch.as_tensor(places).double()
    changes = angles.diff(dim=0)
    changes = changes[changes.isfinite().all(-1)]
    seen = angles.isfinite().all(-1)
    if len(changes) < FEWEST:
        return angles.new_tensor(torch.nan)
    spread = angles[seen].std(0, correction=0).mean()
    wander = places[seen].var(0, correction=0).mean()
    return (spread * changes.var(0, correction=0).mean() + wander).sqrt()


def head_track(landmarks: Tensor, size: tuple[int, int], face: LinearFace) -> tuple[Tensor, Tensor]:
    """The head's way by our pose, for `head_motion_dynamics`: landmarks (T, 478, 3) in pixels of frames of
    `size` (height, width) -> pitch, yaw and roll (T, 3) in degrees, and the middle of the face's box (T, 2)
    in pixels of frames scaled to 256x256; NaN without a face.

    The authors read both by FaceXFormer and RetinaFace; ours are MediaPipe's mesh aligned to the linear face.
    """
    points = np.asarray(landmarks, np.float64)
    seen = np.isfinite(points[:, 0, 0])
    angles, places = np.full((len(points), 3), np.nan), np.full((len(points), 2), np.nan)
    if seen.any():
        placed = align(points[seen], face.mean.double().numpy(), face.stable.double().numpy())
        angles[seen] = Rotation.from_matrix(placed.rotation).as_euler("XYZ", degrees=True)
        corners = box(points[seen])
        places[seen] = (corners[:, :2] + corners[:, 2:]) / 2 * STANDARD_SIZE / np.array([size[1], size[0]])
    return torch.from_numpy(angles), torch.from_numpy(places)


def _seen(landmarks: Tensor) -> Tensor:
    """Landmarks (T, 478, 2 or 3) -> x and y of the frames with a face, (F, 478, 2) float64."""
    points = torch.as_tensor(landmarks)[..., :2].double()
    return points[points.isfinite().all(-1).all(-1)]


def _unit(values: Tensor) -> Tensor:
    """Values (N,) scaled to 0..1; zeros where they do not vary."""
    return (values - values.min()) / (values.max() - values.min()).clamp(min=1e-8)


class LipDynamics(ClipMean):
    """`lip_dynamics`, averaged over clips. update(landmarks, size)."""

    PROTOCOL = Protocol(
        "Lip dyn.", "truth", "px at 256", BACKBONE,
        "THEval's lip dynamics: standard deviation over time of the distances of 40 lip points, mean over "
        "pairs",
    )  # fmt: skip

    def score(self, *inputs: Any) -> Tensor:
        """The clip's value (1,)."""
        return lip_dynamics(*inputs)[None]


class EyebrowDynamics(ClipMean):
    """`eyebrow_dynamics`, averaged over clips. update(landmarks)."""

    PROTOCOL = Protocol(
        "Brow dyn.", "truth", "eye distances", BACKBONE,
        "THEval's eyebrow dynamics: mean change from frame to frame of the brows' height over the eyes",
    )  # fmt: skip

    def score(self, *inputs: Any) -> Tensor:
        """The clip's value (1,)."""
        return eyebrow_dynamics(*inputs)[None]


class SilentLipStability(ClipMean):
    """`silent_lip_stability`, averaged over clips. update(landmarks, samples)."""

    PROTOCOL = Protocol(
        "Silent lips", "truth", "inter-ocular distances", BACKBONE,
        "THEval's silent lip stability: median absolute deviation of the lips' opening in silence of 300 ms "
        "and more; speech is found by loudness, the authors use Silero's detector",
    )  # fmt: skip

    def score(self, *inputs: Any) -> Tensor:
        """The clip's value (1,)."""
        return silent_lip_stability(*inputs)[None]


class LipSync(ClipMean):
    """`lip_sync`, averaged over clips. update(landmarks, samples)."""

    PROTOCOL = Protocol(
        "Lip sync", "truth", "", BACKBONE,
        "THEval's lip-sync: mean absolute difference of the lips' opening and the loudness, each scaled to "
        "0..1 over the frames with speech; speech is found by loudness, the authors use Silero's detector",
    )  # fmt: skip

    def score(self, *inputs: Any) -> Tensor:
        """The clip's value (1,)."""
        return lip_sync(*inputs)[None]


class HeadMotionDynamics(ClipMean):
    """`head_motion_dynamics`, averaged over clips. update(angles, places), see `head_track`."""

    PROTOCOL = Protocol(
        "Head dyn.", "truth", "", "our pose: MediaPipe's mesh aligned to the linear face",
        "THEval's head motion dynamics, of degrees and of pixels at 256; the authors use FaceXFormer",
    )  # fmt: skip

    def score(self, *inputs: Any) -> Tensor:
        """The clip's value (1,)."""
        return head_motion_dynamics(*inputs)[None]
