"""The CLIP audio encoder: log-mel to one emotion code (paper's supplement, section 1.1 and Fig. 1a)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lit_emotalk.models.transformer import TransformerEncoder
from lit_emotalk.schema import MEL_BANDS

MEL_CENTRE = -5.0
MEL_SPREAD = 2.5
"""Natural-log mel values are brought to about zero mean and unit spread with these (our choice)."""


@dataclass(frozen=True)
class AudioEncoderConfig:
    """Sizes of the audio encoder; layers, heads and width are the supplement's.

    `dropout` in [0, 1) acts on the residual branches; `kernel` is the width of the stem's convolutions.
    """

    layers: int = 4
    heads: int = 8
    width: int = 256
    kernel: int = 5
    dropout: float = 0.1


class AudioEncoder(nn.Module):
    """log-mel -> CLS token and one token a video frame -> Transformer -> the CLS token, projected.

    Two convolutions of stride 2 bring four mel columns to one token of a video frame (our choice); a learned
    CLS token is prepended for pooling, and a linear layer projects it (supplement 1.1). Padded frames are
    zeroed before every convolution and masked in every attention, so that they never change the code.
    """

    def __init__(self, dim: int, config: AudioEncoderConfig = AudioEncoderConfig()) -> None:
        super().__init__()
        self.config = config
        width, kernel = config.width, config.kernel
        self.down = nn.ModuleList(
            [
                nn.Conv1d(MEL_BANDS, width, kernel, 2, kernel // 2),
                nn.Conv1d(width, width, kernel, 2, kernel // 2),
            ]
        )
        self.cls = nn.Parameter(torch.randn(width) * 0.02)
        self.transformer = TransformerEncoder(width, config.layers, config.heads, config.dropout)
        self.project = nn.Linear(width, dim)

    def tokens(self, mel: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """mel (B, 4T, 80), mask (B, T) -> tokens (B, 1 + T, width), CLS first, and their mask (B, 1 + T)."""
        x = ((mel - MEL_CENTRE) / MEL_SPREAD).transpose(1, 2)
        for shrink, layer in zip((4, 2), self.down, strict=True):
            valid = mask.repeat_interleave(shrink, 1)[:, None]
            x = torch.nn.functional.gelu(layer(x.masked_fill(~valid, 0.0)))
        cls = self.cls.to(x.dtype).expand(len(x), 1, -1)
        keep = torch.cat([mask.new_ones(len(mask), 1), mask], 1)
        return torch.cat([cls, x.transpose(1, 2)], 1), keep

    def forward(self, mel: Tensor, mask: Tensor) -> Tensor:
        """mel (B, 4T, 80) natural-log mel, mask (B, T) bool, True where there is speech data -> (B, dim)."""
        return self.project(self.transformer(*self.tokens(mel, mask))[:, 0])

    def attention(self, mel: Tensor, mask: Tensor) -> Tensor:
        """How much the code looks at each frame: (B, T), the CLS row averaged over heads and layers (Fig.
        4a).
        """
        return self.transformer.attention_maps(*self.tokens(mel, mask))[:, :, 0, 1:].mean(0)
