"""What an emotion space makes of sound and pictures it was not trained on."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric


def average_recall(predicted: Tensor, true: Tensor) -> Tensor:
    """Unweighted average recall: the mean over the classes present in `true` (N,) of each one's recall."""
    classes = true.unique()
    return torch.stack([(predicted[true == c] == c).float().mean() for c in classes]).mean()


def zero_shot(codes: Tensor, emotion: Tensor, prototypes: Tensor) -> Tensor:
    """Nearest of the emotions present, by cosine: codes (N, D), prototypes (E, D) -> predicted index (N,)."""
    present = emotion.unique()
    return present[(codes @ prototypes[present].T).argmax(1)]


def retrieval(queries: Tensor, gallery: Tensor, emotion: Tensor) -> Tensor:
    """Share of queries (N, D) whose nearest gallery code (N, D) of another clip has the same emotion."""
    cosines = (queries @ gallery.T).fill_diagonal_(-torch.inf)
    return (emotion[cosines.argmax(1)] == emotion).float().mean()


class ZeroShot(Metric):
    """Sound and picture codes against the emotions' text codes and against each other.

    Update with a batch's sound codes (B, D), picture codes (B, D) or None, emotions (B,) and the text codes
    (9, D). `compute` gives `audio_text` and `image_text`, the unweighted average recall of the nearest
    emotion among those present, and `audio_image`, the share of sounds whose nearest picture of another clip
    shows the same emotion. Clips of unknown emotion do not count. Our protocol.
    """

    full_state_update = False
    higher_is_better = True
    audio: list[Tensor]
    image: list[Tensor]
    emotion: list[Tensor]
    prototypes: Tensor

    def __init__(self, emotions: int, dim: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        for name in ("audio", "image", "emotion"):
            self.add_state(name, [], dist_reduce_fx="cat")
        self.add_state("prototypes", torch.zeros(emotions, dim), dist_reduce_fx="mean")

    def update(self, audio: Tensor, image: Tensor | None, emotion: Tensor, prototypes: Tensor) -> None:
        """Add a batch."""
        known = emotion >= 0
        self.audio.append(audio[known].float())
        if image is not None:
            self.image.append(image[known].float())
        self.emotion.append(emotion[known])
        self.prototypes = prototypes.float()

    def compute(self) -> dict[str, Tensor]:
        """The figures, each in [0, 1]; empty where no emotion was known."""
        emotion = _joined(self.emotion)
        if emotion is None or not len(emotion):
            return {}
        audio, image = _joined(self.audio), _joined(self.image)
        assert audio is not None
        figures = {"audio_text": average_recall(zero_shot(audio, emotion, self.prototypes), emotion)}
        if image is not None:
            figures["image_text"] = average_recall(zero_shot(image, emotion, self.prototypes), emotion)
            if len(emotion) > 1:
                figures["audio_image"] = retrieval(audio, image, emotion)
        return figures


def _joined(parts: list[Tensor] | Tensor) -> Tensor | None:
    if isinstance(parts, Tensor):
        return parts
    return torch.cat(parts) if parts else None
