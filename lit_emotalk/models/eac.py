"""EAC, the Emotion-aware Audio-to-3DMM Convertor: speech and an emotion code to expression coefficients."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from lit_emotalk.coefficients import get_layout
from lit_emotalk.emotions import COMPOUNDS, EMOTIONS
from lit_emotalk.errors import UserError
from lit_emotalk.models.audio_encoder import MEL_CENTRE, MEL_SPREAD
from lit_emotalk.models.states_front import StatesFront
from lit_emotalk.models.transformer import TransformerEncoder
from lit_emotalk.schema import MEL_BANDS, MEL_PER_FRAME, ROWS, Hears

RESTING = 0.05
"""Where an untrained network's coefficients lie."""

Codes = Literal["space", "one_hot", "none"]
"""What tells the emotion: codes of the emotion space, or for baselines `label_codes`, or nothing."""


@dataclass(frozen=True)
class EACConfig:
    """Sizes of the convertor. layers, heads, width: of the Transformer, the supplement's (section 1.2).

    code_dim: width of the emotion's codes. context: video frames of speech around a frame that it hears
    directly, odd. dropout: on the residual branches, in [0, 1). window, overlap: frames of `predict`'s
    windows and of the stretch that two of them share. codes: what the emotion's codes are; with `none` they
    are not looked at. intensity: False leaves the intensity out, its token and its product with the code.
    product: False leaves out the product alone, so that the prepended token says the intensity (the paper).
    hears: the log-mel (the paper's), or what Whisper's encoder makes of the sound. convolutions, kernel: of
    the front between Whisper's states and the Transformer, which takes the place of `context`. layout: of the
    coefficients: arkit, or bfm (the paper's) for shards that hold Deep3DFaceRecon's.
    """

    code_dim: int = 128
    layers: int = 8
    heads: int = 8
    width: int = 256
    context: int = 5
    dropout: float = 0.1
    window: int = 100
    overlap: int = 25
    codes: Codes = "space"
    intensity: bool = True
    product: bool = True
    hears: Hears = "mel"
    convolutions: int = 3
    kernel: int = 5
    layout: Literal["arkit", "bfm"] = "arkit"


def label_codes(labels: Sequence[str]) -> Tensor:
    """One-hot codes (B, 9) of emotions' names, of unit length: the baseline of the paper's argument.

    A compound has both its parts' entries, an unknown name zeros.
    """
    parts = [COMPOUNDS.get(label, (label,)) for label in labels]
    codes = torch.tensor([[float(name in names) for name in EMOTIONS] for names in parts])
    return nn.functional.normalize(codes, dim=-1)


class EAC(nn.Module):
    """Transformer over the frames of speech, with a prepended intensity token (supplement 1.2 and Fig. 4b).

    A frame's token is a linear map of the mel columns of `context` frames around it, or a convolutional front
    over Whisper's states, plus a linear map of the emotion's code and of the code times the intensity, which
    alone brings a weak face to a strong one in few steps (our choice; `product: false` leaves it out). The
    first token is a learned vector plus a small network of the intensity. Positions are rotary, so that
    speech may have any length. A logistic output keeps arkit's weights in [0, 1]; bfm's coefficients, which
    have either sign, come from the linear layer as they are. For a code that is left out a learned null code
    stands: speech without an emotion asked for (our choice).
    """

    Config = EACConfig

    def __init__(self, config: EACConfig = EACConfig()) -> None:
        super().__init__()
        if config.kernel % 2 == 0 or config.convolutions < 0 or config.layers < 0:
            raise UserError("EAC: kernel must be odd, convolutions and layers at least 0")
        if config.hears not in ("mel", "whisper"):
            raise UserError(f"EAC: hears must be mel or whisper, not {config.hears}")
        if config.context % 2 == 0 or not 0 < config.overlap <= config.window // 2:
            raise UserError("EAC: context must be odd, and overlap between 1 and half the window")
        self.config = config
        self.layout = get_layout(config.layout)
        self.bounded = self.layout.low == 0
        width = config.width
        self.hear: nn.Linear | StatesFront
        if config.hears == "whisper":
            self.hear = StatesFront(width, config.convolutions, config.kernel, config.dropout)
        else:
            self.hear = nn.Linear(config.context * MEL_PER_FRAME * MEL_BANDS, width)
        self.feel = nn.Linear((1 + config.product) * config.code_dim, width)
        self.null_code = nn.Parameter(torch.randn(config.code_dim) / config.code_dim**0.5)
        if config.intensity:
            self.intensity_token = nn.Parameter(torch.randn(width) * 0.02)
            self.intensity = nn.Sequential(nn.Linear(1, width), nn.GELU(), nn.Linear(width, width))
        self.transformer = TransformerEncoder(width, config.layers, config.heads, config.dropout)
        self.head = nn.Linear(width, self.layout.expression_size)
        nn.init.normal_(self.head.weight, std=0.01)
        resting = float(torch.logit(torch.tensor(RESTING))) if self.bounded else 0.0
        nn.init.constant_(self.head.bias, resting)

    @property
    def reach(self) -> int:
        """Frames on either side of a frame that it hears directly."""
        if self.config.hears == "whisper":
            return self.config.convolutions * (self.config.kernel // 2)
        return self.config.context // 2

    def tokens(
        self, speech: Tensor, code: Tensor | None, intensity: Tensor, mask: Tensor | None, drop: Tensor | None
    ) -> Tensor:
        """Tokens (B, 1 + T, width), the intensity's first (where there is one); arguments as in `forward`."""
        spoken = self._spoken(speech, mask)
        null = self.null_code.to(spoken.dtype).expand(len(speech), 1, -1)
        if self.config.codes == "none":
            code = None
        emotion = null if code is None else code if code.ndim == 3 else code[:, None]
        if drop is not None:
            emotion = torch.where(drop[:, None, None], null, emotion)
        strength = intensity[:, None].to(spoken.dtype)
        emotion = emotion * self.config.code_dim**0.5
        scaled = emotion * strength[:, None] if self.config.intensity else emotion
        felt = self.feel(torch.cat([emotion, scaled], -1) if self.config.product else emotion)
        if not self.config.intensity:
            return spoken + felt
        token = self.intensity_token + self.intensity(strength)
        return torch.cat([token[:, None], spoken + felt], 1)

    def _spoken(self, speech: Tensor, mask: Tensor | None) -> Tensor:
        """What is heard in each frame, (B, T, width)."""
        if isinstance(self.hear, StatesFront):
            return self.hear(speech, mask)
        frames = ((speech - MEL_CENTRE) / MEL_SPREAD).unflatten(1, (-1, MEL_PER_FRAME)).flatten(2)
        if mask is not None:
            frames = frames.masked_fill(~mask[..., None], 0.0)
        reach = self.config.context // 2
        padded = nn.functional.pad(frames, (0, 0, reach, reach))
        return self.hear(padded.unfold(1, self.config.context, 1).transpose(2, 3).flatten(2))

    def forward(
        self,
        speech: Tensor,
        code: Tensor | None,
        intensity: Tensor,
        mask: Tensor | None = None,
        drop: Tensor | None = None,
    ) -> Tensor:
        """Expression coefficients at 25 fps: (B, T, 51) in [0, 1] of arkit, (B, T, 64) of bfm.

        speech, as `hears` says: natural-log mel (B, 4T, 80) or Whisper's states (B, T, 768); code (B, D), or
        (B, T, D) for a schedule, or None for none; intensity (B,) in [0, 1]; mask (B, T) bool, False where
        padded; drop (B,) bool, whose code is left out.
        """
        first = int(self.config.intensity)
        keep = None if mask is None else torch.cat([mask.new_ones(len(mask), first), mask], 1)
        features = self.transformer(self.tokens(speech, code, intensity, mask, drop), keep)
        made = self.head(features[:, first:])
        return torch.sigmoid(made) if self.bounded else made

    def attention(self, speech: Tensor, code: Tensor | None, intensity: Tensor) -> Tensor:
        """Attention averaged over heads and layers (B, 1 + T, 1 + T), intensity token first (Fig. 4b)."""
        return self.transformer.attention_maps(self.tokens(speech, code, intensity, None, None)).mean(0)

    @torch.inference_mode()
    def predict(
        self,
        speech: Tensor,
        code: Tensor | None,
        intensity: Tensor,
        window: int | None = None,
        overlap: int | None = None,
    ) -> Tensor:
        """`forward` for speech of any length, in overlapping windows that are faded into one another.

        Shapes as in `forward`, without padding; `window` and `overlap` in frames, the config's by default.
        Each frame of an overlap is a mean of both windows' whose weight moves linearly from one to the other.
        Memory beside input and output is that of one window. Raises UserError where overlap exceeds half a
        window.
        """
        window = self.config.window if window is None else window
        overlap = self.config.overlap if overlap is None else overlap
        if not 0 < overlap <= window // 2:
            raise UserError(
                f"overlap must be between 1 and half the window of {window} frames, not {overlap}"
            )
        rows = ROWS[self.config.hears]
        total = speech.shape[1] // rows
        reach = self.reach
        made = speech.new_zeros(len(speech), total, self.layout.expression_size)
        rise = torch.linspace(0, 1, overlap + 2, device=speech.device)[1:-1, None]
        for start in window_starts(total, window, overlap):
            end = min(start + window, total)
            left, right = min(reach, start), min(reach, total - end)
            first, last = start - left, end + right
            part = code[:, first:last] if code is not None and code.ndim == 3 else code
            piece = speech[:, rows * first : rows * last]
            out = self(piece, part, intensity)[:, left : left + end - start]
            if start:
                shared = made[:, start : start + overlap]
                out[:, :overlap] = shared + rise * (out[:, :overlap] - shared)
            made[:, start:end] = out
        return made


def window_starts(total: int, window: int, overlap: int) -> list[int]:
    """Where the windows begin that cover `total` frames, each sharing at least `overlap` with the one before.

    The last window ends with the speech, moved back so that it is as long as the others.
    """
    if total <= window:
        return [0]
    starts = list(range(0, total - window, window - overlap))
    return [*starts, total - window]
