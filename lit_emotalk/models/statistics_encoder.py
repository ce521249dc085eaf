"""Speech to one emotion code by statistics over the clip."""

import torch
from torch import Tensor, nn

from lit_emotalk.io.heard import part
from lit_emotalk.models.voice_statistics import (
    STATISTICS,
    between_ends,
    masked_mean,
    masked_spread,
    speech_columns,
    voice_statistics,
)
from lit_emotalk.schema import HEARD, MEL_PER_FRAME, WHISPER_SIZE, Hears

STATES_A_FRAME = 2
FARTHEST = 5.0
"""Standard deviations that a statistic counts for at most."""


class StatisticsEncoder(nn.Module):
    """`voice_statistics` of the clip, and where Whisper is heard too the mean and spread of its states, of
    those before and after speech too (they know what was said: without them a classifier of RAVDESS's people
    lost 6 points of recall); normalised; one hidden layer (our choice).

    A few hundred acted voices teach this to follow people, where layers over frames learn the voices; and
    with Whisper's states it tells people's emotions better than a Transformer over log-mel. `hears`: voice or
    all; speech as `schema.ROWS` and `ROW_SIZES` say. Normalised by the mean and variance of training.
    """

    def __init__(self, dim: int, hears: Hears, width: int, dropout: float) -> None:
        super().__init__()
        self.hears = hears
        size = len(STATISTICS)
        if "whisper" in HEARD[hears]:
            size += 2 * WHISPER_SIZE // STATES_A_FRAME
        self.norm = nn.BatchNorm1d(size, affine=False)
        self.layers = nn.Sequential(
            nn.Dropout(dropout / 2),
            nn.Linear(size, width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(width, dim),
        )

    def statistics(self, speech: Tensor, mask: Tensor) -> Tensor:
        """Speech (B, rows * T, row size), mask (B, T) -> (B, statistics)."""
        heard = part(speech, self.hears)
        mel, columns = heard["mel"], mask.repeat_interleave(MEL_PER_FRAME, 1)
        numbers = voice_statistics(mel, heard["pitch"], columns)
        if "whisper" not in heard:
            return numbers
        states = heard["whisper"].unflatten(2, (STATES_A_FRAME, -1)).flatten(1, 2)
        keep = mask.repeat_interleave(STATES_A_FRAME, 1)
        return torch.cat([numbers, masked_mean(states, keep), masked_spread(states, keep)], 1)

    def forward(self, speech: Tensor, mask: Tensor) -> Tensor:
        """Speech (B, rows * T, row size), mask (B, T) bool, False where padded -> (B, dim)."""
        return self.layers(self.norm(self.statistics(speech, mask)).clamp(-FARTHEST, FARTHEST))

    def trimmed(self, speech: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Clips as they are; statistics of the voice leave out silence by themselves."""
        return speech, mask

    def attention(self, speech: Tensor, mask: Tensor) -> Tensor:
        """How much the code looks at each frame (B, T): alike from the first speech to the last."""
        columns = mask.repeat_interleave(MEL_PER_FRAME, 1)
        speech_there = speech_columns(part(speech, self.hears)["mel"], columns)[0]
        inside = between_ends(speech_there).unflatten(1, (-1, MEL_PER_FRAME)).any(2)
        return inside / inside.sum(1, keepdim=True)
