"""The emotion space: one unit sphere that words, pictures and sound are encoded into (the paper's first
claim).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.emotions import COMPOUNDS, EMOTIONS, canonical
from lit_emotalk.errors import UserError
from lit_emotalk.models.audio_encoder import AudioEncoderConfig, audio_encoder
from lit_emotalk.models.prompts import training_prompts, word_prompts
from lit_emotalk.models.text import MINILM_SIZE, MiniLM, OpenClip, TextTower, minilm, open_clip_size
from lit_emotalk.schema import ROWS, Hears

MAX_LOGIT_SCALE = 50.0
UNITS_GAIN = 4.0
"""Brings coefficients, most of them near 0, to about unit spread."""

SHRINKAGE = 1.0
"""Share of the mean variance added to every direction of the within-emotion covariance."""


@dataclass(frozen=True)
class EmotionSpaceConfig:
    """What the space is made of. audio: sizes of its ear. units_dropout: of the units' network.

    dim: width of a code. text: frozen text tower. image: `units` reads the 51 coefficients of a single
    picture, `open_clip` the picture itself through the frozen image tower. open_clip_model,
    open_clip_weights: see `OpenClip`. prompts: training prompts kept for each emotion. detail: weight in [0,
    1] of what tells the prompts of one emotion apart, beside what tells the emotions apart (1). units_width:
    of the units' network. raw: texts have the tower's own codes (the paper), without the discriminant, and so
    have pictures under `open_clip`, without a trained layer; `dim` is then the towers' width (512 of CLIP
    ViT-B/32, 384 of MiniLM) and `detail` is not looked at.
    """

    dim: int = 128
    text: Literal["minilm", "open_clip"] = "minilm"
    image: Literal["units", "open_clip"] = "units"
    open_clip_model: str = "ViT-B-32-quickgelu"
    open_clip_weights: str = "clip_vit_b32"
    prompts: int = 48
    detail: float = 0.3
    units_width: int = 256
    units_dropout: float = 0.2
    raw: bool = False
    audio: AudioEncoderConfig = field(default_factory=AudioEncoderConfig)


class UnitsEncoder(nn.Module):
    """The small image tower: 51 expression coefficients of a single picture -> code (our choice).

    It sees a face through the tracker, so that heads never seen, drawn or real, look alike to it; gaze is
    left out. One hidden layer, GELU, dropout: on faces of eleven speakers this did better than deeper ones.
    """

    def __init__(self, dim: int, width: int, dropout: float) -> None:
        super().__init__()
        look = set(ARKIT.columns("eyeLook"))
        columns = torch.tensor([i for i in range(ARKIT.expression_size) if i not in look])
        self.register_buffer("columns", columns, persistent=False)
        self.columns: Tensor
        self.layers = nn.Sequential(
            nn.Linear(len(self.columns), width), nn.GELU(), nn.Dropout(dropout), nn.Linear(width, dim)
        )

    def forward(self, expression: Tensor) -> Tensor:
        """expression (B, 51) in [0, 1] -> (B, dim)."""
        return self.layers(UNITS_GAIN * expression[..., self.columns])


class EmotionSpace(nn.Module):
    """Codes of texts, sound, pictures, labels and blends of them: unit vectors (B, D).

    The text side is closed-form and has no trained weights, so that words never seen keep their place: the
    frozen tower's embedding, less the prompts' common mean, whitened by the shrunken within-emotion
    covariance, turned to `dim` axes of which the first tell the emotions apart and the rest are scaled by
    `detail` (our choice). It is fitted to the training prompts by `fit_text` and kept in buffers, with a bank
    of the prompts' codes from which training and labels draw without the tower. With `raw` the frozen towers'
    embeddings are the codes, as in the paper: sound alone is trained towards them.
    """

    Config = EmotionSpaceConfig
    text_mean: Tensor
    text_projection: Tensor
    bank: Tensor

    def __init__(self, config: EmotionSpaceConfig = EmotionSpaceConfig()) -> None:
        super().__init__()
        self.config = config
        self.dim = config.dim
        uses_clip = "open_clip" in (config.text, config.image)
        clip_size = open_clip_size(config.open_clip_model) if uses_clip else 0
        raw = MINILM_SIZE if config.text == "minilm" else clip_size
        if config.raw and config.image == "open_clip" and raw != clip_size:
            raise UserError("raw codes of pictures by open_clip need text: open_clip, for one space of both")
        if config.raw and config.dim != raw:
            raise UserError(f"raw codes are as wide as the text tower's: set dim to {raw}, not {config.dim}")
        if not len(EMOTIONS) <= config.dim <= raw:
            raise UserError(f"the space's dim must be {len(EMOTIONS)}..{raw}, not {config.dim}")
        if not config.raw:
            self.register_buffer("text_mean", torch.zeros(raw))
            self.register_buffer("text_projection", torch.zeros(raw, config.dim))
        self.register_buffer("bank", torch.zeros(len(EMOTIONS), config.prompts, config.dim))
        self.audio = audio_encoder(config.dim, config.audio)
        self.units = UnitsEncoder(config.dim, config.units_width, config.units_dropout)
        has_head = config.image == "open_clip" and not config.raw
        self.image_head = nn.Linear(clip_size, config.dim) if has_head else None
        self.log_scale = nn.Parameter(torch.tensor(10.0).log())
        self._towers: dict[str, MiniLM | OpenClip] = {}

    @property
    def device(self) -> torch.device:
        """Where the codes are computed."""
        return self.bank.device

    @property
    def scale(self) -> Tensor:
        """Inverse temperature of the contrastive loss, learned, at most 50."""
        return self.log_scale.exp().clamp(max=MAX_LOGIT_SCALE)

    @property
    def text_tower(self) -> TextTower:
        """The frozen text tower, loaded on first use."""
        return self._tower(self.config.text)

    def _tower(self, name: str) -> MiniLM | OpenClip:
        if name not in self._towers:
            config = self.config
            self._towers[name] = (
                minilm() if name == "minilm" else OpenClip(config.open_clip_model, config.open_clip_weights)
            )
        return self._towers[name]

    @property
    def fitted(self) -> bool:
        """Whether the text side has been fitted (or loaded)."""
        return bool(self.bank.any())

    @torch.no_grad()
    def fit_text(self) -> None:
        """Fit the text side (raw codes need none) to the training prompts, and fill the bank."""
        count = self.config.prompts
        prompts = [prompt for emotion in EMOTIONS for prompt in training_prompts(emotion, count)]
        raw = self.text_tower.embed_text(prompts).double().unflatten(0, (len(EMOTIONS), count))
        if self.config.raw:
            self.bank.copy_(F.normalize(raw, dim=-1))
            return
        mean, projection = fit_projection(raw, self.config.dim, self.config.detail)
        self.text_mean.copy_(mean)
        self.text_projection.copy_(projection)
        self.bank.copy_(F.normalize((raw - mean) @ projection, dim=-1))

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Codes (B, D) of any texts. Raises UserError for an empty or overlong text."""
        raw = self.text_tower.embed_text(list(texts)).to(self.device)
        if self.config.raw:
            return raw
        return F.normalize((raw - self.text_mean) @ self.text_projection, dim=-1)

    def encode_words(self, words: Sequence[str]) -> Tensor:
        """Codes (B, D) of single words or short phrases: the mean over all templates."""
        prompts = [prompt for word in words for prompt in word_prompts(word)]
        return F.normalize(self.encode_text(prompts).unflatten(0, (len(words), -1)).mean(1), dim=-1)

    def encode_label(self, labels: Sequence[str]) -> Tensor:
        """Codes (B, D) of canonical emotions (the mean of their prompts) and compounds (their parts' blend).

        Raises UserError for an unknown label.
        """
        names = [canonical(label) for label in labels]
        parts = [COMPOUNDS.get(name, (name,)) for name in names]
        codes = self.emotion_codes()
        return torch.stack([self.blend([(codes[EMOTIONS.index(p)], 1.0) for p in part]) for part in parts])

    def emotion_codes(self) -> Tensor:
        """The codes (9, D) of the canonical emotions, in the order of EMOTIONS."""
        return F.normalize(self.bank.mean(1), dim=-1)

    @property
    def hears(self) -> Hears:
        """What `encode_audio` takes of speech."""
        return self.config.audio.hears

    def encode_audio(self, speech: Tensor, mask: Tensor) -> Tensor:
        """Codes (B, D) of speech (B, rows * T, row size), as `hears` says (`schema.ROWS`,
        `ROW_SIZES`); mask (B, T) bool, False where padded."""
        return F.normalize(self.audio(speech, mask), dim=-1)

    def encode_clip(self, speech: Tensor) -> Tensor:
        """The code (D,) of one clip's speech (rows * T, row size), as `hears` says."""
        batch = speech[None].to(self.device)
        mask = torch.ones(1, len(speech) // ROWS[self.hears], dtype=torch.bool, device=self.device)
        return self.encode_audio(batch, mask)[0]

    def encode_units(self, expression: Tensor) -> Tensor:
        """Codes (B, D) of single pictures by their coefficients (B, 51), read without a resting shape."""
        return F.normalize(self.units(expression), dim=-1)

    def encode_image(self, image: Tensor) -> Tensor:
        """Codes (B, D) of pictures (B, 3, S, S) in [-1, 1], for `image: open_clip` only (else UserError)."""
        if self.config.image != "open_clip":
            raise UserError("this emotion space reads pictures through the tracker: use encode_units")
        tower = self._tower("open_clip")
        assert isinstance(tower, OpenClip)
        seen = tower.embed_image(image)
        return seen if self.image_head is None else F.normalize(self.image_head(seen), dim=-1)

    def blend(self, parts: Sequence[tuple[Tensor, float]]) -> Tensor:
        """The code between several: weighted sum of codes (..., D), brought back to unit length.

        Raises UserError where there is no part, a weight is negative, or all are zero.
        """
        if not parts or any(weight < 0 for _, weight in parts) or not any(weight for _, weight in parts):
            raise UserError("a blend needs weights of at least 0, one of them above 0")
        return F.normalize(torch.stack([weight * code for code, weight in parts]).sum(0), dim=-1)

    def similarities(self, code: Tensor) -> dict[str, float]:
        """Cosine of one code (D,) to every canonical emotion, the nearest first."""
        cosines = (self.emotion_codes() @ code.reshape(-1)).tolist()
        return dict(sorted(zip(EMOTIONS, cosines, strict=True), key=lambda item: -item[1]))


def fit_projection(raw: Tensor, dim: int, detail: float) -> tuple[Tensor, Tensor]:
    """Mean (R,) and projection (R, dim) of text embeddings from those of the training prompts (E, K, R).

    Fisher's linear discriminant with a shrunken within-class covariance, kept to full width: the first E - 1
    axes span the emotions' means after whitening, the others are the leading principal axes of what is left,
    scaled by `detail` (our choice). The signs of the axes are fixed, so that the fit is reproducible.
    """
    emotions, _, size = raw.shape
    mean = raw.mean((0, 1))
    centred = raw - mean
    within = (centred - centred.mean(1, keepdim=True)).flatten(0, 1)
    covariance = within.T @ within / len(within)
    shrunken = covariance + SHRINKAGE * covariance.trace() / size * torch.eye(size, dtype=raw.dtype)
    values, vectors = torch.linalg.eigh(shrunken)
    whitener = (vectors * values.rsqrt()) @ vectors.T
    white = (centred @ whitener).flatten(0, 1)
    between = torch.linalg.svd((centred.mean(1) @ whitener), full_matrices=False)[2][: emotions - 1]
    rest = white - white @ between.T @ between
    others = torch.linalg.svd(rest, full_matrices=False)[2][: dim - len(between)]
    axes = torch.cat([between, detail * others])
    signs = axes.gather(1, axes.abs().argmax(1, keepdim=True)).sign()
    return mean, whitener @ (axes * signs).T
