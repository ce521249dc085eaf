"""A plain classifier of emotional speech: the space's audio encoder with logits in place of a code."""

from dataclasses import dataclass, field

from torch import Tensor, nn

from lit_emotalk.emotions import EMOTIONS
from lit_emotalk.models.audio_encoder import AudioEncoderConfig, audio_encoder


@dataclass(frozen=True)
class EmotionClassifierConfig:
    """audio: the encoder's sizes."""

    audio: AudioEncoderConfig = field(default_factory=AudioEncoderConfig)


class EmotionClassifier(nn.Module):
    """What the emotion space is compared with: it knows nine labels and no words (our baseline)."""

    Config = EmotionClassifierConfig

    def __init__(self, config: EmotionClassifierConfig = EmotionClassifierConfig()) -> None:
        super().__init__()
        self.config = config
        self.audio = audio_encoder(len(EMOTIONS), config.audio)

    def forward(self, speech: Tensor, mask: Tensor) -> Tensor:
        """Speech as for the encoder, mask (B, T) bool, False where padded -> logits (B, 9), as EMOTIONS are
        ordered."""
        return self.audio(speech, mask)
