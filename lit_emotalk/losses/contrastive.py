"""Contrastive loss between two modalities, with every sample of the same emotion as a positive, and the
distance to the emotions' own codes."""

import torch
import torch.distributed as dist
from torch import Tensor


def positives_of(emotion: Tensor) -> Tensor:
    """Which pairs belong together: emotion (N,) indices, -1 unknown -> (N, N) bool.

    Samples of one emotion do; a sample of unknown emotion belongs to itself only.
    """
    same = (emotion[:, None] == emotion[None]) & (emotion >= 0)[:, None]
    return same | torch.eye(len(emotion), dtype=torch.bool, device=emotion.device)


def contrastive_loss(
    first: Tensor,
    second: Tensor,
    positives: Tensor,
    scale: Tensor | float,
    known: Tensor | None = None,
) -> Tensor:
    """Symmetric multi-positive InfoNCE of unit codes first (N, D) and second (M, D).

    For each row: the mean over its positives of -log softmax(scale * cosines); rows without a positive do not
    count; then the same the other way round, and the mean of both. Khosla et al. 2020, eq. 2, across
    modalities; Radford et al. 2021 where every row has one positive. Zero where nothing is positive.
    Where `known` (N,) is given, N = M and the other samples are left out on both sides, as if they were not
    there; they stay in the arrays, whose shapes a device then need not be asked for.
    """
    logits = scale * first @ second.T
    if known is not None:
        both = known[:, None] & known[None]
        logits, positives = logits.masked_fill(~both, torch.finfo(logits.dtype).min), positives & both
    return (_one_way(logits, positives) + _one_way(logits.T, positives.T)) / 2


def label_distance(codes: Tensor, emotions: Tensor, emotion: Tensor) -> Tensor:
    """Mean cosine distance of unit codes (N, D) to their emotions', of `emotions` (E, D) by index `emotion`
    (N,); an unknown one, -1, does not count. Zero where all are unknown."""
    known = emotion >= 0
    distance = 1 - (codes * emotions[emotion.clamp(min=0)]).sum(-1)
    return distance.where(known, 0.0).sum() / known.sum().clamp(min=1)


def _one_way(logits: Tensor, positives: Tensor) -> Tensor:
    count = positives.sum(1)
    likelihood = logits.log_softmax(1).where(positives, 0.0).sum(1) / count.clamp(min=1)
    return -likelihood.sum() / (count > 0).sum().clamp(min=1)


class _GatherRows(torch.autograd.Function):
    @staticmethod
    def forward(context, rows: Tensor) -> Tensor:  # type: ignore[no-untyped-def, override]
        context.size = len(rows)
        gathered = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
        dist.all_gather(gathered, rows.contiguous())
        return torch.cat(gathered)

    @staticmethod
    def backward(context, gradient: Tensor) -> Tensor:  # type: ignore[no-untyped-def, override]
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        start = dist.get_rank() * context.size
        return total[start : start + context.size]


def gather_rows(rows: Tensor) -> Tensor:
    """The rows of all processes, (N, ...) -> (world * N, ...), equal N everywhere; itself in one process.

    Differentiable. Every process then computes the loss of the whole batch: the gradient that comes back here
    is the sum over processes, which DDP's averaging of the parameters' gradients turns into the gradient of
    one process with the whole batch.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return rows
    return _GatherRows.apply(rows) if rows.is_floating_point() else _gather_plain(rows)


def _gather_plain(rows: Tensor) -> Tensor:
    gathered = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
    dist.all_gather(gathered, rows.contiguous())
    return torch.cat(gathered)
