"""Fitting the tracker: reference face and alignment weights, unit shapes, and the network."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.face.alignment import align, rotation_matrices, rotation_vectors
from lit_emotalk.face.basis import LinearFace
from lit_emotalk.face.regions import LANDMARKS, MOUTH_CORNERS, OUTER_EYE_CORNERS, STABLE
from lit_emotalk.face.tracker import UnitNetwork
from lit_emotalk.io.progress import track

Head = dict[str, np.ndarray]

REFERENCE_PASSES = 3
RIDGE = 3.0
BATCH = 256
REST_KNOWN, PICTURE_SEEN = 0.7, 0.7
"""How often a training example has the speaker's rest, and how often the face's code."""
REST_ERROR = 0.08
"""Standard deviation, in unit weights, of the expression left in a training example's resting shape."""
JITTER = 0.002
"""Standard deviation of the noise on training landmarks, in inter-ocular distances."""
STRANGE_SHAPE = 0.012
"""Size of the smooth change of shape, beyond the rendered heads', that examples without a rest get: real
people differ from rendered ones. In inter-ocular distances."""
SHAPE_REACH, SHAPES = 0.25, 40
COMPONENTS = 192
SCALE_FLOOR = 0.01
"""Deviation of a component, in inter-ocular distances, under which it is not made louder."""
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.02


@dataclass(frozen=True, eq=False)
class Examples:
    """Frames of many heads on the reference face.

    aligned: (N, 478, 3) on the mean; on_rest: (N, 478, 3) on the head's own rest; rest: (N, 478, 3);
    rotation, rotation_on_rest: (N, 3) of the two alignments; weights: (N, 51) true.
    """

    aligned: np.ndarray
    on_rest: np.ndarray
    rest: np.ndarray
    rotation: np.ndarray
    rotation_on_rest: np.ndarray
    weights: np.ndarray


def fit_reference(heads: list[Head]) -> tuple[np.ndarray, np.ndarray]:
    """Mean resting face (478, 3) and alignment weights (478,) of the heads.

    The mean of the neutral frames, turned to the front by the true head pose; its unit is the inter-ocular
    distance and its origin the centre of outer eye corners and mouth corners. A point's weight is the inverse
    of its variance under expression, within a head, where the alignment was made with the last weights.
    """
    mean = heads[0]["landmarks"][heads[0]["neutral"]].mean(0).astype(np.float64)
    stable = np.zeros(LANDMARKS)
    stable[list(STABLE)] = 1.0
    for _ in range(REFERENCE_PASSES):
        rests = []
        for head in heads:
            neutral = head["neutral"]
            placed = align(head["landmarks"][neutral], mean, stable)
            turn = placed.rotation.transpose(0, 2, 1) @ rotation_matrices(head["rotation"][neutral])
            rests.append((np.median(placed.aligned, axis=0), turn))
        mean = np.mean([rest for rest, _ in rests], 0) @ _mean_rotation(np.concatenate([t for _, t in rests]))
        mean = (mean + mirror_points(mean, mirror_pairs(mean))) / 2
        mean -= mean[[*OUTER_EYE_CORNERS, *MOUTH_CORNERS]].mean(0)
        mean /= np.linalg.norm(mean[OUTER_EYE_CORNERS[0]] - mean[OUTER_EYE_CORNERS[1]])
        variance = np.zeros(LANDMARKS)
        for head in heads:
            aligned = align(head["landmarks"], mean, stable).aligned
            variance += ((aligned - np.median(aligned, axis=0)) ** 2).sum(-1).mean(0) / len(heads)
        variance = (variance + variance[mirror_pairs(mean)]) / 2
        stable = 1 / (variance + np.median(variance))
        stable[variance > np.quantile(variance, 0.4)] = 0.0
        stable /= stable.sum()
    return mean, stable


def _mean_rotation(rotations: np.ndarray) -> np.ndarray:
    left, _, right = np.linalg.svd(rotations.mean(0))
    return left @ np.diag([1, 1, np.sign(np.linalg.det(left @ right))]) @ right


def mirror_pairs(mean: np.ndarray) -> np.ndarray:
    """For each landmark the index (478,) of the one on the face's other side."""
    flipped = mean * np.array([-1.0, 1.0, 1.0])
    flipped = flipped - flipped.mean(0) + mean.mean(0)
    distance = np.linalg.norm(mean[:, None] - flipped[None], axis=-1)
    pairs = linear_sum_assignment(distance**2)[1]
    back = np.empty_like(pairs)
    back[pairs] = np.arange(len(pairs))
    return np.where(pairs == back, pairs, np.argmin(distance, 1))


def mirror_points(points: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Points (..., 478, 3) of a face seen in a mirror."""
    return points[..., pairs, :] * np.array([-1.0, 1.0, 1.0], points.dtype)


def make_examples(heads: list[Head], mean: np.ndarray, stable: np.ndarray) -> Examples:
    """The heads' frames, aligned; a head's rest is the median of its neutral frames."""
    parts: list[tuple[np.ndarray, ...]] = []
    for head in heads:
        placed = align(head["landmarks"], mean, stable)
        rest = np.median(placed.aligned[head["neutral"]], axis=0)
        own = align(head["landmarks"], rest, stable)
        parts.append(
            (
                placed.aligned,
                own.aligned,
                np.broadcast_to(rest, own.aligned.shape),
                rotation_vectors(placed.rotation),
                rotation_vectors(own.rotation),
                head["weights"],
            )
        )
    return Examples(*(np.concatenate(column).astype(np.float32) for column in zip(*parts, strict=True)))


def mirror_examples(examples: Examples, pairs: np.ndarray) -> Examples:
    """The same faces seen in a mirror."""
    turn = np.array([1.0, -1.0, -1.0], np.float32)
    return Examples(
        mirror_points(examples.aligned, pairs),
        mirror_points(examples.on_rest, pairs),
        mirror_points(examples.rest, pairs),
        examples.rotation * turn,
        examples.rotation_on_rest * turn,
        examples.weights[:, ARKIT.mirrored()],
    )


def fit_basis(examples: Examples, pairs: np.ndarray) -> np.ndarray:
    """Unit shapes (51, 478, 3): ridge regression of what moved from the rest on the true weights, both sides
    alike."""
    both = (examples, mirror_examples(examples, pairs))
    weights = np.concatenate([e.weights for e in both]).astype(np.float64)
    moved = np.concatenate([e.on_rest - e.rest for e in both]).reshape(len(weights), -1).astype(np.float64)
    gram = weights.T @ weights + RIDGE * np.eye(weights.shape[1])
    return np.linalg.solve(gram, weights.T @ moved).reshape(-1, LANDMARKS, 3)


@dataclass(frozen=True, eq=False)
class Looks:
    """Codes of the examples' faces.

    codes: (2, V, N, 64) of V variations, plain and mirrored. rest: (2, N, 64) of the same heads at rest.
    left: (51, 64), what one unit at weight 1 left in the rest adds.
    """

    codes: Tensor
    rest: Tensor
    left: Tensor


def fit_network(
    examples: Examples, looks: Looks, face: LinearFace, pairs: np.ndarray, steps: int, hidden: int, seed: int
) -> UnitNetwork:
    """Train the network on the examples and their mirror images: squared error per unit over its variance,
    AdamW with one cycle.

    Landmarks enter as the leading components of their movement, scaled towards equal variance. The rest is
    known in a share `REST_KNOWN` of the examples, with some expression left in it, as an estimate from
    unknown frames has; the picture is seen in a share `PICTURE_SEEN`.
    """
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    space = fit_space(examples, face)
    table = _make_table(examples, looks, face, pairs, space)
    network = UnitNetwork(COMPONENTS, hidden)
    network.projection.copy_(space.components * space.scale)
    network.basis.copy_(face.basis)
    importance = 1 / (table["weights"].var(0) + 0.01)
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, steps, pct_start=0.1)
    network.train()
    for _ in track(range(steps), "tracker network", unit="steps"):
        chosen = torch.randint(len(table["weights"]), (BATCH,), generator=generator)
        batch = {name: column[chosen] for name, column in table.items()}
        predicted = network.read(*_draw_inputs(batch, space, looks.left, generator))
        loss = (importance * (predicted - batch["weights"]).square().mean(0)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()


@dataclass(frozen=True, eq=False)
class Space:
    """The components of the landmarks' movement that the network is trained on.

    components: (1434, K) orthonormal; scale: (K,) what each is multiplied by; left: (51, K) what a unit left
    in the rest adds; strange: (S, K) smooth changes of shape for standard normal coefficients.
    """

    components: Tensor
    scale: Tensor
    left: Tensor
    strange: Tensor

    def project(self, moved: np.ndarray) -> Tensor:
        """Movements (N, 478, 3) -> (N, K)."""
        flat = torch.from_numpy(moved.reshape(len(moved), -1)).float()
        return flat @ self.components * self.scale


def fit_space(examples: Examples, face: LinearFace) -> Space:
    """Principal components of the movement from the rest, each scaled by its deviation but for a floor."""
    moved = (examples.on_rest - examples.rest).reshape(len(examples.weights), -1)
    values, vectors = np.linalg.eigh(moved.T @ moved / len(moved))
    components = torch.from_numpy(vectors[:, ::-1][:, :COMPONENTS].copy())
    variance = torch.from_numpy(values[::-1][:COMPONENTS].copy())
    scale = 1 / (variance + SCALE_FLOOR**2).sqrt()
    shapes = torch.from_numpy(smooth_shapes(face.mean.numpy())).float()
    fields = torch.einsum("pk,ab->kapb", shapes, torch.eye(3)).reshape(-1, LANDMARKS * 3)
    left = face.basis.flatten(1) @ components * scale
    return Space(components, scale, left, fields @ components * scale * STRANGE_SHAPE)


def smooth_shapes(mean: np.ndarray) -> np.ndarray:
    """Smooth random fields over the face: (478, k) such that `shapes @ normal(k)` has unit variance at each
    point and is alike within about `SHAPE_REACH` (a Gaussian process's leading components)."""
    squared = ((mean[:, None] - mean[None]) ** 2).sum(-1)
    values, vectors = np.linalg.eigh(np.exp(-squared / (2 * SHAPE_REACH**2)))
    return vectors[:, -SHAPES:] * np.sqrt(values[-SHAPES:])


def _make_table(
    examples: Examples, looks: Looks, face: LinearFace, pairs: np.ndarray, space: Space
) -> dict[str, Tensor]:
    """The examples and, after them, their mirror images."""
    both = (examples, mirror_examples(examples, pairs))
    mean = face.mean.numpy()
    return {
        "from_mean": space.project(np.concatenate([e.aligned for e in both]) - mean),
        "from_rest": space.project(np.concatenate([e.on_rest - e.rest for e in both])),
        "rotation": torch.from_numpy(np.concatenate([e.rotation for e in both])),
        "rotation_on_rest": torch.from_numpy(np.concatenate([e.rotation_on_rest for e in both])),
        "weights": torch.from_numpy(np.concatenate([e.weights for e in both])),
        "codes": looks.codes.transpose(1, 2).flatten(0, 1),
        "rest_code": looks.rest.flatten(0, 1),
    }


def _draw_inputs(
    batch: dict[str, Tensor], space: Space, left_in_look: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """A batch as the network will meet it: jitter; a rest that holds some expression; strangers' shapes."""
    frames = len(batch["weights"])

    def normal(columns: int) -> Tensor:
        return torch.randn(frames, columns, generator=generator)

    known, seen = (
        (torch.rand(frames, 1, generator=generator) < share).float() for share in (REST_KNOWN, PICTURE_SEEN)
    )
    left = REST_ERROR * normal(len(space.left))
    noise = normal(len(space.scale)) * space.scale * JITTER
    strange = normal(len(space.strange)) @ space.strange
    moved = (
        torch.where(known > 0, batch["from_rest"] - left @ space.left, batch["from_mean"] + strange) + noise
    )
    variation = torch.randint(batch["codes"].shape[1], (frames,), generator=generator)
    code = batch["codes"][torch.arange(frames), variation]
    look = code - known * (batch["rest_code"] + left @ left_in_look)
    rotation = torch.where(known > 0, batch["rotation_on_rest"], batch["rotation"])
    return moved, look, known, seen, rotation
