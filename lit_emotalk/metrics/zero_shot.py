"""What an emotion space makes of sound and pictures it was not trained on."""

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import torch
import torch.nn.functional as F
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


def across(queries: Tensor, gallery: Tensor, emotion: Tensor) -> Tensor:
    """Zero-shot from one modality to another: queries (N, D) and gallery (N, D) of the same clips -> the
    predicted emotion (N,), the one whose mean gallery code, without the query's own clip, is nearest."""
    classes = emotion.unique()
    member = (emotion[:, None] == classes).to(gallery.dtype)
    others = (member.T @ gallery)[None] - member[:, :, None] * gallery[:, None]
    scores = torch.einsum("nd,ncd->nc", queries, F.normalize(others, dim=-1))
    alone = member.bool() & (member.sum(0) < 2)
    return classes[scores.masked_fill(alone, -torch.inf).argmax(1)]


def class_means(codes: Tensor, emotion: Tensor, emotions: int) -> Tensor:
    """Unit mean codes (E, D) of codes (N, D) by emotion (N,); zero for emotions without any."""
    sums = codes.new_zeros(emotions, codes.shape[1]).index_add_(0, emotion, codes)
    return F.normalize(sums, dim=-1)


def centroid(codes: Tensor, emotion: Tensor) -> Tensor:
    """The mean over the emotions present of each one's mean code: (N, D), (N,) -> (D,)."""
    return torch.stack([codes[emotion == c].mean(0) for c in emotion.unique()]).mean(0)


@dataclass(frozen=True, eq=False)
class Collected:
    """Codes of the clips seen: audio (N, D), image (N, D) or None, emotion (N,)."""

    audio: Tensor
    image: Tensor | None
    emotion: Tensor


class ZeroShot(Metric):
    """Sound and picture codes against texts and against each other, on clips of known emotion. Our protocol.

    Update with a batch's sound codes (B, D), picture codes (B, D) or None, emotions (B,), the emotions' text
    codes (E, D) and, where wanted, codes of single words (W, D) with their emotions (W,). `compute` gives,
    for clips of the emotions present:

    - audio_text, image_text: unweighted average recall of the nearest emotion's text code;
    - audio_words, image_words: the same with the mean of the words' codes for each emotion;
    - text_audio, text_image: share of the words whose nearest clip shows the word's emotion;
    - audio_image, image_audio: share of clips whose nearest code of the other modality, from another clip,
      shows the same emotion;
    - audio_image_uar, image_audio_uar: unweighted average recall of the nearest emotion's mean code of the
      other modality (`across`);
    - gap_audio_text, gap_image_text, gap_audio_image: distance of the modalities' centres, 0..2, each
      emotion weighing the same (the modality gap of Liang et al. 2022).
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
        self.words: tuple[Tensor, Tensor] | None = None

    def update(
        self,
        audio: Tensor,
        image: Tensor | None,
        emotion: Tensor,
        prototypes: Tensor,
        words: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        """Add a batch."""
        known = emotion >= 0
        self.audio.append(audio[known].float())
        if image is not None:
            self.image.append(image[known].float())
        self.emotion.append(emotion[known])
        self.prototypes = prototypes.float()
        self.words = words

    def collected(self) -> Collected | None:
        """What has been added (on this process, outside `compute`); None where no emotion was known."""
        audio, image, emotion = _joined(self.audio), _joined(self.image), _joined(self.emotion)
        if audio is None or emotion is None or not len(emotion):
            return None
        return Collected(audio, image, emotion)

    def compute(self) -> dict[str, Tensor]:
        """The figures that can be computed; empty where no emotion was known."""
        seen = self.collected()
        if seen is None:
            return {}
        emotion = seen.emotion
        codes = {"audio": seen.audio, **({} if seen.image is None else {"image": seen.image})}
        centres = {name: centroid(part, emotion) for name, part in codes.items()}
        text_centre = self.prototypes[emotion.unique()].mean(0)
        figures = {}
        for name, part in codes.items():
            figures[f"{name}_text"] = average_recall(zero_shot(part, emotion, self.prototypes), emotion)
            figures[f"gap_{name}_text"] = (centres[name] - text_centre).norm()
            if self.words is not None:
                figures |= self._by_words(name, part, emotion, *self.words)
        if len(codes) == 2:
            figures["gap_audio_image"] = (centres["audio"] - centres["image"]).norm()
            if len(emotion) > 1:
                for name, other in permutations(codes, 2):
                    pair = codes[name], codes[other], emotion
                    figures[f"{name}_{other}"] = retrieval(*pair)
                    figures[f"{name}_{other}_uar"] = average_recall(across(*pair), emotion)
        return figures

    def _by_words(
        self, name: str, codes: Tensor, emotion: Tensor, words: Tensor, word_emotion: Tensor
    ) -> dict[str, Tensor]:
        means = class_means(words.float(), word_emotion, len(self.prototypes))
        present = torch.isin(word_emotion, emotion.unique())
        nearest = emotion[(words[present].float() @ codes.T).argmax(1)]
        return {
            f"{name}_words": average_recall(zero_shot(codes, emotion, means), emotion),
            f"text_{name}": (nearest == word_emotion[present]).float().mean(),
        }


class AverageRecall(Metric):
    """Unweighted average recall of scores (B, E) for emotions (B,): the highest among those present counts.

    Clips of unknown emotion do not count; `compute` gives None where no emotion was known.
    """

    full_state_update = False
    higher_is_better = True
    scores: list[Tensor]
    emotion: list[Tensor]

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        for name in ("scores", "emotion"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(self, scores: Tensor, emotion: Tensor) -> None:
        """Add a batch."""
        self.scores.append(scores[emotion >= 0].float())
        self.emotion.append(emotion[emotion >= 0])

    def compute(self) -> Tensor | None:
        """The recall, in [0, 1]."""
        scores, emotion = _joined(self.scores), _joined(self.emotion)
        if scores is None or emotion is None or not len(emotion):
            return None
        present = emotion.unique()
        return average_recall(present[scores[:, present].argmax(1)], emotion)


def _joined(parts: list[Tensor] | Tensor) -> Tensor | None:
    if isinstance(parts, Tensor):
        return parts
    return torch.cat(parts) if parts else None
