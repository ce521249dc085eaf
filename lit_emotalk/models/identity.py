"""Identity embeddings of faces, by networks that others trained: dlib's ResNet, or ArcFace where its weights
are.

Both are handed the landmarks of MediaPipe's mesh, so that one landmarker finds the faces for every metric.
"""

import importlib.util
from typing import Any, Literal, Protocol

import numpy as np
import torch

from lit_emotalk.errors import UserError, install_extra
from lit_emotalk.face.regions import LEFT_EYE, MOUTH_CORNERS, RIGHT_EYE, box
from lit_emotalk.models.dlib_resnet import CHIP, load_face_resnet
from lit_emotalk.weights import fetch as weights

Backbone = Literal["auto", "dlib", "arcface"]

DLIB_SIDE = 0.84
"""Side of dlib's detection box per larger side of the mesh's box; both end at the chin (measured on real
clips: the cosine of the embeddings with this box and with dlib's own detection is 0.999)."""

CHIP_PADDING = 0.25
BATCH = 16
NOSE_TIP = 4
ARCFACE_SIDE = 112
ARCFACE_TEMPLATE = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)
"""Where ArcFace wants the eyes, the nose's tip and the mouth's corners (left to right in the picture), in
pixels."""


class Identity(Protocol):
    """An identity network: `name` for table notes and `embed`."""

    name: str

    def embed(self, frames: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """(K, H, W, 3) uint8 RGB and each face's landmarks (K, 478, 3) in pixels -> (K, D) float32; K >=
        1."""
        ...


class DlibIdentity:
    """dlib's face recognition ResNet v1 (128 numbers) on its own 5-point aligner; both are CC0.

    The aligner is dlib's, the network is read into PyTorch (`dlib_resnet`). Raises UserError where dlib or
    its weights are not installed.
    """

    name = "dlib ResNet v1, 5-point aligner"

    def __init__(self, device: str = "cpu") -> None:
        if not _has("dlib"):
            raise UserError(f"CSIM's dlib backbone needs dlib; {install_extra('identity')}")
        import dlib

        self._dlib: Any = dlib
        self._aligner = dlib.shape_predictor(str(weights.path("dlib_5_landmarks")))
        self._network = load_face_resnet(weights.path("dlib_face_recognition")).to(device)
        self._device = device

    def embed(self, frames: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """(K, H, W, 3) uint8 RGB and each face's landmarks (K, 478, 3) in pixels -> (K, 128) float32; K >=
        1."""
        chips = np.stack([self.chip(frame, points) for frame, points in zip(frames, landmarks, strict=True)])
        with torch.inference_mode():
            pictures = torch.from_numpy(chips).permute(0, 3, 1, 2).to(self._device)
            return torch.cat([self._network(part) for part in pictures.split(BATCH)]).cpu().numpy()

    def chip(self, frame: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """The aligned face (150, 150, 3) uint8 of a frame (H, W, 3), landmarks (478, 3) in pixels."""
        x0, y0, x1, y1 = box(landmarks).tolist()
        half = DLIB_SIDE * max(x1 - x0, y1 - y0) / 2
        centre = (x0 + x1) / 2
        area = self._dlib.rectangle(int(centre - half), int(y1 - 2 * half), int(centre + half), int(y1))
        frame = np.ascontiguousarray(frame)
        return np.asarray(self._dlib.get_face_chip(frame, self._aligner(frame, area), CHIP, CHIP_PADDING))


class ArcFaceIdentity:
    """InsightFace's w600k_r50 (512 numbers), non-commercial research only, on a five-point similarity
    transform.

    Raises UserError where onnxruntime or the weights are absent.
    """

    name = "ArcFace w600k_r50, 5-point similarity to 112x112"

    def __init__(self, device: str = "cpu") -> None:
        if not _has("onnxruntime"):
            raise UserError("CSIM's ArcFace backbone needs onnxruntime: run 'pip install onnxruntime'")
        import onnxruntime

        path = str(weights.path("arcface_r50"))
        first = ["CUDAExecutionProvider"] if device != "cpu" else []
        self._session: Any = onnxruntime.InferenceSession(path, providers=[*first, "CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def embed(self, frames: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """(K, H, W, 3) uint8 RGB and each face's landmarks (K, 478, 3) in pixels -> (K, 512) float32; K >=
        1."""
        pictures = [arcface_picture(frame, points) for frame, points in zip(frames, landmarks, strict=True)]
        batch = (np.stack(pictures).astype(np.float32) - 127.5) / 127.5
        return self._session.run(None, {self._input: batch.transpose(0, 3, 1, 2)})[0]


def arcface_picture(frame: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The face of `frame` (H, W, 3) uint8, landmarks (478, 3) in pixels, on ArcFace's template: (112, 112,
    3) uint8."""
    import cv2

    eyes = [landmarks[list(eye), :2].mean(0) for eye in (RIGHT_EYE, LEFT_EYE)]
    points = np.array([*eyes, landmarks[NOSE_TIP, :2], *landmarks[list(MOUTH_CORNERS), :2]], np.float64)
    matrix = similarity(points, ARCFACE_TEMPLATE)
    return cv2.warpAffine(frame, matrix, (ARCFACE_SIDE, ARCFACE_SIDE), flags=cv2.INTER_LINEAR)


def similarity(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The rotation, scale and shift (2, 3) that bring (N, 2) points nearest to `target` (N, 2) in least
    squares."""
    middle, goal = points.mean(0), target.mean(0)
    a, b = points - middle, target - goal
    size = np.square(a).sum()
    along = (a * b).sum() / size
    across = (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum() / size
    turn = np.array([[along, -across], [across, along]])
    return np.concatenate([turn, (goal - turn @ middle)[:, None]], 1)


def chosen_backbone(backbone: Backbone = "auto") -> type[ArcFaceIdentity] | type[DlibIdentity]:
    """The class that `backbone` means here: `auto` is ArcFace where its weights are, else dlib's."""
    if backbone == "arcface" or (
        backbone == "auto" and weights.available("arcface_r50") and _has("onnxruntime")
    ):
        return ArcFaceIdentity
    return DlibIdentity


def load_identity(backbone: Backbone = "auto", device: str = "cpu") -> Identity:
    """The identity network of CSIM on `device`; raises UserError where it is not here."""
    return chosen_backbone(backbone)(device)


def identity_name(backbone: Backbone = "auto") -> str:
    """What a table's footnote calls the identity network."""
    return chosen_backbone(backbone).name


def _has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
