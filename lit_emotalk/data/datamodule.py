"""Data modules over a shard directory: their base, and that of signals (align, EAC)."""

from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Literal

import lightning as L
from lightning.pytorch.trainer.states import TrainerFn

from lit_emotalk.coefficients import Layout, get_layout
from lit_emotalk.data.decode import SignalsDecoder
from lit_emotalk.data.index import Clip, index_split
from lit_emotalk.data.manifest import Kind, Manifest, Shard, read_manifest
from lit_emotalk.data.order import Order, global_seed
from lit_emotalk.data.pipeline import Clips, Decoder, Loader
from lit_emotalk.errors import UserError
from lit_emotalk.io.progress import track
from lit_emotalk.schema import HEARD, Entry

Balance = Literal["emotion", "speaker"]

FETCHED_AT_ONCE = 4
"""Shards from afar that are fetched side by side."""


class ShardDataModule(L.LightningDataModule):
    """Base of the data modules.

    Training epochs are `steps_per_epoch` batches of `batch_size` samples on each rank, drawn from the endless
    sequence of `lit_emotalk.data.order`: disjoint over ranks, and the same for any `num_workers`. Validation
    and test give every clip of their split once, shared out over ranks and workers.

    Arguments:
        shards: a directory made by data_prep (manifest.json and tars), or its URL (http, https, s3, gs),
            whose shards are fetched once into `$LIT_EMOTALK_CACHE`.
        batch_size: samples of a batch on one rank.
        steps_per_epoch: batches of a training epoch on one rank.
        num_workers: loader processes of each loader; 0 loads in the training process.
        seed: of the data order; null takes the run's `seed_everything`.
        balance: groups that take turns in training, so that each is seen equally often: clips of one emotion,
            or of one speaker; None draws all clips equally often.
        bad_limit: clips that may be unusable (NaN, wrong shape, unreadable) before the run stops.
        verify: check every shard's sha256 first (reads all bytes); a shard cut short is always noticed.

    Raises UserError for numbers out of range, and in `setup` for missing, damaged or unfit shards.
    """

    kind: ClassVar[Kind] = "signals"
    kinds: ClassVar[tuple[Kind, ...]] = ("signals",)
    samples_per_clip: int = 1

    def __init__(
        self,
        shards: str | Path,
        batch_size: int = 16,
        steps_per_epoch: int = 100,
        num_workers: int = 1,
        seed: int | None = None,
        balance: Balance | None = "emotion",
        bad_limit: int = 20,
        verify: bool = False,
    ) -> None:
        super().__init__()
        if min(batch_size, steps_per_epoch) < 1 or min(num_workers, bad_limit) < 0:
            raise UserError(
                "batch_size, steps_per_epoch must be at least 1; num_workers, bad_limit at least 0"
            )
        self.shards = shards
        self.batch_size = batch_size
        self.steps_per_epoch = steps_per_epoch
        self.num_workers = num_workers
        self.seed = seed
        self.balance = balance
        self.bad_limit = bad_limit
        self.verify = verify
        self._manifest: Manifest | None = None
        self._clips: dict[tuple[Kind, str], list[Clip]] = {}

    @property
    def manifest(self) -> Manifest:
        """The shard directory's manifest, read once."""
        if self._manifest is None:
            self._manifest = read_manifest(self.shards)
        return self._manifest

    def prepare_data(self) -> None:
        """Fetch the shards from afar that training and validation read; where `verify` asks for it, check the
        checksums of all shards. Done by one process of each machine."""
        wanted = [s for s in self.manifest.shards if s.kind in self.kinds and s.split in ("train", "val")]
        absent = [shard for shard in wanted if shard.source is not None and not shard.path.is_file()]
        if absent:
            with ThreadPoolExecutor(FETCHED_AT_ONCE) as pool:
                list(track(pool.map(Shard.fetch, absent), "fetching shards", len(absent), "shards"))
        for shard in self.manifest.shards if self.verify else ():
            shard.fetch()
            shard.check_sum()

    def setup(self, stage: str) -> None:
        """Index the splits that `stage` (fit, validate, test) needs: a damaged shard is known at once."""
        for split in {"fit": ("train", "val"), "validate": ("val",), "test": ("test",)}.get(stage, ()):
            self.loader(split)
        if stage == "fit" and not self.clips(self.kind, "train"):
            raise UserError(f"{self.shards} has no {self.kind} shards for training")

    def clips(self, kind: Kind, split: str) -> list[Clip]:
        """The indexed clips of a split, in the manifest's order; indexed once."""
        if (kind, split) not in self._clips:
            self._clips[kind, split] = index_split(self.manifest, kind, split)
        return self._clips[kind, split]

    def decoder(self, split: str) -> Decoder:
        """How a clip of `split` becomes samples."""
        raise NotImplementedError

    def dataset(self, split: str, rank: int = 0, world: int = 1) -> Clips:
        """The batches of `split` that `rank` of `world` sees; `train` is one epoch, the others are finite."""
        clips = self.clips(self.kind, split)
        order = Order([self._group(clip) for clip in clips], self._seed()) if split == "train" else None
        return Clips(
            clips=clips,
            decoder=self.decoder(split),
            batch_size=self.batch_size,
            samples_per_clip=self.samples_per_clip,
            rank=rank,
            world=world,
            order=order,
            steps=self.steps_per_epoch,
            bad_limit=self.bad_limit,
        )

    def loader(self, split: str) -> Loader:
        """The loader of `split` for the trainer's rank (without a trainer: for a single process)."""
        trainer = self.trainer
        if trainer is None:
            return Loader(self.dataset(split), self.num_workers)
        dataset = self.dataset(split, trainer.global_rank, trainer.world_size)
        return Loader(dataset, self.num_workers, lambda: _epoch_of(trainer))

    def train_dataloader(self) -> Loader:
        """Training epochs; which one is asked of the trainer whenever an iteration begins."""
        return self.loader("train")

    def val_dataloader(self) -> Loader | list[Loader]:
        """Every validation clip once; in a training nothing where the split is empty. Raises UserError for
        fewer clips than processes, and where an empty split is to be validated."""
        fitting = self.trainer is not None and self.trainer.state.fn == TrainerFn.FITTING
        return [] if fitting and not self.clips(self.kind, "val") else self._whole("val")

    def test_dataloader(self) -> Loader:
        """Every test clip once. Raises UserError where there are none, or fewer than processes."""
        return self._whole("test")

    def _whole(self, split: str) -> Loader:
        clips, processes = self.clips(self.kind, split), self.trainer.world_size if self.trainer else 1
        if not clips:
            raise UserError(f"{self.shards} has no clips with {self.kind} in split {split}")
        if len(clips) < processes:
            raise UserError(
                f"{self.shards} has {len(clips)} clips in split {split} for {processes} processes; use "
                "fewer, or train without validation (--trainer.limit_val_batches 0)"
            )
        return self.loader(split)

    def layout(self) -> Layout:
        """The coefficient layout; raises UserError for a corpus of sound only."""
        if self.manifest.layout is None:
            raise UserError(f"{self.shards} is a corpus of sound only: it has no faces")
        return get_layout(self.manifest.layout)

    def _seed(self) -> int:
        return global_seed() if self.seed is None else self.seed

    def _group(self, clip: Clip) -> Hashable:
        return clip.record.get(self.balance) if self.balance else None


def _epoch_of(trainer: L.Trainer) -> int:
    """The epoch whose iteration begins; `current_epoch` is one behind when a checkpoint was just loaded."""
    progress: Any = trainer.fit_loop.epoch_progress.current
    return progress.processed


class SignalsDataModule(ShardDataModule):
    """Signals of clips: what stages align and eac read.

    Batches: `mel` (B, 4T, 80), and `whisper` (B, T, 768) and `pitch` (B, 4T, 2) where the shards hold them;
        `mask` (B, T) bool, true on real frames; `closed` (B, T) bool; `emotion` (B,) int64, index in EMOTIONS
        or -1; `intensity` (B,) in [0, 1]; `key`, `speaker`, `label` lists of str; and where the corpus has
        faces `coeffs` (B, T, 57), `single` (B, T, 51), `key_frame` (B,) int64, an index into T, clamped to
        the window, `key_single` (B, 51), the single-frame expression at the clip's key frame, `seen` (B,)
        bool, false where coefficients were not read from pictures but acted or captured, and `image` (B, 3,
        S, S) in [-1, 1], the key frame's picture.

    Arguments:
        frames: length of training windows in frames; null trains on whole clips. Validation always gets whole
            clips.
        image_size: S, or null for no picture.
        sound_only: whether faces are left out where the corpus has them.
        faces_only: whether sound is left out, as for a corpus of silent faces; stage align alone takes that.
        kwargs: see `ShardDataModule`.

    Raises UserError where both are left out, for an `image_size` where there are no pictures, and as the
    base.
    """

    def __init__(
        self,
        shards: str | Path,
        frames: int | None = None,
        image_size: int | None = None,
        sound_only: bool = False,
        faces_only: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(shards, **kwargs)
        if sound_only and faces_only:
            raise UserError("sound_only and faces_only leave nothing: set one of them at the most")
        if frames is not None and frames < 1:
            raise UserError("frames must be at least 1, or null for whole clips")
        self.frames = frames
        self.image_size = image_size
        self.sound_only, self.faces_only = sound_only, faces_only

    def decoder(self, split: str) -> Decoder:
        """Windows or whole clips."""
        heard: tuple[Entry, ...] = ("mel", *(e for e in HEARD[self.manifest.hears] if e != "mel"))
        heard = () if self.faces_only else heard
        if self.sound_only:
            return SignalsDecoder(None, self.frames, None, heard)
        if self.image_size is not None and self.layout() and self.manifest.frame_size is None:
            raise UserError(f"{self.shards} has no pictures: leave image_size out, or use other shards")
        layout = None if self.manifest.layout is None else self.layout()
        return SignalsDecoder(layout, self.frames, self.image_size, heard)
