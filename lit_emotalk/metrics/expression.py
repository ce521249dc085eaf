"""How near predicted expression coefficients come to the true ones, beside a baseline."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.face.basis import LinearFace

MOVING = 0.02
"""A unit moves if its standard deviation over the evaluated frames is at least this."""

GROUPS: dict[str, list[int]] = {
    "mouth": ARKIT.columns("jaw", "mouth", "cheekPuff"),
    "brows": ARKIT.columns("brow"),
    "eyes": ARKIT.columns("eyeSquint", "eyeWide", "cheekSquint", "noseSneer"),
}
"""Units by region of the face; the lids and the gaze, which speech does not determine, are in none."""

BASELINES: tuple[str, ...] = ("mean", "level")
"""The mean face of each emotion, and of each emotion and level."""

HEARD: list[int] = sorted(column for columns in GROUPS.values() for column in columns)


def correlation(first: Tensor, second: Tensor) -> Tensor:
    """Pearson's correlation over the last dimension; 0 where one side does not vary."""
    first, second = first - first.mean(-1, keepdim=True), second - second.mean(-1, keepdim=True)
    scale = first.norm(dim=-1) * second.norm(dim=-1)
    return torch.where(scale > 1e-8, (first * second).sum(-1) / scale.clamp(min=1e-8), 0.0)


class ExpressionError(Metric):
    """Errors of predicted expressions and of a baseline's on the same frames. Our protocol.

    `compute` gives, over all frames: `error`, the mean absolute error of the moving units except lids and
    gaze; `error_all` of all 51; `error_mouth`, `error_brows`, `error_eyes` of a region's moving units;
    `velocity`, of the frame-to-frame differences; `lips`, the mean distance of the linear face's lip
    landmarks in percent of the inter-ocular distance; and over clips `opening`, the mean correlation of the
    mouth opening with the true one. With a baseline also `baseline_error`, `baseline_error_all`,
    `baseline_lips`, and the shares of it that ours leave out: `gain` = 1 - error / baseline_error,
    `gain_all`, `gain_lips`.
    """

    full_state_update = False
    frames: Tensor
    pairs: Tensor
    clips: Tensor
    absolute: Tensor
    baseline: Tensor
    velocity: Tensor
    total: Tensor
    squares: Tensor
    lips: Tensor
    baseline_lips: Tensor
    opening: Tensor
    compared: Tensor

    def __init__(self, face: LinearFace | None = None, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.face = LinearFace.load() if face is None else face
        kinds, units = len(BASELINES), ARKIT.expression_size
        self.add_state("baseline", torch.zeros(kinds, units, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("baseline_lips", torch.zeros(kinds, dtype=torch.float64), dist_reduce_fx="sum")
        for name in ("frames", "pairs", "clips", "lips", "opening", "compared"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        for name in ("absolute", "velocity", "total", "squares"):
            self.add_state(name, torch.zeros(units, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, made: Tensor, true: Tensor, baselines: Tensor | None = None) -> None:
        """Add one clip: made, true (T, 51); baselines (2, 51), as in BASELINES, or None for none."""
        made, true = made.double(), true.double()
        self.frames += len(true)
        self.pairs += len(true) - 1
        self.absolute += (made - true).abs().sum(0)
        self.velocity += (made.diff(dim=0) - true.diff(dim=0)).abs().sum(0)
        self.total += true.sum(0)
        self.squares += true.square().sum(0)
        face = self.face
        self.lips += 100 * _distance(face.lips(made.float()), face.lips(true.float()))
        opened = correlation(face.mouth_opening(made.float()), face.mouth_opening(true.float()))
        self.opening += opened
        self.clips += 1
        if baselines is not None:
            self.compared += 1
            self.baseline += (baselines.double()[:, None] - true).abs().sum(1)
            for kind, still in enumerate(baselines.float()):
                self.baseline_lips[kind] += 100 * _distance(
                    face.lips(still.expand_as(made)), face.lips(true.float())
                )

    def compute(self) -> dict[str, Tensor]:
        """The figures; empty before any clip."""
        if not self.clips:
            return {}
        error = self.absolute / self.frames
        spread = (self.squares / self.frames - (self.total / self.frames).square()).clamp(min=0).sqrt()
        moving = spread >= MOVING
        figures = {
            "error": _mean(error, HEARD, moving),
            "error_all": error.mean(),
            **{f"error_{name}": _mean(error, columns, moving) for name, columns in GROUPS.items()},
            "velocity": _mean(self.velocity / self.pairs.clamp(min=1), HEARD, moving),
            "lips": self.lips / self.frames,
            "opening": self.opening / self.clips,
        }
        if self.compared == self.clips:
            for kind, name in enumerate(BASELINES):
                base = self.baseline[kind] / self.frames
                still = {
                    "error": _mean(base, HEARD, moving),
                    "error_all": base.mean(),
                    "lips": self.baseline_lips[kind] / self.frames,
                }
                figures |= {f"{name}_{key}": value for key, value in still.items()}
                prefix = "gain" if name == BASELINES[0] else f"{name}_gain"
                for key, value in still.items():
                    suffix = key.removeprefix("error")
                    figures[f"{prefix}{'_lips' if suffix == 'lips' else suffix}"] = 1 - figures[key] / value
        return {name: value.float() for name, value in figures.items()}


def _distance(first: Tensor, second: Tensor) -> Tensor:
    """Sum over frames of the mean distance of points (T, N, 3)."""
    return (first - second).norm(dim=-1).mean(-1).sum().double()


def _mean(values: Tensor, columns: list[int], moving: Tensor) -> Tensor:
    chosen = values[columns][moving[columns]]
    return chosen.mean() if len(chosen) else values.new_tensor(float("nan"))


class MeanFaces(torch.nn.Module):
    """Running mean expression of each emotion and level in the training split: the emotion-mean baseline.

    Buffers, so that they are in checkpoints. Under DDP they are those of the clips that the first process
    saw.
    """

    sums: Tensor
    counts: Tensor

    def __init__(self, emotions: int, levels: int, units: int = ARKIT.expression_size) -> None:
        super().__init__()
        self.levels = levels
        self.register_buffer("sums", torch.zeros(emotions, levels, units, dtype=torch.float64))
        self.register_buffer("counts", torch.zeros(emotions, levels, dtype=torch.float64))

    def _cell(self, intensity: Tensor) -> Tensor:
        return (intensity * self.levels).round().long().clamp(1, self.levels) - 1

    def update(self, expression: Tensor, mask: Tensor, emotion: Tensor, intensity: Tensor) -> None:
        """Add clips of known emotion: (B, T, units), (B, T) bool, (B,), (B,)."""
        cell = (emotion.clamp(min=0), self._cell(intensity))
        weights = (mask & (emotion >= 0)[:, None])[..., None].double()
        self.sums.index_put_(cell, (expression * weights).sum(1), accumulate=True)
        self.counts.index_put_(cell, weights.sum((1, 2)), accumulate=True)

    def faces(self, emotion: Tensor, intensity: Tensor) -> Tensor | None:
        """The mean faces (B, 2, units), in the order of BASELINES; None before training.

        Of an emotion never seen the mean of all, of a level never seen the emotion's.
        """
        if not self.counts.any():
            return None
        sums, counts = self.sums, self.counts[..., None]
        overall = sums.sum((0, 1)) / counts.sum((0, 1))
        by_emotion = torch.where(counts.sum(1) > 0, sums.sum(1) / counts.sum(1).clamp(min=1), overall)
        by_level = torch.where(counts > 0, sums / counts.clamp(min=1), by_emotion[:, None])
        cell = emotion.clamp(min=0)
        found = torch.stack([by_emotion[cell], by_level[cell, self._cell(intensity)]], 1)
        return torch.where(emotion[:, None, None] >= 0, found, overall).float()
