"""The CLIP audio encoder: speech to one emotion code (paper's supplement, section 1.1 and Fig. 1a)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lit_emotalk.errors import UserError
from lit_emotalk.models.states_front import StatesFront
from lit_emotalk.models.statistics_encoder import StatisticsEncoder
from lit_emotalk.models.transformer import TransformerEncoder
from lit_emotalk.schema import MEL_BANDS, Hears

MEL_CENTRE = -5.0
MEL_SPREAD = 2.5
"""Natural-log mel values are brought to about zero mean and unit spread with these (our choice)."""


@dataclass(frozen=True)
class AudioEncoderConfig:
    """Sizes of the audio encoder; layers, heads and width are the supplement's.

    layers, heads, width: of the Transformer. kernel: width of the stem's convolutions. dropout: on the
    residual branches, in [0, 1). trim: leaves out the silence before and after speech (`spoken`), for the
    log-mel only, which tells it. hears: `mel` (the log-mel, the paper's) or `whisper` (what Whisper's encoder
    makes of the sound), through an `AudioEncoder`; or `voice`, `all` (with the voice's pitch), through a
    `StatisticsEncoder`, which of the sizes has `width` and `dropout` alone.
    """

    layers: int = 4
    heads: int = 8
    width: int = 256
    kernel: int = 5
    dropout: float = 0.1
    trim: bool = False
    hears: Hears = "mel"


def audio_encoder(dim: int, config: AudioEncoderConfig) -> "AudioEncoder | StatisticsEncoder":
    """The encoder for what the configuration hears. Raises UserError for `trim` with anything but mel."""
    if config.trim and config.hears != "mel":
        raise UserError(f"silence is trimmed by the log-mel alone: leave trim out with hears: {config.hears}")
    if config.hears in ("voice", "all"):
        return StatisticsEncoder(dim, config.hears, config.width, config.dropout)
    return AudioEncoder(dim, config)


SPEECH_SHARE = 0.35
"""Speech is what is louder than this share of the way from a clip's quietest to its loudest frame."""
SPEECH_MARGIN = 3
"""Frames that are kept before and after speech."""


def spoken(mel: Tensor, mask: Tensor) -> Tensor:
    """mask (B, T) without the silence before the first speech and after the last: mel (B, 4T, 80) -> (B, T).

    Loudness is the mean of a frame's natural-log mel, its range the clip's own, so that a quiet recording or
    one with noise is cut alike (our choice; actors' recordings, as RAVDESS's, begin and end with up to a
    second of silence). A clip whose loudness does not vary is kept whole.
    """
    loud = mel.unflatten(1, (mask.shape[1], -1)).mean((2, 3))
    top = loud.masked_fill(~mask, -torch.inf).amax(1, keepdim=True)
    low = loud.masked_fill(~mask, torch.inf).amin(1, keepdim=True)
    speech = mask & (loud >= low + SPEECH_SHARE * (top - low))
    frame = torch.arange(mask.shape[1], device=mel.device)
    first = torch.where(speech, frame, mask.shape[1]).amin(1, keepdim=True)
    last = torch.where(speech, frame, -1).amax(1, keepdim=True)
    return mask & (frame >= first - SPEECH_MARGIN) & (frame <= last + SPEECH_MARGIN)


def trim_silence(mel: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Clips cut to what is `spoken`, each moved to the front: mel (B, 4T, 80), mask (B, T) -> mel (B, 4T',
    80), mask (B, T'), and the frame (B,) that each began at."""
    keep = spoken(mel, mask)
    start, length = keep.int().argmax(1), keep.sum(1)
    frame = torch.arange(int(length.max()), device=mel.device)
    place = (start[:, None] + frame).clamp(max=mask.shape[1] - 1)
    columns = mel.unflatten(1, (mask.shape[1], -1))
    moved = columns.gather(1, place[..., None, None].expand(-1, -1, *columns.shape[2:]))
    return moved.flatten(1, 2), frame < length[:, None], start


class AudioEncoder(nn.Module):
    """Speech -> CLS token and one token a video frame -> Transformer -> the CLS token, projected.

    Two convolutions of stride 2 bring four mel columns to one token of a video frame (our choice), a
    `StatesFront` of one convolution Whisper's states; a learned CLS token is prepended for pooling, and a
    linear layer projects it (supplement 1.1). Padded frames are zeroed before every convolution and masked in
    every attention, so that they never change the code; nor, where the configuration says `trim`, does
    silence before and after speech. Speech is natural-log mel (B, 4T, 80) or Whisper's states (B, T, 768), as
    `hears` says.
    """

    def __init__(self, dim: int, config: AudioEncoderConfig = AudioEncoderConfig()) -> None:
        super().__init__()
        self.config = config
        width, kernel = config.width, config.kernel
        if config.hears == "whisper":
            self.front = StatesFront(width, 1, kernel, config.dropout)
        else:
            self.down = nn.ModuleList(
                [
                    nn.Conv1d(MEL_BANDS, width, kernel, 2, kernel // 2),
                    nn.Conv1d(width, width, kernel, 2, kernel // 2),
                ]
            )
        self.cls = nn.Parameter(torch.randn(width) * 0.02)
        self.transformer = TransformerEncoder(width, config.layers, config.heads, config.dropout)
        self.project = nn.Linear(width, dim)

    def tokens(self, speech: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Speech, mask (B, T) -> tokens (B, 1 + T, width), CLS first, and their mask (B, 1 + T)."""
        frames = self.front(speech, mask) if self.config.hears == "whisper" else self._shrunk(speech, mask)
        cls = self.cls.to(frames.dtype).expand(len(frames), 1, -1)
        keep = torch.cat([mask.new_ones(len(mask), 1), mask], 1)
        return torch.cat([cls, frames], 1), keep

    def _shrunk(self, mel: Tensor, mask: Tensor) -> Tensor:
        x = ((mel - MEL_CENTRE) / MEL_SPREAD).transpose(1, 2)
        for shrink, layer in zip((4, 2), self.down, strict=True):
            valid = mask.repeat_interleave(shrink, 1)[:, None]
            x = torch.nn.functional.gelu(layer(x.masked_fill(~valid, 0.0)))
        return x.transpose(1, 2)

    def forward(self, speech: Tensor, mask: Tensor) -> Tensor:
        """Speech, mask (B, T) bool, True where there is speech data -> (B, dim)."""
        return self.project(self.transformer(*self.tokens(*self.trimmed(speech, mask)))[:, 0])

    def trimmed(self, speech: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Clips as they are heard: without the silence around speech where the configuration says `trim`."""
        return trim_silence(speech, mask)[:2] if self.config.trim else (speech, mask)

    def attention(self, speech: Tensor, mask: Tensor) -> Tensor:
        """How much the code looks at each frame: (B, T), the CLS row averaged over heads and layers (Fig.
        4a); 0 for what is trimmed.
        """
        if not self.config.trim:
            return self._looks(speech, mask)
        looks, frames = speech.new_zeros(mask.shape), mask.shape[1]
        heard, heard_mask, start = trim_silence(speech, mask)
        for row, (begin, seen) in enumerate(zip(start, self._looks(heard, heard_mask), strict=True)):
            looks[row, begin : begin + len(seen)] = seen[: frames - begin]
        return looks

    def _looks(self, speech: Tensor, mask: Tensor) -> Tensor:
        return self.transformer.attention_maps(*self.tokens(speech, mask))[:, :, 0, 1:].mean(0)
