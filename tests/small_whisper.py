"""A random Whisper encoder of one layer, in ctranslate2's format and in torch."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lit_emotalk.weights import fetch
from lit_emotalk.weights.registry import REGISTRY

WIDTH, HEADS, BANDS, POSITIONS = 384, 6, 80, 1500


def encoder_weights(seed: int = 0) -> dict[str, np.ndarray]:
    """The encoder's parameters by their place in ctranslate2's specification."""
    rng = np.random.default_rng(seed)

    def drawn(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) / np.prod(shape[1:]) ** 0.5).astype(np.float32)

    def bias(size: int) -> np.ndarray:
        return (0.1 * rng.standard_normal(size)).astype(np.float32)

    norms = ("layer_norm", "layer.0.self_attention.layer_norm", "layer.0.ffn.layer_norm")
    shapes = {
        "conv1": (WIDTH, BANDS, 3),
        "conv2": (WIDTH, WIDTH, 3),
        "layer.0.self_attention.linear.0": (3 * WIDTH, WIDTH),
        "layer.0.self_attention.linear.1": (WIDTH, WIDTH),
        "layer.0.ffn.linear_0": (2 * WIDTH, WIDTH),
        "layer.0.ffn.linear_1": (WIDTH, 2 * WIDTH),
    }
    made = {f"{name}.weight": drawn(*shape) for name, shape in shapes.items()}
    made |= {f"{name}.bias": bias(shape[0]) for name, shape in shapes.items()}
    made |= {f"{name}.gamma": 1 + bias(WIDTH) for name in norms} | {
        f"{name}.beta": bias(WIDTH) for name in norms
    }
    return made | {"position_encodings.encodings": drawn(POSITIONS, WIDTH)}


def torch_states(mel: np.ndarray, seed: int = 0) -> np.ndarray:
    """The states (N / 2, 384) of log-mel (80, N), by torch: two convolutions, positions, a pre-norm layer."""
    w = {name: torch.from_numpy(value) for name, value in encoder_weights(seed).items()}
    x = F.gelu(F.conv1d(torch.from_numpy(mel)[None], w["conv1.weight"], w["conv1.bias"], padding=1))
    x = F.gelu(F.conv1d(x, w["conv2.weight"], w["conv2.bias"], stride=2, padding=1))[0].T
    x = x + w["position_encodings.encodings"][: len(x)]

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.layer_norm(x, (WIDTH,), w[f"{name}.gamma"], w[f"{name}.beta"])

    def linear(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    attention, ffn = "layer.0.self_attention", "layer.0.ffn"
    mixed = linear(norm(x, f"{attention}.layer_norm"), f"{attention}.linear.0")
    query, key, value = (part.unflatten(1, (HEADS, -1)).transpose(0, 1) for part in mixed.chunk(3, 1))
    looks = (query @ key.transpose(1, 2) / (WIDTH // HEADS) ** 0.5).softmax(-1)
    x = x + linear((looks @ value).transpose(0, 1).flatten(1), f"{attention}.linear.1")
    x = x + linear(F.gelu(linear(norm(x, f"{ffn}.layer_norm"), f"{ffn}.linear_0")), f"{ffn}.linear_1")
    return norm(x, "layer_norm").numpy()


def write_whisper(folder: Path, seed: int = 0) -> Path:
    """A `model.bin` whose encoder is `encoder_weights`; its decoder is there for the format alone."""
    from ctranslate2.specs import WhisperSpec

    spec = WhisperSpec(1, HEADS, 1, 1)
    for place, value in encoder_weights(seed).items():
        owner = spec.encoder
        *path, last = place.split(".")
        for step in path:
            owner = owner[int(step)] if step.isdigit() else getattr(owner, step)
        setattr(owner, last, value)
    layer = spec.decoder.layer[0]
    for norm in (
        spec.decoder.layer_norm,
        *(part.layer_norm for part in (layer.self_attention, layer.attention, layer.ffn)),
    ):
        norm.gamma, norm.beta = np.ones(4, np.float32), np.zeros(4, np.float32)
    linears = [*layer.self_attention.linear, *layer.attention.linear, layer.ffn.linear_0, layer.ffn.linear_1]
    for linear in (*linears, spec.decoder.projection):
        linear.weight, linear.bias = np.zeros((4, 4), np.float32), np.zeros(4, np.float32)
    spec.decoder.embeddings.weight = np.zeros((4, 4), np.float32)
    spec.decoder.position_encodings.encodings = np.zeros((4, 4), np.float32)
    spec.register_vocabulary(["<|endoftext|>", "a", "b", "c"])
    spec.validate()
    spec.save(str(folder))
    return folder / "model.bin"


def install_whisper(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let the registry's Whisper be the small one, in a home of its own that has all other weights too."""
    file = write_whisper(folder)
    for other in fetch.home().iterdir() if fetch.home().is_dir() else ():
        if not (folder / other.name).exists():
            (folder / other.name).symlink_to(other)
    entry = replace(
        REGISTRY["whisper_tiny_en"],
        file=file.name,
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
    )
    patch.setitem(REGISTRY, "whisper_tiny_en", entry)
    patch.setattr(fetch, "home", lambda: folder)
