"""SyncNet's scores: confidence (LSE-C), distance (LSE-D) and offset of sound and lips."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics import Metric

from lit_emotalk.metrics.base import Protocol

REACH = 15
DISTANCE_EPSILON = 1e-6

PROTOCOL = Protocol(
    "Sync", "higher", "", "SyncNet, weights named in the column's note",
    "LSE-C: median - minimum over 31 offsets of the 5-frame windows' mean distance, sound zero-padded by 15",
)  # fmt: skip


@dataclass(frozen=True)
class SyncScore:
    """Scores of one clip.

    `confidence` (LSE-C, the papers' Sync) is the median minus the minimum over offsets, `distance` (LSE-D)
    the minimum, `offset` 15 - argmin in frames: positive where the sound runs ahead of the picture.
    """

    confidence: float
    distance: float
    offset: int


def offset_distances(video: Tensor, sound: Tensor, reach: int = REACH) -> Tensor:
    """Mean Euclidean distance at each offset: features (W, D) twice -> (2 reach + 1,).

    Entry i compares video window v with sound window v + i - reach; beyond the ends the sound's features are
    zeros, as in the reference, which makes short clips' scores depend on their length.
    """
    padded = F.pad(sound, (0, 0, reach, reach))
    windows = padded.unfold(0, len(video), 1).permute(0, 2, 1)
    return (video[None] - windows + DISTANCE_EPSILON).norm(dim=-1).mean(-1)


def sync_score(video: Tensor, sound: Tensor, reach: int = REACH) -> SyncScore:
    """The reference's scores of one clip from the features (W, D) of its W windows; W >= 1. Source:
    syncnet_python."""
    distances = offset_distances(video, sound, reach)
    best = int(distances.argmin())
    least = float(distances[best])
    return SyncScore(float(distances.median()) - least, least, reach - best)


def centred(features: Tensor) -> Tensor:
    """Features (..., W, D) without their mean over the W windows.

    What stays the same in a clip (the head, the light, the voice) says nothing of its offset. Networks of
    stage sync are trained and scored on centred features (our choice); the reference's are not.
    """
    return features - features.mean(-2, keepdim=True)


def true_offset_rank(video: Tensor, sound: Tensor, reach: int = 10) -> int:
    """How many of the offsets -reach .. reach are nearer than no offset: 0 where sound and lips are found in
    step.

    Features (W, D) twice, W > reach. Unlike the reference's score no offset meets zero padding: each is the
    mean over the windows that both have (our choice).
    """
    windows = len(video)
    distances = torch.stack(
        [
            (video[max(-k, 0) : windows - max(k, 0)] - sound[max(k, 0) : windows + min(k, 0)])
            .norm(dim=-1)
            .mean()
            for k in range(-reach, reach + 1)
        ]
    )
    return int((distances < distances[reach]).sum())


class Sync(Metric):
    """Means over clips of confidence, distance and absolute offset. update(video, sound), see
    `sync_score`."""

    PROTOCOL = PROTOCOL
    full_state_update = False
    sums: Tensor
    clips: Tensor

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.add_state("sums", torch.zeros(3, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("clips", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, video: Tensor, sound: Tensor) -> None:
        """Add one clip's features (W, D)."""
        score = sync_score(video, sound)
        self.sums += self.sums.new_tensor([score.confidence, score.distance, abs(score.offset)])
        self.clips += 1

    def compute(self) -> dict[str, Tensor]:
        """`confidence`, `distance`, `offset`: means over the clips seen by all processes."""
        confidence, distance, offset = self.sums / self.clips
        return {"confidence": confidence, "distance": distance, "offset": offset}
