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

_LINEAR = {
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

    def __init__(self, config: dict) -> None:
        super().__init__()
        width, eps = config["hidden_size"], config["layer_norm_eps"]
        self.words = nn.Embedding(config["vocab_size"], width)
        self.positions = nn.Embedding(config["max_position_embeddings"], width)
        self.kinds = nn.Embedding(config["type_vocab_size"], width)
        self.norm = nn.LayerNorm(width, eps)
        layer = nn.TransformerEncoderLayer(
            width,
            config["num_attention_heads"],
            config["intermediate_size"],
            config["hidden_dropout_prob"],
            config["hidden_act"],
            eps,
            batch_first=True,
        )
        self.encoder = nn.TransformerEncoder(layer, config["num_hidden_layers"], enable_nested_tensor=False)

    @classmethod
    def load(cls, folder: Path) -> "Bert":
        """From config.json and model.safetensors, for evaluation, as they are: no random number is drawn, and
        the weights' type is the file's."""
        with torch.device("meta"):
            network = cls(json.loads((folder / "config.json").read_text(encoding="utf-8")))
        weights = _renamed(load_file(folder / "model.safetensors"), network.encoder.num_layers)
        network.load_state_dict(weights, assign=True)
        return network.eval()

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


def _renamed(weights: dict[str, Tensor], layers: int) -> dict[str, Tensor]:
    names = {"words": "word_embeddings", "positions": "position_embeddings", "kinds": "token_type_embeddings"}
    found = {f"{ours}.weight": weights[f"embeddings.{theirs}.weight"] for ours, theirs in names.items()}
    for kind in ("weight", "bias"):
        found[f"norm.{kind}"] = weights[f"embeddings.LayerNorm.{kind}"]
        for layer in range(layers):
            own, given = f"encoder.layers.{layer}", f"encoder.layer.{layer}"
            for ours, theirs in _LINEAR.items():
                found[f"{own}.{ours}.{kind}"] = weights[f"{given}.{theirs}.{kind}"]
            found[f"{own}.self_attn.in_proj_{kind}"] = torch.cat(
                [weights[f"{given}.attention.self.{name}.{kind}"] for name in ("query", "key", "value")]
            )
    return found
