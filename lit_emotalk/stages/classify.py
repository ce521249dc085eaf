"""The baseline of stage align: the same audio encoder, data and augmentation, trained to name the emotion."""

from typing import Any, ClassVar

import torch.nn.functional as F
from torch import Tensor

from lit_emotalk.data.decode import UNKNOWN_EMOTION
from lit_emotalk.data.pipeline import speech_of
from lit_emotalk.metrics.zero_shot import AverageRecall
from lit_emotalk.models.emotion_classifier import EmotionClassifier, EmotionClassifierConfig
from lit_emotalk.stages.augment import SoundAugment, augment_sound
from lit_emotalk.stages.base import Batch, Stage


class ClassifyStage(Stage):
    """Trains `EmotionClassifier` by cross-entropy on clips of known emotion.

    Validation: `val/audio_label`, the unweighted average recall on whole clips among the emotions present;
    beside it stands `val/audio_text` of stage align, on the same shards.

    Arguments:
        network: the classifier.
        sound: augmentation.
        label_smoothing: of the cross-entropy, in [0, 1).
        kwargs: see `Stage`.
    """

    stage: ClassVar[str] = "classify"
    network: EmotionClassifier

    def __init__(
        self,
        network: EmotionClassifierConfig = EmotionClassifierConfig(),  # noqa: B008
        sound: SoundAugment = SoundAugment(),  # noqa: B008
        label_smoothing: float = 0.0,
        learning_rate: float = 5e-4,
        weight_decay: float = 0.05,
        warmup: int = 40,
        final_rate: float = 0.02,
        **kwargs: Any,
    ) -> None:
        classifier = EmotionClassifier(network)
        super().__init__(classifier, learning_rate, weight_decay, warmup, final_rate, **kwargs)
        self.sound = sound
        self.label_smoothing = label_smoothing
        self.recall = AverageRecall()

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Cross-entropy over the clips of known emotion; zero where there is none."""
        known = batch["emotion"] != UNKNOWN_EMOTION
        hears = self.network.config.audio.hears
        heard = self.network.audio.trimmed(speech_of(batch, hears), batch["mask"])
        logits = self.network(*augment_sound(*heard, self.sound, hears))
        total = F.cross_entropy(
            logits,
            batch["emotion"],
            ignore_index=UNKNOWN_EMOTION,
            reduction="sum",
            label_smoothing=self.label_smoothing,
        )
        loss = total / known.sum().clamp(min=1)
        self.log_losses({"loss": loss})
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Classify whole clips."""
        speech = speech_of(batch, self.network.config.audio.hears)
        self.recall.update(self.inference_network(speech, batch["mask"]), batch["emotion"])

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """As in validation."""
        self.validation_step(batch, batch_idx)

    def on_validation_epoch_end(self) -> None:
        """Log the recall."""
        self._log_recall("val")

    def on_test_epoch_end(self) -> None:
        """Log the recall."""
        self._log_recall("test")

    def _log_recall(self, prefix: str) -> None:
        value = self.recall.compute()
        self.recall.reset()
        if value is not None:
            self.log(f"{prefix}/audio_label", value, prog_bar=True, sync_dist=True)
