"""The data module of stage sync: windows of face crops with their sound."""

from pathlib import Path
from typing import Any

from lit_emotalk.data.datamodule import ShardDataModule
from lit_emotalk.data.decode_frames import SyncDecoder, View
from lit_emotalk.data.pipeline import Decoder
from lit_emotalk.errors import UserError


class SyncDataModule(ShardDataModule):
    """Windows of consecutive face crops with their sound: what stage sync reads.

    Batches: `frames` (B, N, 3, S, S) in [0, 255]; `samples` (B, M) in [-1, 1], M samples of 16 kHz sound from
        the window's first frame on; `start` (B,) int64, that frame; `key`, `speaker`, `label`, `emotion`,
        `intensity`. The `windows` of a clip are neighbours in the batch.

    Arguments:
        resolution: S.
        view: what the crops show, see `sync_crop`; the network's `view`.
        frames: N.
        samples: M; 3440 holds the 20 MFCC columns that SyncNet sees (19 hops of 160 and a window of 400).
        windows: windows of one clip in a batch; `batch_size` is a multiple of it.
        kwargs: see `ShardDataModule`.
    """

    kind = "frames"
    kinds = ("frames", "signals")

    def __init__(
        self,
        shards: str | Path,
        batch_size: int = 16,
        resolution: int = 224,
        frames: int = 5,
        samples: int = 3440,
        windows: int = 2,
        view: View = "face",
        **kwargs: Any,
    ) -> None:
        super().__init__(shards, batch_size, **kwargs)
        if min(resolution, frames, samples, windows) < 1 or batch_size % windows:
            raise UserError("resolution, frames, samples, windows must be at least 1 and divide batch_size")
        self.resolution = resolution
        self.frames = frames
        self.samples = samples
        self.samples_per_clip = windows
        self.view = view

    def decoder(self, split: str) -> Decoder:
        """Windows, their sound found by key in the signals shards of the same split."""
        self.layout()
        size = self.manifest.frame_size
        if size is None:
            raise UserError(f"{self.shards} has no frames")
        sounds = {clip.key: clip for clip in self.clips("signals", split)}
        windows = self.samples_per_clip
        return SyncDecoder(sounds, size, self.resolution, self.frames, self.samples, windows, self.view)
