"""The data module of pairs of frames (HEF)."""

from pathlib import Path
from typing import Any

from lit_emotalk.data.datamodule import ShardDataModule
from lit_emotalk.data.decode_frames import PairsDecoder, companions_of
from lit_emotalk.data.finish_frames import finished
from lit_emotalk.data.pipeline import Batch, Clips, Decoder
from lit_emotalk.data.recolour import Recolour
from lit_emotalk.data.reframe import Reframe
from lit_emotalk.errors import UserError


class FramesDataModule(ShardDataModule):
    """Pairs of frames of one person: what stage hef reads.

    Batches: `source`, `target` (B, 3, S, S) in [-1, 1]; `source_coeffs` (B, 57);
        `source_landmarks` (B, 478, 3) in crop units; `driving` (B, W, 57) around the target; `region` (B, 1,
        S, S) weights >= 1; `face_box` (B, 4) x0, y0, x1, y1 in pixels of the target; `emotion`,
        `intensity`, `key`, `speaker`, `label`. Loaders give what `PairsDecoder` makes; the trainer calls
        `on_after_batch_transfer` on each batch, which does the rest on its device, and so must who iterates
        over a loader without one.

    Arguments:
        resolution: S; the shards' frames are scaled to it.
        window: W, odd.
        eval_pairs: pairs of each validation and test clip: its first frame with that many later ones.
        mouth_weight: `region` inside the box of the mouth, at least 1.
        eye_weight: `region` inside the box of eyes and brows, at least 1.
        cross: share of training pairs in [0, 1] whose source is from another clip of the speaker and scene.
        reframe: how far the crops of training pairs are moved.
        recolour: how far the colours of training pairs are changed.
        following: whether training batches also have `following_target` and `following_driving`, of the frame
            after the target (for a temporal loss).
        second: whether batches also have `second`, `second_coeffs`, `second_landmarks`, of the frame of the
            source's clip with the widest mouth (for a generator of two sources).
        kwargs: see `ShardDataModule`.
    """

    kind = "frames"
    kinds = ("frames",)

    def __init__(
        self,
        shards: str | Path,
        batch_size: int = 8,
        resolution: int = 256,
        window: int = 27,
        eval_pairs: int = 2,
        mouth_weight: float = 4.0,
        eye_weight: float = 3.0,
        cross: float = 0.5,
        reframe: Reframe = Reframe(),  # noqa: B008
        recolour: Recolour = Recolour(),  # noqa: B008
        following: bool = False,
        second: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(shards, batch_size, **kwargs)
        if not 0 <= cross <= 1:
            raise UserError(f"cross is a share between 0 and 1, not {cross}")
        if window % 2 == 0 or min(window, resolution, eval_pairs, mouth_weight, eye_weight) < 1:
            raise UserError(
                "window must be odd; resolution, eval_pairs, mouth_weight and eye_weight at least 1"
            )
        self.resolution = resolution
        self.window = window
        self.eval_pairs = eval_pairs
        self.mouth_weight = mouth_weight
        self.eye_weight = eye_weight
        self.cross = cross
        self.reframe, self.recolour = reframe, recolour
        self.following, self.second = following, second

    def dataset(self, split: str, rank: int = 0, world: int = 1) -> Clips:
        """As the base's; a validation clip gives `eval_pairs` samples."""
        dataset = super().dataset(split, rank, world)
        if split != "train":
            dataset.samples_per_clip = self.eval_pairs
        return dataset

    def decoder(self, split: str) -> Decoder:
        """Pairs."""
        return PairsDecoder(
            self.layout(),
            self.resolution,
            self.window,
            self.eval_pairs,
            self.cross,
            companions_of(self.clips("frames", split)) if split == "train" else {},
            self.reframe,
            self.recolour,
            self.following,
            self.second,
        )

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """A loader's batch as described above, on the device that it lies on."""
        return finished(batch, self.mouth_weight, self.eye_weight)
