"""Expression weights and head pose from MediaPipe's landmarks, by a small network trained on rendered heads.

`python -m data_prep.train_tracker` makes the weights that ship beside this file.
"""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.face.alignment import Alignment, align, rotation_vectors
from lit_emotalk.face.basis import BASIS_FILE, LinearFace
from lit_emotalk.face.regions import LANDMARKS

TRACKER_FILE = Path(__file__).with_name("tracker.safetensors")
REST_PASSES = 8
REST_STEP = 0.4
REST_QUANTILE = 0.3
"""A unit rests in at least this share of a speaker's frames ..."""
REST_LASTING = 0.3
"""... unless even its weakest third reads more than this without a resting shape: then it lasts."""
REST_GAIN = 0.72
"""Readings on a resting shape, times this, have the size of acted speech, which is weaker than the training
set's independently drawn units (fitted on the embedded corpus: slope of truth on reading 0.69 without)."""


class UnitNetwork(nn.Module):
    """Aligned landmarks to expression weights: a perceptron with a linear bypass (our choice).

    Inputs of a frame: the aligned landmarks less the mean face (478 * 3), less the speaker's resting shape
    (478 * 3, zero where it is unknown), whether it is known (1), and the head's rotation vector (3).
    """

    offset: Tensor
    gain: Tensor

    def __init__(self, hidden: int = 256) -> None:
        super().__init__()
        inputs = 2 * LANDMARKS * 3 + 4
        self.register_buffer("offset", torch.zeros(inputs))
        self.register_buffer("gain", torch.ones(inputs))
        self.first = nn.Linear(inputs, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, ARKIT.expression_size)

    def forward(self, from_mean: Tensor, from_rest: Tensor, known: Tensor, rotation: Tensor) -> Tensor:
        """(B, 1434), (B, 1434), (B, 1), (B, 3) -> weights (B, 51), not clipped."""
        inputs = (torch.cat([from_mean, from_rest, known, rotation], -1) - self.offset) * self.gain
        hidden = torch.relu(self.first(inputs))
        return self.last(hidden + torch.relu(self.second(hidden)))


class Tracker:
    """Reads expression and pose from landmarks (T, 478, 3), one unit on all three axes.

    `face` gives the reference of the alignment and the unit shapes; `network` the weights.
    """

    def __init__(self, face: LinearFace, network: UnitNetwork) -> None:
        self.network = network.eval()
        self._mean = face.mean.double().numpy()
        self._basis = face.basis.double().numpy()
        self._stable = face.stable.double().numpy()

    @classmethod
    def load(cls, tracker_file: Path = TRACKER_FILE, basis_file: Path = BASIS_FILE) -> "Tracker":
        """The tracker that ships with the package (or the one in the given files)."""
        state = {name: tensor.float() for name, tensor in load_file(tracker_file).items()}
        network = UnitNetwork(hidden=len(state["first.bias"]))
        network.load_state_dict(state)
        return cls(LinearFace.load(basis_file), network)

    def align(self, landmarks: np.ndarray, rest: np.ndarray | None = None) -> Alignment:
        """Landmarks (T, 478, 3) without head pose, on the mean face or on the speaker's own resting shape."""
        return align(landmarks, self._mean if rest is None else rest, self._stable)

    def rest(self, landmarks: np.ndarray) -> np.ndarray:
        """The resting shape (478, 3) of one speaker, in inter-ocular distances, from frames (T, 478, 3).

        First the median over the frames of each frame less its expression by the linear face; then the shape
        moves until, in `REST_QUANTILE` of the frames, every unit reads zero, but for those that last
        throughout (our choice).
        """
        alone = self._read(landmarks, None)
        aligned = self.align(landmarks).aligned
        weights = alone.clip(ARKIT.low, ARKIT.high).astype(np.float64)
        rest = np.median(aligned - np.einsum("tk,kpd->tpd", weights, self._basis), axis=0)
        weakest = np.quantile(alone, REST_QUANTILE, axis=0)
        lasting = np.where(weakest > REST_LASTING, weakest, 0.0)
        for _ in range(REST_PASSES):
            level = np.quantile(self._read(landmarks, rest), REST_QUANTILE, axis=0) - lasting
            rest = rest + REST_STEP * np.einsum("k,kpd->pd", level, self._basis)
        return rest.astype(np.float32)

    def expression(self, landmarks: np.ndarray, rest: np.ndarray | None = None) -> np.ndarray:
        """Expression weights (T, 51) float32 in [0, 1] of frames (T, 478, 3), better where the resting shape
        is given."""
        return self._read(landmarks, rest).clip(ARKIT.low, ARKIT.high)

    def _read(self, landmarks: np.ndarray, rest: np.ndarray | None) -> np.ndarray:
        """Weights (T, 51) float32, not clipped."""
        placed = self.align(landmarks, rest)
        with torch.inference_mode():
            weights = self.network(*unit_inputs(placed, self._mean, rest)).numpy()
        return weights if rest is None else REST_GAIN * weights

    def pose(self, landmarks: np.ndarray) -> np.ndarray:
        """Pose (T, 6) float32 of landmarks (T, 478, 3) in crop units (see `coefficients`): rotation vector,
        translation, log scale."""
        placed = self.align(landmarks)
        half = 0.5
        translation = (placed.centre[:, :2] - half) / half
        scale = np.log(placed.scale / half)
        return np.concatenate(
            [rotation_vectors(placed.rotation), translation, scale[:, None]], -1, dtype=np.float32
        )

    def coefficients(self, landmarks: np.ndarray, rest: np.ndarray | None = None) -> np.ndarray:
        """Expression and pose (T, 57) float32 of landmarks (T, 478, 3) in crop units: the `arkit` layout."""
        return np.concatenate([self.expression(landmarks, rest), self.pose(landmarks)], -1)


def unit_inputs(
    placed: Alignment, mean: np.ndarray, rest: np.ndarray | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What `UnitNetwork` sees of aligned landmarks: from_mean, from_rest (T, 1434), known (T, 1), rotation
    (T, 3), float32."""
    frames = len(placed.aligned)
    from_mean = torch.from_numpy((placed.aligned - mean).reshape(frames, -1)).float()
    if rest is None:
        from_rest, known = torch.zeros_like(from_mean), torch.zeros(frames, 1)
    else:
        from_rest = torch.from_numpy((placed.aligned - rest).reshape(frames, -1)).float()
        known = torch.ones(frames, 1)
    return from_mean, from_rest, known, torch.from_numpy(rotation_vectors(placed.rotation)).float()
