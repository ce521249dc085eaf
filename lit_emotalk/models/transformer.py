"""A pre-norm Transformer encoder with rotary positions: what the audio encoder and the EAC are made of."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ROTARY_BASE = 10_000.0
MLP_RATIO = 4


def rotary_turns(positions: int, size: int, device: torch.device) -> Tensor:
    """Unit complex numbers of rotary position embeddings: (positions, size / 2) (Su et al. 2021)."""
    rates = ROTARY_BASE ** (-torch.arange(0, size, 2, device=device) / size)
    angles = torch.arange(positions, device=device)[:, None] * rates
    return torch.polar(torch.ones_like(angles), angles)


def rotate(x: Tensor, turns: Tensor) -> Tensor:
    """Turn neighbouring pairs of (..., N, size) by each position's angles: one complex product."""
    pairs = torch.view_as_complex(x.float().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * turns).flatten(-2).to(x.dtype)


class Attention(nn.Module):
    """Multi-head self-attention with rotary positions; keys outside `keep` are never looked at."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def _project(self, x: Tensor, turns: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mixed = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key = rotate(mixed[:2], turns)
        return query, key, mixed[2]

    def forward(self, x: Tensor, turns: Tensor, keep: Tensor | None) -> Tensor:
        """x (B, N, width), keep (B, 1, 1, N) bool or None -> (B, N, width)."""
        mixed = F.scaled_dot_product_attention(*self._project(x, turns), attn_mask=keep)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def weights(self, x: Tensor, turns: Tensor, keep: Tensor | None) -> Tensor:
        """Attention weights averaged over heads: (B, N, N), rows sum to one."""
        query, key, _ = self._project(x, turns)
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        if keep is not None:
            scores = scores.masked_fill(~keep, -torch.inf)
        return scores.softmax(-1).mean(1)


class Layer(nn.Module):
    """x + attention(norm(x)), then x + MLP(norm(x)), each with dropout."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, MLP_RATIO * width), nn.GELU(), nn.Linear(MLP_RATIO * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def attention_map(self, x: Tensor, turns: Tensor, keep: Tensor | None) -> Tensor:
        """Where this layer looks: (B, N, N), averaged over heads."""
        return self.attention.weights(self.attention_norm(x), turns, keep)

    def forward(self, x: Tensor, turns: Tensor, keep: Tensor | None) -> Tensor:
        """x (B, N, width) -> (B, N, width)."""
        x = x + self.dropout(self.attention(self.attention_norm(x), turns, keep))
        return x + self.dropout(self.mlp(self.mlp_norm(x)))


class TransformerEncoder(nn.Module):
    """`layers` pre-norm layers of `heads` heads and a last LayerNorm, for sequences of any length.

    Positions are rotary (relative), so that nothing is tied to the training length (our choice; the paper's
    supplement gives layers, heads and width only).
    """

    def __init__(self, width: int, layers: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.head_size = width // heads
        self.layers = nn.ModuleList([Layer(width, heads, dropout) for _ in range(layers)])
        self.norm = nn.LayerNorm(width)

    def _shared(self, x: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor | None]:
        turns = rotary_turns(x.shape[1], self.head_size, x.device)
        return turns, None if keep is None else keep[:, None, None]

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """x (B, N, width), keep (B, N) bool, False where padded -> (B, N, width)."""
        turns, keys = self._shared(x, keep)
        for layer in self.layers:
            x = layer(x, turns, keys)
        return self.norm(x)

    def attention_maps(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """Every layer's attention averaged over heads: (layers, B, N, N), as in the supplement's Fig. 4."""
        turns, keys = self._shared(x, keep)
        maps = []
        for layer in self.layers:
            assert isinstance(layer, Layer)
            maps.append(layer.attention_map(x, turns, keys))
            x = layer(x, turns, keys)
        return torch.stack(maps)
