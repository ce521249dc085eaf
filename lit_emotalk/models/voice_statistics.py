"""A voice in numbers: what its pitch, loudness, rhythm and spectrum do over a clip.

What acted voices and people have in common is prosody (the choice of numbers is ours, after the usual sets of
vocal emotion, Eyben et al., "GeMAPS", 2016), not the details of a synthesiser's sound.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_emotalk.schema import MEL_BANDS, MEL_HOP, SAMPLE_RATE

COLUMNS_A_SECOND = SAMPLE_RATE / MEL_HOP
DECIBEL = math.log(10) / 10
SPEECH_BELOW_PEAK_DB = 25.0
"""Columns at most this much quieter than the clip's loud ones (95th percentile) are speech."""
VOICED = 0.6
"""Periodicity of a voice."""
OCTAVES_AWAY = 1.2
"""A pitch this far from the median is an error of the tracker."""
FINE_BANDS = slice(45, 78)
"""Bands of the log-mel from about 2 to 7 kHz, whose flatness is breath."""
SMOOTH = 9
"""Columns that loudness is smoothed over before its peaks are counted."""

STATISTICS: tuple[str, ...] = (
    "pitch", "pitch_spread", "pitch_range", "pitch_slope", "pitch_end", "pitch_begin", "pitch_steps",
    "voiced", "harmonicity", "periodicity", "loudness", "loudness_spread", "loudness_range",
    "loudness_slope", "loudness_moves", "pitch_with_loudness", "seconds", "pauses", "peaks_a_second",
    "flatness", "tilt", "tilt_spread", "hollow",
)  # fmt: skip
"""Names of the numbers that `voice_statistics` gives."""


def masked_mean(x: Tensor, keep: Tensor) -> Tensor:
    """Mean of x (B, N) or (B, N, C) over the rows where keep (B, N) is true: (B,) or (B, C); 0 of none."""
    weight = keep.to(x.dtype).reshape(*keep.shape, *[1] * (x.dim() - 2))
    return (x * weight).sum(1) / weight.sum(1).clamp(min=1)


def masked_spread(x: Tensor, keep: Tensor) -> Tensor:
    """Standard deviation, as `masked_mean`."""
    return masked_mean((x - masked_mean(x, keep)[:, None]) ** 2, keep).sqrt()


def masked_quantile(x: Tensor, keep: Tensor, share: float) -> Tensor:
    """The value of x (B, N) that is nearest to the quantile `share` where keep is true: (B,); 0 of none."""
    count = keep.sum(1)
    place = (share * (count - 1).clamp(min=0)).round().long()
    value = x.masked_fill(~keep, torch.inf).sort(1).values.gather(1, place[:, None])[:, 0]
    return value.masked_fill(count == 0, 0.0)


def masked_slope(x: Tensor, keep: Tensor, time: Tensor) -> Tensor:
    """Least-squares slope of x (B, N) over time (B, N) where keep is true: (B,); 0 of less than two."""
    away = (time - masked_mean(time, keep)[:, None]) * keep
    spread = (away**2).sum(1)
    return (away * x).sum(1) / spread.masked_fill(spread == 0, 1.0)


def speech_columns(mel: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Which columns are speech, (B, N) bool, and every column's loudness in dB, of mel (B, N, 80) and mask
    (B, N)."""
    loudness = torch.logsumexp(2 * mel, 2) / DECIBEL
    peak = masked_quantile(loudness, mask, 0.95)
    return mask & (loudness >= peak[:, None] - SPEECH_BELOW_PEAK_DB), loudness


def between_ends(keep: Tensor) -> Tensor:
    """True from the first to the last true column of keep (B, N)."""
    return (keep.cumsum(1) > 0) & (keep.flip(1).cumsum(1).flip(1) > 0)


@torch.no_grad()
def voice_statistics(mel: Tensor, pitch: Tensor, mask: Tensor) -> Tensor:
    """Numbers (B, len(STATISTICS)) that describe each clip's voice.

    mel (B, N, 80) natural log, pitch (B, N, 2) as `pitch_columns` gives it, mask (B, N) bool, False where
    padded. Pitches are in octaves, loudness in dB, times in seconds; no statistic follows what is more
    than 40 ms away from speech.
    """
    speech, loudness = speech_columns(mel, mask)
    inside = between_ends(speech)
    time = torch.arange(mel.shape[1], device=mel.device).expand_as(loudness) / COLUMNS_A_SECOND
    seconds = inside.sum(1) / COLUMNS_A_SECOND
    numbers = [
        *_pitch(pitch, loudness, speech, inside, time),
        *_loudness(loudness, mask, speech, inside, time),
        *_spectrum(mel, speech),
    ]
    values = dict(numbers, seconds=seconds, pauses=1 - speech.sum(1) / inside.sum(1).clamp(min=1))
    return torch.stack([values[name] for name in STATISTICS], 1)


def _pitch(
    pitch: Tensor, loudness: Tensor, speech: Tensor, inside: Tensor, time: Tensor
) -> list[tuple[str, Tensor]]:
    octaves, periodic = pitch.unbind(2)
    voiced = speech & (periodic >= VOICED)
    voiced &= (octaves - masked_quantile(octaves, voiced, 0.5)[:, None]).abs() < OCTAVES_AWAY
    median = masked_quantile(octaves, voiced, 0.5)
    relative = octaves - median[:, None]
    passed = inside.cumsum(1) / inside.sum(1, keepdim=True).clamp(min=1)
    louder = loudness - masked_mean(loudness, voiced)[:, None]
    return [
        ("pitch", median),
        ("pitch_spread", masked_spread(octaves, voiced)),
        ("pitch_range", masked_quantile(octaves, voiced, 0.9) - masked_quantile(octaves, voiced, 0.1)),
        ("pitch_slope", masked_slope(octaves, voiced, time).clamp(-2, 2)),
        ("pitch_end", masked_quantile(relative, voiced & (passed > 0.8), 0.5).clamp(-1, 1)),
        ("pitch_begin", masked_quantile(relative, voiced & (passed < 0.25), 0.5).clamp(-1, 1)),
        ("pitch_steps", masked_mean(octaves.diff(dim=1).abs(), voiced[:, 1:] & voiced[:, :-1])),
        ("voiced", voiced.sum(1) / speech.sum(1).clamp(min=1)),
        ("harmonicity", masked_mean(periodic, voiced)),
        ("periodicity", masked_mean(periodic, speech)),
        ("pitch_with_loudness", masked_mean(relative * louder, voiced)),
    ]


def _loudness(
    loudness: Tensor, mask: Tensor, speech: Tensor, inside: Tensor, time: Tensor
) -> list[tuple[str, Tensor]]:
    peak = masked_quantile(loudness, speech, 0.95)
    smooth = _smooth(loudness * mask) / _smooth(mask.to(loudness.dtype)).clamp(min=1 / SMOOTH)
    step = smooth.diff(dim=1)
    top = (step[:, :-1] > 0) & (step[:, 1:] <= 0) & speech[:, 1:-1]
    return [
        ("loudness", peak),
        ("loudness_spread", masked_spread(loudness, speech)),
        ("loudness_range", peak - masked_quantile(loudness, speech, 0.1)),
        ("loudness_slope", masked_slope(loudness, speech, time)),
        ("loudness_moves", masked_mean(step.abs(), speech[:, 1:] & speech[:, :-1])),
        ("peaks_a_second", top.sum(1) / inside.sum(1).clamp(min=1) * COLUMNS_A_SECOND),
    ]


def _smooth(x: Tensor) -> Tensor:
    return F.avg_pool1d(x[:, None], SMOOTH, 1, SMOOTH // 2)[:, 0]


def _spectrum(mel: Tensor, speech: Tensor) -> list[tuple[str, Tensor]]:
    """Flatness, tilt (the log-mel's first cosine: how much stronger low bands are than high ones, mean and
    spread) and its second cosine: how much stronger the ends are than the middle."""
    tilt, hollow = (mel @ _cosines(mel.device).to(mel.dtype)).unbind(2)
    fine = mel[..., FINE_BANDS]
    flatness = fine.mean(2) - torch.logsumexp(fine, 2) + math.log(fine.shape[2])
    return [
        ("flatness", masked_mean(flatness, speech)),
        ("tilt", masked_mean(tilt, speech)),
        ("tilt_spread", masked_spread(tilt, speech)),
        ("hollow", masked_mean(hollow, speech)),
    ]


def _cosines(device: torch.device) -> Tensor:
    """The first two cosines of the orthonormal DCT-II after the constant, (80, 2), made on the device."""
    band = torch.arange(MEL_BANDS, device=device)[:, None] + 0.5
    wave = torch.arange(1, 3, device=device)[None]
    return torch.cos(math.pi / MEL_BANDS * band * wave) * math.sqrt(2 / MEL_BANDS)
