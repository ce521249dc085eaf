"""Augmentation of sound, log-mel spectrograms, expression coefficients and pictures of faces, on whole
batches."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lit_emotalk.emotions import EMOTIONS, LEVELLESS
from lit_emotalk.io.heard import join, part
from lit_emotalk.models.audio_encoder import MEL_CENTRE
from lit_emotalk.schema import ROWS, Hears

DECIBEL = math.log(10) / 20


@dataclass(frozen=True)
class SoundAugment:
    """How speech is varied in training; 0 leaves a change out. Drawn per sample, `speed` per batch.

    Of the log-mel alone, gain: standard deviation of the level in dB. noise: the highest noise level above
    silence that is mixed in, in natural-log mel. bands: largest shift of the spectrum up or down, in mel
    bands (another voice). Of Whisper's states alone, states: standard deviation of noise that is added,
    relative to theirs. Of the pitch alone, pitch: standard deviation of its shift in octaves. Of all, speed:
    largest relative change of speed. crop: largest share of the frames that is cut off. masks: number of time
    masks, and of band masks of the log-mel (SpecAugment), of mel or whisper by itself; mask_frames,
    mask_bands: largest widths.
    """

    gain: float = 4.0
    noise: float = 4.0
    bands: float = 3.0
    speed: float = 0.1
    crop: float = 0.4
    masks: int = 2
    mask_frames: int = 6
    mask_bands: int = 10
    states: float = 0.3
    pitch: float = 0.0


def augment_sound(
    speech: Tensor, mask: Tensor, how: SoundAugment, hears: Hears = "mel"
) -> tuple[Tensor, Tensor]:
    """Varied speech: (B, rows * T, row size) by `schema.ROWS` and `ROW_SIZES`, mask (B, T) -> the same of T'
    frames."""
    if how.speed:
        speech, mask = _change_speed(speech, mask, 1 + how.speed * (2 * float(torch.rand(())) - 1))
    varied = {name: _VARY[name](entry, how) for name, entry in part(speech, hears).items()}
    speech = join(varied, hears)
    if how.crop:
        mask = _crop(mask, how.crop)
    if len(varied) > 1:
        return speech, mask
    silence = MEL_CENTRE if hears == "mel" else 0.0
    for _ in range(how.masks):
        speech = speech.masked_fill(
            _band(speech.shape[1], ROWS[hears] * how.mask_frames, speech)[..., None], silence
        )
        if hears == "mel":
            speech = speech.masked_fill(_band(speech.shape[2], how.mask_bands, speech)[:, None], silence)
    return speech, mask


def _vary_mel(mel: Tensor, how: SoundAugment) -> Tensor:
    batch, device = len(mel), mel.device
    if how.bands:
        mel = _shift_bands(mel, how.bands * (2 * torch.rand(batch, device=device) - 1))
    if how.gain:
        mel = mel + how.gain * DECIBEL * torch.randn(batch, 1, 1, device=device)
    if how.noise:
        level = math.log(1e-5) + how.noise * torch.rand(batch, 1, 1, device=device)
        mel = torch.logaddexp(mel, level + 0.5 * torch.randn_like(mel))
    return mel


def _vary_states(states: Tensor, how: SoundAugment) -> Tensor:
    return states + how.states * states.std() * torch.randn_like(states) if how.states else states


def _vary_pitch(columns: Tensor, how: SoundAugment) -> Tensor:
    if not how.pitch:
        return columns
    shift = how.pitch * torch.randn(len(columns), 1, 1, device=columns.device)
    return torch.cat((columns[..., :1] + shift, columns[..., 1:]), -1)


_VARY = {"mel": _vary_mel, "whisper": _vary_states, "pitch": _vary_pitch}


def _change_speed(speech: Tensor, mask: Tensor, factor: float) -> tuple[Tensor, Tensor]:
    frames = max(1, round(mask.shape[1] / factor))
    rows = speech.shape[1] // mask.shape[1]
    stretched = F.interpolate(speech.transpose(1, 2), rows * frames, mode="linear")
    kept = F.interpolate(mask[:, None].to(speech.dtype), frames, mode="nearest")[:, 0] > 0.5
    return stretched.transpose(1, 2), kept


def _shift_bands(mel: Tensor, shift: Tensor) -> Tensor:
    bands = mel.shape[2]
    place = (torch.arange(bands, device=mel.device) + shift[:, None]).clamp(0, bands - 1)
    low = place.floor().long().clamp(max=bands - 2)
    share = (place - low)[:, None]
    below = mel.gather(2, low[:, None].expand_as(mel))
    above = mel.gather(2, low[:, None].expand_as(mel) + 1)
    return below + share * (above - below)


def _crop(mask: Tensor, most: float) -> Tensor:
    length = mask.sum(1, keepdim=True).to(torch.float32)
    cut = most * torch.rand_like(length) * length
    start = torch.rand_like(length) * cut
    frame = torch.arange(mask.shape[1], device=mask.device)
    return mask & (frame >= start.floor()) & (frame < (length - cut + start).ceil())


def _band(size: int, widest: int, like: Tensor) -> Tensor:
    width = torch.rand(len(like), 1, device=like.device) * widest
    start = torch.rand(len(like), 1, device=like.device) * (size - width).clamp(min=0)
    place = torch.arange(size, device=like.device)
    return (place >= start) & (place < start + width)


@dataclass(frozen=True)
class FaceAugment:
    """How a single picture's coefficients are varied in training.

    spread: standard deviation, in frames, of the distance from the key frame. rested: share of samples read
    with the speaker's resting shape, as the EAC's output is. gain: largest relative change of all units.
    noise: standard deviation added to each. mirror: whether sides are swapped in half of the samples.
    """

    spread: float = 4.0
    rested: float = 0.3
    gain: float = 0.25
    noise: float = 0.04
    mirror: bool = True


def draw_frames(expression: Tensor, mask: Tensor, key_frame: Tensor, spread: float) -> Tensor:
    """One frame of each clip, drawn around its key frame: (B, T, C), (B, T), (B,) -> (B, C)."""
    last = mask.sum(1) - 1
    near = key_frame + spread * torch.randn(len(last), device=last.device)
    frame = near.round().long().clamp(min=0).minimum(last)
    return expression[torch.arange(len(frame), device=frame.device), frame]


def augment_face(expression: Tensor, how: FaceAugment, mirrored: Tensor) -> Tensor:
    """Varied coefficients of single pictures: (B, 51) -> (B, 51) in [0, 1]. `mirrored`: `Layout.mirrored` on
    the coefficients' device."""
    size = (len(expression), 1)
    device = expression.device
    if how.mirror:
        swapped = expression[:, mirrored]
        expression = torch.where(torch.rand(size, device=device) < 0.5, swapped, expression)
    gain = 1 + how.gain * (2 * torch.rand(size, device=device) - 1)
    return (gain * expression + how.noise * torch.randn_like(expression)).clamp(0, 1)


@dataclass(frozen=True)
class PictureAugment:
    """How a picture of a face is varied in training, so that its expression stays; 0 leaves a change out.

    mirror: whether half of the pictures are mirrored. shift: largest move, in picture widths. zoom: largest
    relative change of size. turn: largest rotation in degrees. light: largest change of brightness, of the
    whole range. contrast: largest relative change of contrast.
    """

    mirror: bool = True
    shift: float = 0.05
    zoom: float = 0.1
    turn: float = 8.0
    light: float = 0.1
    contrast: float = 0.25


def augment_picture(image: Tensor, how: PictureAugment) -> Tensor:
    """Varied pictures: (B, C, S, S) -> (B, C, S, S), in [-1, 1]; the edge is repeated beyond the picture.

    A run of pictures whose channels stand behind one another is varied as one.
    """

    def draw(most: float) -> Tensor:
        return most * (2 * torch.rand(len(image), device=image.device) - 1)

    side = torch.ones(len(image), device=image.device)
    if how.mirror:
        side = torch.where(draw(1.0) < 0, -side, side)
    angle, size = torch.deg2rad(draw(how.turn)), 1 + draw(how.zoom)
    across = torch.stack([side * size * angle.cos(), -size * angle.sin(), 2 * draw(how.shift)], -1)
    down = torch.stack([side * size * angle.sin(), size * angle.cos(), 2 * draw(how.shift)], -1)
    grid = F.affine_grid(torch.stack([across, down], 1), list(image.shape), align_corners=False)
    moved = F.grid_sample(image, grid.to(image.dtype), padding_mode="border", align_corners=False)
    contrast, light = (1 + draw(how.contrast))[:, None, None, None], 2 * draw(how.light)[:, None, None, None]
    mean = moved.mean((1, 2, 3), keepdim=True)
    return (mean + contrast * (moved - mean) + light).clamp(-1, 1)


@dataclass(frozen=True)
class WaveAugment:
    """How sampled speech is varied in training, so that its timing stays; 0 leaves a change out.

    gain: standard deviation of the level in dB. colour: standard deviation of the taps of a random filter of
    `FILTER_TAPS` around an impulse. noise: highest level of white noise, relative to the speech's.
    """

    gain: float = 3.0
    colour: float = 0.1
    noise: float = 0.1


FILTER_TAPS = 9


def augment_wave(samples: Tensor, how: WaveAugment) -> Tensor:
    """Varied speech: (B, N) -> (B, N)."""
    batch, device = len(samples), samples.device
    if how.colour:
        taps = how.colour * torch.randn(batch, 1, FILTER_TAPS, device=device)
        taps[:, :, FILTER_TAPS // 2] += 1
        samples = F.conv1d(samples[None], taps, padding=FILTER_TAPS // 2, groups=batch)[0]
    if how.noise:
        level = how.noise * torch.rand(batch, 1, device=device).square() * samples.std(1, keepdim=True)
        samples = samples + level * torch.randn_like(samples)
    if how.gain:
        samples = samples * torch.exp(how.gain * DECIBEL * torch.randn(batch, 1, device=device))
    return samples


def draw_intensity(intensity: Tensor, emotion: Tensor, jitter: float, levelless: bool = True) -> Tensor:
    """Intensities (B,) in [0, 1] varied by up to `jitter`; with `levelless` any one for an emotion (B,) of
    `LEVELLESS`.

    Corpora have neutral and calm clips at level 1 alone, but people ask for "a neutral person" at intensity
    1: the traces of other emotions in such words must not grow with it (our choice).
    """
    drawn = torch.rand_like(intensity)
    varied = (intensity + jitter * (2 * drawn - 1)).clamp(0, 1)
    for name in LEVELLESS if levelless else ():
        varied = torch.where(emotion == EMOTIONS.index(name), drawn, varied)
    return varied
