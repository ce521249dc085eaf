"""From the states of Whisper's encoder to the tokens of a network that hears by them."""

import torch.nn.functional as F
from torch import Tensor, nn

from lit_emotalk.schema import WHISPER_SIZE


class StatesFront(nn.Module):
    """States -> normalised, linear to `width`, then residual convolutions over the frames (our choice).

    Few parameters, each of them shared by all frames: a few hundred voices teach that to follow people, where
    layers of attention alone learn the voices. Padded frames are zeroed before every convolution, so that
    they change nothing. `kernel` in frames, odd; dropout on the states and the residual branches.
    """

    def __init__(self, width: int, layers: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WHISPER_SIZE)
        self.enter = nn.Linear(WHISPER_SIZE, width)
        self.layers = nn.ModuleList(
            [nn.Conv1d(width, width, kernel, padding=kernel // 2) for _ in range(layers)]
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: Tensor, mask: Tensor | None) -> Tensor:
        """states (B, T, 768), mask (B, T) bool, False where padded, or None -> (B, T, width)."""
        x = self.enter(self.dropout(self.norm(states)))
        for layer in self.layers:
            if mask is not None:
                x = x.masked_fill(~mask[..., None], 0.0)
            x = x + self.dropout(F.gelu(layer(x.transpose(1, 2)).transpose(1, 2)))
        return x
