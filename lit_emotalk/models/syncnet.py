"""SyncNet: features of five video frames and of the 0.2 s of sound that belong to them."""

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from lit_emotalk.errors import UserError
from lit_emotalk.models.mfcc import CEPSTRA, MFCC

WINDOW_FRAMES = 5
WINDOW_COLUMNS = 20
COLUMNS_PER_FRAME = 4
SMALLEST_CROP = 58


@dataclass(frozen=True)
class SyncNetConfig:
    """width: multiplies every hidden width. crop: side of the face crop in pixels. embedding: size of a
    feature. view: what the crops show, "face" (the reference's rule) or "mouth".

    The defaults are the reference network, into which `syncnet_v2.model` loads strictly."""

    width: float = 1.0
    crop: int = 224
    embedding: int = 1024
    view: Literal["face", "mouth"] = "face"


class SyncNet(nn.Module):
    """The two-branch network of "Out of time: automated lip sync in the wild" (Chung and Zisserman, 2016),
    with the layers, the parameter names and the inputs of `syncnet_python`.

    Every video layer but the first has a temporal extent of one frame, so a run of n frames goes through the
    network once and gives its n - 4 windows. For a crop other than 224 the last video kernel takes what is
    left of the picture. Features are not normalised; the score is their Euclidean distance
    (`lit_emotalk.metrics.sync`).

    Raises UserError for a crop below 58 pixels, which the video branch would shrink to nothing.
    """

    Config = SyncNetConfig

    def __init__(self, config: SyncNetConfig = SyncNetConfig()) -> None:
        super().__init__()
        if config.crop < SMALLEST_CROP:
            raise UserError(f"SyncNet's crop is {config.crop} pixels; give at least {SMALLEST_CROP}")
        self.config = config
        w64, w96, w192, w256, w384, w512 = (
            max(8, round(n * config.width)) for n in (64, 96, 192, 256, 384, 512)
        )
        self.netcnnaud = nn.Sequential(
            *_conv2d(1, w64, 3, 1),
            nn.MaxPool2d(1, 1),
            *_conv2d(w64, w192, 3, 1),
            nn.MaxPool2d(3, (1, 2)),
            *_conv2d(w192, w384, 3, 1),
            *_conv2d(w384, w256, 3, 1),
            *_conv2d(w256, w256, 3, 1),
            nn.MaxPool2d(3, 2),
            *_conv2d(w256, w512, (5, 4), 0),
        )
        self.netfcaud = _head(w512, config.embedding)
        self.netfclip = _head(w512, config.embedding)
        self.netcnnlip = nn.Sequential(
            *_conv3d(3, w96, (WINDOW_FRAMES, 7, 7), (1, 2, 2), 0),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_conv3d(w96, w256, (1, 5, 5), (1, 2, 2), (0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *_conv3d(w256, w256, (1, 3, 3), 1, (0, 1, 1)),
            *_conv3d(w256, w256, (1, 3, 3), 1, (0, 1, 1)),
            *_conv3d(w256, w256, (1, 3, 3), 1, (0, 1, 1)),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_conv3d(w256, w512, (1, *_remaining(config.crop)), 1, 0),
        )
        self.mfcc = MFCC()

    def video_features(self, frames: Tensor) -> Tensor:
        """(B, n, 3, crop, crop) RGB in [0, 255], n >= 5 -> (B, n - 4, embedding): window v covers frames v
        .. v + 4."""
        bgr = frames.flip(2).transpose(1, 2)
        features = self.netcnnlip(bgr).flatten(2).transpose(1, 2)
        return self.netfclip(features.flatten(0, 1)).unflatten(0, features.shape[:2])

    def sound_features(self, samples: Tensor) -> Tensor:
        """(B, N) samples in [-1, 1], 16 kHz -> (B, W, embedding): window v covers the MFCC columns 4v .. 4v
        + 19."""
        cepstra = self.mfcc(samples)
        windows = cepstra.unfold(1, WINDOW_COLUMNS, COLUMNS_PER_FRAME)
        features = self.netcnnaud(windows.reshape(-1, 1, CEPSTRA, WINDOW_COLUMNS)).flatten(1)
        return self.netfcaud(features).unflatten(0, windows.shape[:2])

    def forward(self, frames: Tensor, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Video and sound features of the windows that both have: (B, W, embedding) each (see the two
        methods)."""
        video, sound = self.video_features(frames), self.sound_features(samples)
        windows = min(video.shape[1], sound.shape[1])
        return video[:, :windows], sound[:, :windows]


def load_reference(path: Path | str) -> SyncNet:
    """The reference network with the weights of `syncnet_v2.model`, in evaluation mode.

    Raises UserError where the file is no state dictionary of the reference network.
    """
    network = SyncNet()
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True), strict=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is not syncnet_v2.model; fetch it again") from error
    return network.eval()


def windows_of(frames: int) -> int:
    """Number of windows that the reference scores in a clip of `frames` frames: frames - 5, one less than
    there are."""
    return max(frames - WINDOW_FRAMES, 0)


def segment_samples(frames: int) -> int:
    """Samples whose MFCC columns are exactly the 4 * `frames` of a run of frames: 640 a frame and the last
    window's end."""
    return 640 * frames + 240


def _conv2d(inputs: int, outputs: int, kernel: int | tuple[int, int], padding: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, kernel, padding=padding), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)


def _conv3d(
    inputs: int,
    outputs: int,
    kernel: tuple[int, int, int],
    stride: int | tuple[int, int, int],
    padding: int | tuple[int, int, int],
) -> tuple[nn.Module, ...]:
    convolution = nn.Conv3d(inputs, outputs, kernel, stride, padding)
    return convolution, nn.BatchNorm3d(outputs), nn.ReLU(inplace=True)


def _head(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, inputs), nn.BatchNorm1d(inputs), nn.ReLU(), nn.Linear(inputs, outputs)
    )


def _remaining(crop: int) -> tuple[int, int]:
    """Side of what the video branch has left of a crop before its last convolution; 6 for 224."""
    for kernel, padding in ((7, 0), (3, 0), (5, 1), (3, 1), (3, 0)):
        crop = (crop + 2 * padding - kernel) // 2 + 1
    return crop, crop
