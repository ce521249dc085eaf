"""BERT's encoder by torch's own layers, from a folder as Hugging Face publishes it.

`transformers` computes the same, but takes seconds to import: it brings compilers, distributed tensors and
torchvision, of which six layers need nothing.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn

_NAMES = {
    "self_attn.out_proj": "attention.output.dense",
    "linear1": "intermediate.dense",
    "linear2": "output.dense",
    "norm1": "attention.output.LayerNorm",
    "norm2": "output.LayerNorm",
}
"""Torch's names in a layer -> the checkpoint's."""


class Bert(nn.Module):
    """The encoder of Devlin et al. 2019 (arXiv 1810.04805), for single sentences.

    `config` is config.json; GELU, absolute positions and layer norms after each sum are what it reads.
    """

    def __init__(self, config: dict, weights: dict[str, Tensor]) -> None:
        super().__init__()
        width, eps, kind = config["hidden_size"], config["layer_norm_eps"], torch.float32
        self.words, self.positions, self.kinds = (
            nn.Embedding.from_pretrained(weights[f"embeddings.{name}_embeddings.weight"])
            for name in ("word", "position", "token_type")
        )
        self.norm = nn.LayerNorm(width, eps, dtype=kind)
        layer = nn.TransformerEncoderLayer(
            width,
            config["num_attention_heads"],
            config["intermediate_size"],
            config["hidden_dropout_prob"],
            config["hidden_act"],
            eps,
            batch_first=True,
            dtype=kind,
        )
        self.encoder = nn.TransformerEncoder(layer, config["num_hidden_layers"], enable_nested_tensor=False)
        self.norm.load_state_dict(_part(weights, "embeddings.LayerNorm"))
        for number, each in enumerate(self.encoder.layers):
            each.load_state_dict(_renamed(weights, f"encoder.layer.{number}"))

    @classmethod
    def load(cls, folder: Path) -> "Bert":
        """From config.json and model.safetensors, for evaluation, in single precision; the random numbers
        that follow are those that would have."""
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        with torch.random.fork_rng(devices=[]):
            return cls(config, load_file(folder / "model.safetensors")).eval()

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Tokens (B, N) int64, mask (B, N) bool, False where padded -> last hidden states (B, N, width)."""
        places = torch.arange(tokens.shape[1], device=tokens.device)
        embedded = self.norm(self.words(tokens) + self.positions(places) + self.kinds.weight[0])
        hidden: Tensor = self.encoder(embedded, src_key_padding_mask=~mask)
        return hidden


def load_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of tokenizer.json, which pads a batch to its longest text and cuts nothing."""
    tokenizer: Tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.enable_padding(pad_id=tokenizer.token_to_id("[PAD]"))
    return tokenizer


def _part(weights: dict[str, Tensor], name: str, ours: str = "") -> dict[str, Tensor]:
    return {f"{ours}{kind}": weights[f"{name}.{kind}"] for kind in ("weight", "bias")}


def _renamed(weights: dict[str, Tensor], layer: str) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for ours, theirs in _NAMES.items():
        found |= _part(weights, f"{layer}.{theirs}", f"{ours}.")
    projections = [_part(weights, f"{layer}.attention.self.{name}") for name in ("query", "key", "value")]
    return found | {
        f"self_attn.in_proj_{kind}": torch.cat([each[kind] for each in projections])
        for kind in ("weight", "bias")
    }
