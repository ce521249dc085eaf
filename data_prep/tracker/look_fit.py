"""Fitting the network that looks at faces, on varied pictures of rendered heads."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from data_prep.tracker.tracker_fit import Head, Looks
from lit_emotalk.coefficients import ARKIT
from lit_emotalk.face.alignment import align
from lit_emotalk.face.look import BATCH, FACE_HALF, FACE_PIXELS, LOOK_SIZE, Gradients, LookNetwork, cut_faces
from lit_emotalk.io.progress import track

MARGIN = 8
"""Pixels kept around each training picture, for shifts and turns."""
HEADS_PER_BATCH, FRAMES_PER_HEAD = 16, 12
"""A batch: so many heads, of each one resting frame and the rest at random."""
VARIATIONS = 3
"""Variations of each picture, and as many of its mirror image."""
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 0.05
RIDGE = 1.0
SHIFT, TURN, ZOOM = 0.05, 0.07, 0.07
"""Deviations of place (of the half side), roll (radians) and size in training, as landmarks err."""


@dataclass(frozen=True, eq=False)
class Faces:
    """One head's faces.

    upright: (F, 96, 96) uint8, as the tracker cuts them. maps: (2 V, F, 8, 24, 24) float16, the gradients of
    V variations of them and of V of their mirror images. weights: (F, 51). neutral: (F,) bool.
    """

    upright: np.ndarray
    maps: Tensor
    weights: np.ndarray
    neutral: np.ndarray


def pictures_of(head: Head) -> Iterator[np.ndarray]:
    """A head's pictures, each (256, 256, 3) uint8."""
    data, ends = head["jpg"].tobytes(), np.cumsum(head["jpg_sizes"])
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        yield np.asarray(Image.open(io.BytesIO(data[start:end])))


def load_faces(head: Head, mean: np.ndarray, stable: np.ndarray, generator: torch.Generator) -> Faces:
    """A head's pictures, cut, varied and looked at for gradients."""
    size = FACE_PIXELS + 2 * MARGIN
    placed = align(head["landmarks"], mean, stable)
    wide = cut_faces(pictures_of(head), placed, size, FACE_HALF * size / FACE_PIXELS)
    gradients, pictures = Gradients(), torch.from_numpy(wide)
    varied = [
        gradients(vary(side, generator)).half()
        for side in (pictures, pictures.flip(2))
        for _ in range(VARIATIONS)
    ]
    upright = wide[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
    return Faces(upright, torch.stack(varied), head["weights"], head["neutral"])


def fit_look(heads: list[Faces], steps: int, seed: int) -> LookNetwork:
    """Train the network: its code, and its code less a resting frame's of the same head, must each tell the
    units by a linear map (dropped afterwards); squared error per unit over its variance, AdamW, one cycle."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    network = LookNetwork()
    alone, changed = (nn.Linear(LOOK_SIZE, ARKIT.expression_size) for _ in range(2))
    modules = nn.ModuleList([network, alone, changed])
    importance = 1 / (torch.from_numpy(np.concatenate([h.weights for h in heads])).var(0) + 0.01)
    optimizer = torch.optim.AdamW(modules.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, steps, pct_start=0.15)
    modules.train()
    for _ in track(range(steps), "look network", unit="steps"):
        maps, weights = _draw_batch(heads, rng)
        codes = network(maps).unflatten(0, (-1, FRAMES_PER_HEAD))
        less_rest = changed(codes[:, 1:] - codes[:, :1]).flatten(0, 1)
        targets = weights.unflatten(0, (-1, FRAMES_PER_HEAD))[:, 1:].flatten(0, 1)
        error = (alone(codes.flatten(0, 1)) - weights).square().mean(0)
        error_less_rest = (less_rest - targets).square().mean(0)
        loss = (importance * (error + error_less_rest)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    network.eval()
    network.basis.copy_(_fit_basis(network, heads))
    return network


def _draw_batch(heads: list[Faces], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Maps (B, 8, 24, 24) and weights (B, 51), head after head, each head's first frame at rest; half of the
    heads in a mirror."""
    maps, weights = [], []
    for index in rng.choice(len(heads), HEADS_PER_BATCH, replace=len(heads) < HEADS_PER_BATCH):
        head = heads[index]
        rest = rng.choice(np.flatnonzero(head.neutral))
        others = rng.choice(len(head.weights), FRAMES_PER_HEAD - 1, replace=False)
        chosen = np.array([rest, *others])
        variation = int(rng.integers(2 * VARIATIONS))
        maps.append(head.maps[variation, chosen])
        mirrored = variation >= VARIATIONS
        weights.append(head.weights[chosen][:, ARKIT.mirrored()] if mirrored else head.weights[chosen])
    return torch.cat(maps).float(), torch.from_numpy(np.concatenate(weights))


def vary(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Pictures (B, 112, 112) uint8 -> (B, 96, 96) float32 under other light, other cameras and other landmark
    errors: moved, blurred or coarse, with gamma, a shadow across, noise, and now and then a part hidden."""

    def normal(*shape: int) -> Tensor:
        return torch.randn(len(pictures), *shape, generator=generator)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(len(pictures), *shape, generator=generator)

    turn, zoom = TURN * normal(), (ZOOM * normal()).exp() * FACE_PIXELS / (FACE_PIXELS + 2 * MARGIN)
    cosine, sine = zoom * turn.cos(), zoom * turn.sin()
    place = SHIFT * normal(2)
    matrix = torch.stack(
        [torch.stack([cosine, -sine, place[:, 0]], 1), torch.stack([sine, cosine, place[:, 1]], 1)], 1
    )
    size = [len(pictures), 1, FACE_PIXELS, FACE_PIXELS]
    grid = nn.functional.affine_grid(matrix, size, align_corners=False)
    faces = nn.functional.grid_sample(
        pictures[:, None].float() / 255, grid, padding_mode="border", align_corners=False
    )
    faces = _coarsen(faces, generator)[:, 0]
    light = faces.clamp(1e-3, 1) ** (0.4 * normal(1, 1)).exp()
    ramp = torch.linspace(-1, 1, FACE_PIXELS)
    shadow = 0.35 * (normal(1, 1) * ramp[:, None] + normal(1, 1) * ramp[None])
    noise = 0.015 * uniform(1, 1) * normal(FACE_PIXELS, FACE_PIXELS)
    return 255 * _hide((light * shadow.exp() + noise).clamp(0, 1.5), generator)


def _coarsen(faces: Tensor, generator: torch.Generator) -> Tensor:
    """A third of the batch (B, 1, 96, 96) at a lower resolution, a fifth blurred."""
    third, last = len(faces) // 3, len(faces) - len(faces) // 5
    side = int(torch.randint(28, 80, (), generator=generator))
    low = nn.functional.interpolate(faces[:third], size=side, mode="area")
    low = nn.functional.interpolate(low, size=FACE_PIXELS, mode="bilinear", align_corners=False)
    blurred = nn.functional.avg_pool2d(faces[last:], 3, 1, 1, count_include_pad=False)
    return torch.cat([low, faces[third:last], blurred])


def _hide(faces: Tensor, generator: torch.Generator) -> Tensor:
    """One patch of grey, the same for a sixth of the batch."""
    some = torch.rand(len(faces), generator=generator) < 1 / 6
    top, left = torch.randint(0, FACE_PIXELS - 24, (2,), generator=generator).tolist()
    height, width = torch.randint(12, 36, (2,), generator=generator).tolist()
    faces[some, top : top + height, left : left + width] = 0.5
    return faces


def _fit_basis(network: LookNetwork, heads: list[Faces]) -> Tensor:
    """Ridge regression of how codes change from the rest on the true weights: (51, 64)."""
    changes = []
    for head in heads:
        codes = network.codes(head.upright)
        changes.append(codes - np.median(codes[head.neutral], axis=0))
    weights = np.concatenate([head.weights for head in heads]).astype(np.float64)
    gram = weights.T @ weights + RIDGE * np.eye(weights.shape[1])
    return torch.from_numpy(np.linalg.solve(gram, weights.T @ np.concatenate(changes))).float()


@torch.inference_mode()
def read_looks(network: LookNetwork, heads: list[Faces]) -> Looks:
    """Codes of all variations of the heads' faces, for the fit of the tracker's network."""
    codes, rests = [], []
    for head in heads:
        flat = head.maps.flatten(0, 1).split(BATCH)
        own = torch.cat([network(part.float()) for part in flat]).unflatten(0, (2, VARIATIONS, -1))
        rest = own[:, :, torch.from_numpy(head.neutral)].flatten(1, 2).median(1).values
        codes.append(own)
        rests.append(rest[:, None].expand(-1, own.shape[2], -1))
    return Looks(torch.cat(codes, 2), torch.cat(rests, 1), network.basis)
