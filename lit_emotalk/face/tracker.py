"""Expression weights and head pose from MediaPipe's landmarks and the face's looks.

The networks are small and trained on rendered heads.

`python -m data_prep.train_tracker` makes the weights that ship beside this file.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.face.alignment import Alignment, align, rotation_vectors
from lit_emotalk.face.basis import BASIS_FILE, LinearFace
from lit_emotalk.face.look import LOOK_SIZE, LookNetwork, cut_faces
from lit_emotalk.face.refine import Refinement
from lit_emotalk.face.regions import LANDMARKS, MOUTH_OPENING
from lit_emotalk.io.files import atomic_path

TRACKER_FILE = Path(__file__).with_name("tracker.safetensors")
REST_PASSES = 8
REST_STEP = 0.4
REST_QUANTILE = 0.3
"""A unit rests in at least this share of a speaker's frames ..."""
REST_LASTING = 0.3
"""... unless even its weakest third reads more than this without a rest: then it may last."""
JAW = ARKIT.names.index("jawOpen")
JAW_TRUST = 0.6
"""How far the jaw follows the distance of the lips (fitted on the embedded corpus; see `Tracker._open`)."""


@dataclass(frozen=True, eq=False)
class Rest:
    """A speaker at rest.

    shape: (478, 3) float32 in inter-ocular distances. look: (64,) float32 code of their face (see `look`),
    None where no pictures were at hand.
    """

    shape: np.ndarray
    look: np.ndarray | None = None

    def save(self, file: Path) -> None:
        """Write it as npz."""
        with atomic_path(file) as temporary:
            if self.look is None:
                np.savez(temporary, shape=self.shape)
            else:
                np.savez(temporary, shape=self.shape, look=self.look)

    @classmethod
    def load(cls, file: Path) -> "Rest":
        """Read what `save` wrote."""
        with np.load(file) as stored:
            return cls(stored["shape"], stored.get("look"))


class UnitNetwork(nn.Module):
    """Aligned landmarks and the face's code to expression weights: a perceptron with a linear bypass.

    Our choice. Landmarks are projected first, (1434, K). Both come less the speaker's rest where it is known,
    and without it landmarks less the mean face; each of the two cases has its own inputs.

    The buffer basis (51, 478, 3) is what one unit at weight 1 truly adds to the landmarks, as rendered; the
    linear face's is what a weight that was read off a picture stands for.
    """

    projection: Tensor
    basis: Tensor

    def __init__(self, components: int, hidden: int) -> None:
        super().__init__()
        self.register_buffer("projection", torch.zeros(LANDMARKS * 3, components))
        self.register_buffer("basis", torch.zeros(ARKIT.expression_size, LANDMARKS, 3))
        self.first = nn.Linear(2 * (components + LOOK_SIZE) + 5, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, ARKIT.expression_size)

    def forward(self, moved: Tensor, look: Tensor, known: Tensor, seen: Tensor, rotation: Tensor) -> Tensor:
        """Movement (B, 1434), code (B, 64), whether the rest is known and the picture seen (B, 1), rotation
        vector (B, 3) -> weights (B, 51), not clipped."""
        return self.read(moved @ self.projection, look, known, seen, rotation)

    def read(self, moved: Tensor, look: Tensor, known: Tensor, seen: Tensor, rotation: Tensor) -> Tensor:
        """The same of projected movement (B, K)."""
        look, unknown = look * seen, 1 - known
        inputs = [moved * unknown, moved * known, look * unknown, look * known, known, seen, rotation]
        hidden = torch.relu(self.first(torch.cat(inputs, -1)))
        return self.last(hidden + torch.relu(self.second(hidden)))


class Tracker:
    """Reads expression and pose from landmarks (T, 478, 3), one unit on all three axes, and, where there are
    pictures, from the face's looks.

    `face` gives the reference of the alignment; `network` the weights and the unit shapes; `eye` the codes of
    faces.
    """

    def __init__(self, face: LinearFace, network: UnitNetwork, eye: LookNetwork) -> None:
        self.face = face
        self.network = network.eval()
        self.eye = eye.eval()
        self._mean = face.mean.double().numpy()
        self._basis = network.basis.double().numpy()
        self._stable = face.stable.double().numpy()
        self._look_basis = eye.basis.double().numpy()
        self._refine = Refinement(face)

    @classmethod
    def load(cls, tracker_file: Path = TRACKER_FILE, basis_file: Path = BASIS_FILE) -> "Tracker":
        """The tracker that ships with the package (or the one in the given files)."""
        state = {name: tensor.float() for name, tensor in load_file(tracker_file).items()}
        units, look = (
            {name.removeprefix(part): tensor for name, tensor in state.items() if name.startswith(part)}
            for part in ("units.", "look.")
        )
        network = UnitNetwork(units["projection"].shape[1], len(units["first.bias"]))
        network.load_state_dict(units)
        eye = LookNetwork()
        eye.load_state_dict(look)
        return cls(LinearFace.load(basis_file), network, eye)

    def save(self, tracker_file: Path, basis_file: Path) -> None:
        """Write the networks and the linear face, at half precision."""
        modules = {"units": self.network, "look": self.eye}
        state = {
            f"{part}.{name}": tensor
            for part, module in modules.items()
            for name, tensor in module.state_dict().items()
        }
        for file, tensors in ((tracker_file, state), (basis_file, dict(self.face.named_buffers()))):
            with atomic_path(file) as temporary:
                save_file({name: tensor.half().contiguous() for name, tensor in tensors.items()}, temporary)

    def faces(self, frames: Iterable[np.ndarray], landmarks: np.ndarray) -> np.ndarray:
        """What the tracker looks at: upright grey faces (T, 96, 96) uint8 of T frames, each (H, W, 3) uint8
        RGB, with landmarks (T, 478, 3) in pixels."""
        return cut_faces(frames, self.align(landmarks))

    def align(self, landmarks: np.ndarray) -> Alignment:
        """Landmarks (T, 478, 3) without head pose, on the mean face."""
        return align(landmarks, self._mean, self._stable)

    def rest(
        self, landmarks: np.ndarray, faces: np.ndarray | None = None, lasting: float = REST_LASTING
    ) -> Rest:
        """One speaker at rest, from frames (T, 478, 3) and their `faces` (T, 96, 96).

        `lasting`: how much a unit must read in all the frames, without a rest, to count as an expression that
        lasts through them; infinity where some are neutral, so that brows which sit high are not taken for
        raised ones; 0 where all show the same expression.

        First the median over the frames of each frame less its expression by the unit shapes; then the rest
        moves until, in `REST_QUANTILE` of the frames, every unit reads zero, but for those that last
        throughout (our choice).
        """
        look = None if faces is None else self.eye.codes(faces)
        placed = self._place(landmarks, None)
        alone = self._read(placed, None, look)
        weights = alone.clip(ARKIT.low, ARKIT.high).astype(np.float64)
        shape = np.median(placed.aligned - np.einsum("tk,kpd->tpd", weights, self._basis), axis=0)
        code = None if look is None else np.median(look - weights @ self._look_basis, axis=0)
        weakest = np.quantile(alone, REST_QUANTILE, axis=0)
        kept = np.where(weakest > lasting, weakest, 0.0)
        for _ in range(REST_PASSES):
            rest = Rest(shape, code)
            read = self._read(self._place(landmarks, rest), rest, look)
            level = np.quantile(read, REST_QUANTILE, axis=0) - kept
            shape = shape + REST_STEP * np.einsum("k,kpd->pd", level, self._basis)
            code = None if code is None else code + REST_STEP * level @ self._look_basis
        return Rest(shape.astype(np.float32), None if code is None else code.astype(np.float32))

    def expression(
        self,
        landmarks: np.ndarray,
        rest: Rest | None = None,
        faces: np.ndarray | None = None,
        look: np.ndarray | None = None,
    ) -> np.ndarray:
        """Expression weights (T, 51) float32 in [0, 1] of frames (T, 478, 3), better where the speaker's rest
        and the `faces` (T, 96, 96), or their codes `look` (T, 64), are given. A rest without a look leaves
        the faces out.

        With a rest the networks' reading is brought onto the landmarks (see `Refinement`), so that the linear
        face, which is driven by it, moves as the speaker did. Without one nobody knows what moved: only the
        jaw follows the lips.
        """
        if faces is not None:
            look = self.eye.codes(faces)
        placed = self._place(landmarks, rest)
        reading = self._read(placed, rest, look)
        if rest is not None:
            return self._refine(placed.aligned - rest.shape, reading)
        return self._open(reading.clip(ARKIT.low, ARKIT.high), placed)

    def reading(self, landmarks: np.ndarray, rest: Rest, faces: np.ndarray) -> np.ndarray:
        """Expression weights (T, 51) float32 in [0, 1] as the networks read them, not brought onto the
        landmarks: what the linear face is fitted to."""
        read = self._read(self._place(landmarks, rest), rest, self.eye.codes(faces))
        return read.clip(ARKIT.low, ARKIT.high)

    def _origin(self, rest: Rest | None) -> np.ndarray:
        """The shape (478, 3) that movement is counted from: the speaker's at rest, or the mean face."""
        return self._mean if rest is None else rest.shape

    def _place(self, landmarks: np.ndarray, rest: Rest | None) -> Alignment:
        """Landmarks (T, 478, 3) without head pose, on the origin."""
        return align(landmarks, self._origin(rest), self._stable)

    def _open(self, weights: np.ndarray, placed: Alignment) -> np.ndarray:
        """The weights with the jaw moved by `JAW_TRUST` of the way to where the unit shapes' lips are as far
        apart as the landmarks': speech is in this one distance, and landmarks show it well."""
        moved = placed.aligned - self._mean
        upper, lower = MOUTH_OPENING
        seen = moved[:, lower, 1] - moved[:, upper, 1]
        opens = self._basis[:, lower, 1] - self._basis[:, upper, 1]
        jaw = weights[:, JAW] + JAW_TRUST * (seen - weights @ opens) / opens[JAW]
        weights[:, JAW] = jaw.clip(ARKIT.low, ARKIT.high)
        return weights

    def _read(self, placed: Alignment, rest: Rest | None, look: np.ndarray | None) -> np.ndarray:
        """Weights (T, 51) float32, not clipped, of frames on their origin."""
        frames = len(placed.aligned)
        at_rest = np.zeros(LOOK_SIZE, np.float32) if rest is None else rest.look
        code = None if look is None or at_rest is None else look - at_rest
        inputs = (
            (placed.aligned - self._origin(rest)).reshape(frames, -1),
            np.zeros((frames, LOOK_SIZE)) if code is None else code,
            np.full((frames, 1), rest is not None),
            np.full((frames, 1), code is not None),
            rotation_vectors(placed.rotation),
        )
        with torch.inference_mode():
            return self.network(*(torch.from_numpy(array.astype(np.float32)) for array in inputs)).numpy()

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

    def coefficients(
        self, landmarks: np.ndarray, rest: Rest | None = None, faces: np.ndarray | None = None
    ) -> np.ndarray:
        """Expression and pose (T, 57) float32 of landmarks (T, 478, 3) in crop units: the `arkit` layout."""
        return np.concatenate([self.expression(landmarks, rest, faces), self.pose(landmarks)], -1)
