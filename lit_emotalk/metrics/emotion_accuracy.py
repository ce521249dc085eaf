"""EmoAcc: the share of videos whose emotion, as asked for, a network names right."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from lit_emotalk.metrics.base import ClipMean, Protocol


def emotion_shown(scores: Tensor) -> int | None:
    """The emotion of a video by a network's scores of its frames (K, E), higher for likelier: the index of
    the largest mean over frames (our choice). Frames with NaN (no face) do not count; None without any
    other."""
    seen = scores[scores.isfinite().all(-1)]
    return int(seen.mean(0).argmax()) if len(seen) else None


def emotion_named(scores: Tensor, emotions: Sequence[str], asked: str) -> Tensor:
    """Whether a network names the emotion that was asked for: scores (K, E) of a video's frames, `emotions`
    the names of E -> 1 or 0, a scalar.

    NaN where the network does not know the emotion, or no frame has a face: the video does not count.
    """
    shown = emotion_shown(torch.as_tensor(scores))
    if asked not in emotions or shown is None:
        return torch.tensor(torch.nan)
    return torch.tensor(float(emotions[shown] == asked))


class EmoAcc(ClipMean):
    """`emotion_named`, averaged over clips. update(scores, emotions, asked)."""

    PROTOCOL = Protocol(
        "EmoAcc", "higher", "%", "see the column's note",
        "share of videos whose emotion, as asked for, a network names by its mean over frames; what it makes "
        "of the true videos says how far to trust it",
    )  # fmt: skip

    def score(self, *inputs: Any) -> Tensor:
        """The clip's 1, 0 or NaN, (1,)."""
        return emotion_named(*inputs)[None]
