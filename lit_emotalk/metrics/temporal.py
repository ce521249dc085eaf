"""Temporal consistency: warping error, tOF and tLPIPS. Optical flow is Farneback's, as in OpenCV."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lit_emotalk.metrics.base import ClipMean, Protocol
from lit_emotalk.metrics.lpips import lpips_distance

FARNEBACK = (0.5, 3, 15, 3, 5, 1.2, 0)
"""Pyramid scale, levels, window, iterations, polynomial's neighbourhood and sigma, flags."""
OCCLUSION_SHARE = 0.01
OCCLUSION_FLOOR = 0.5
STANDARD_SIZE = 256


def optical_flow(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Farneback's flow of grey pictures (H, W) uint8 -> (H, W, 2) float32 pixels: first(x) is found at
    second(x + flow)."""
    import cv2

    empty = np.zeros((*first.shape, 2), np.float32)
    return np.asarray(cv2.calcOpticalFlowFarneback(first, second, empty, *FARNEBACK), np.float32)


def grey(frames: np.ndarray) -> np.ndarray:
    """Luma (BT.601) of RGB frames (T, H, W, 3) uint8 -> (T, H, W) uint8."""
    return (frames.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)).round().astype(np.uint8)


def warping_error(frames: np.ndarray, pairs: np.ndarray | None = None) -> np.ndarray:
    """Warping error of consecutive frames: (T, H, W, 3) uint8 -> (P,), 1000 times the mean squared
    difference of [0, 1].

    Frame t + 1 is warped onto frame t by the flow from t to t + 1; pixels whose forward and backward flows
    disagree (occlusions), or that leave the picture, do not count. `pairs` lists the t that are looked at
    (None: all). Source: Lai et al., "Learning blind video temporal consistency", 2018, with Farneback's flow.
    """
    shades = grey(frames)
    chosen = np.arange(len(frames) - 1) if pairs is None else pairs
    return np.array([_pair_error(frames[t], frames[t + 1], shades[t], shades[t + 1]) for t in chosen])


def _pair_error(
    first: np.ndarray, second: np.ndarray, grey_first: np.ndarray, grey_second: np.ndarray
) -> float:
    forward = optical_flow(grey_first, grey_second)
    backward = optical_flow(grey_second, grey_first)
    warped_back, inside = _sample(backward, forward)
    gap = np.square(forward + warped_back).sum(-1)
    size = np.square(forward).sum(-1) + np.square(warped_back).sum(-1)
    seen = inside & (gap < OCCLUSION_SHARE * size + OCCLUSION_FLOOR)
    warped, _ = _sample(second.astype(np.float32) / 255, forward)
    error = np.square(warped - first.astype(np.float32) / 255).mean(-1)
    return float(1000 * error[seen].mean()) if seen.any() else float("nan")


def _sample(picture: np.ndarray, flow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`picture` (H, W, C) looked up at x + flow, and where that lies inside."""
    import cv2

    height, width = flow.shape[:2]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), inside


def flow_difference(
    generated: np.ndarray, reference: np.ndarray, pairs: np.ndarray | None = None
) -> np.ndarray:
    """tOF: mean L2 distance of the flows of the generated and the true video: (T, H, W, 3) uint8 twice ->
    (P,).

    In pixels at 256 (scaled by the frames' larger side). `pairs` lists the t of the pairs (t, t + 1) that
    are looked at (None: all). Source: Chu et al., "Learning temporal coherence via self-supervision"
    (TecoGAN), 2020.
    """
    first, second = grey(generated), grey(reference)
    chosen = np.arange(len(first) - 1) if pairs is None else pairs
    scale = STANDARD_SIZE / max(first.shape[1:])
    differences = [
        np.linalg.norm(
            optical_flow(first[t], first[t + 1]) - optical_flow(second[t], second[t + 1]), axis=-1
        ).mean()
        for t in chosen
    ]
    return scale * np.array(differences)


def tlpips(network: nn.Module, generated: Tensor, reference: Tensor) -> Tensor:
    """tLPIPS: |LPIPS(ref t, ref t + 1) - LPIPS(gen t, gen t + 1)|: (T, 3, H, W) in [0, 255] twice -> (T -
    1,). Source: Chu et al. (TecoGAN), 2020."""
    own = lpips_distance(network, generated[:-1], generated[1:])
    return (lpips_distance(network, reference[:-1], reference[1:]) - own).abs()


class WarpingError(ClipMean):
    """`warping_error` averaged over pairs, then clips. update(frames (T, H, W, 3) uint8 array)."""

    PROTOCOL = Protocol(
        "E-warp", "lower", "x1e-3", "Farneback flow (0.5, 3, 15, 3, 5, 1.2)",
        "mean squared difference of [0, 1] after warping the next frame back, occlusions left out",
    )  # fmt: skip

    def score(self, *inputs: Any) -> Tensor:
        """(pairs,) errors."""
        return torch.from_numpy(warping_error(*inputs))


class TOF(ClipMean):
    """`flow_difference` averaged over pairs, then clips. update(generated, reference), (T, H, W, 3) uint8
    arrays."""

    PROTOCOL = Protocol(
        "tOF", "lower", "px at 256", "Farneback flow (0.5, 3, 15, 3, 5, 1.2)",
        "mean L2 distance of the flows of the generated and the true video",
    )  # fmt: skip

    def score(self, *inputs: Any) -> Tensor:
        """(pairs,) differences."""
        return torch.from_numpy(flow_difference(*inputs))


class TLPIPS(ClipMean):
    """`tlpips` averaged over pairs, then clips. update(generated, reference), see `tlpips`."""

    PROTOCOL = Protocol(
        "tLPIPS", "lower", "x1e-3", "lpips 0.1, AlexNet (torchvision)",
        "absolute difference of the LPIPS between neighbouring frames of the true and of the generated video",
    )  # fmt: skip

    def __init__(self, network: nn.Module, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.network = network

    def score(self, *inputs: Any) -> Tensor:
        """(pairs,) differences, times 1000."""
        return 1000 * tlpips(self.network, *inputs)
