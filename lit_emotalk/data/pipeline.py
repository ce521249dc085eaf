"""WebDataset pipelines over indexed shards: positions -> clips -> samples -> padded batches."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any

import numpy as np
import torch
import webdataset as wds
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from lit_emotalk.data.decode import Sample
from lit_emotalk.data.index import Clip, SampleError
from lit_emotalk.data.order import Order
from lit_emotalk.data.workers import obey_parent_only, raise_if_loader_died
from lit_emotalk.errors import UserError
from lit_emotalk.io.heard import join
from lit_emotalk.schema import HEARD, Hears

Decoder = Callable[[Clip, np.random.Generator | None], list[Sample]]
Batch = dict[str, Any]

SKIPPED = "skipped"
NOWHERE = {"epoch": -1, "given": 0}
"""State of a loader that has not begun."""

SEQUENCES = ("mel", "whisper", "pitch", "coeffs", "single", "closed")


@dataclass(frozen=True)
class Share:
    """Which part of the data one process sees: `rank` of `world`, and in it worker `worker` of `workers`."""

    rank: int = 0
    world: int = 1
    worker: int = 0
    workers: int = 1


@dataclass
class Clips(IterableDataset):
    """The batches of one split, as an iterable that a DataLoader may spread over its workers.

    With `order` it is a training epoch of exactly `steps` batches of `batch_size`, from batch `first` on;
    without, every clip comes
    once, shared out over ranks and workers clip by clip, and the last batch of every worker may be smaller.
    Clips that cannot be used are left out; their reasons come with the next batch under the key "skipped".
    After more than `bad_limit` of them a worker stops.
    """

    clips: list[Clip]
    decoder: Decoder
    batch_size: int
    samples_per_clip: int = 1
    rank: int = 0
    world: int = 1
    order: Order | None = None
    steps: int = 0
    bad_limit: int = 20
    epoch: Tensor = field(default_factory=lambda: torch.zeros(1, dtype=torch.int64).share_memory_())
    first: Tensor = field(default_factory=lambda: torch.zeros(1, dtype=torch.int64).share_memory_())

    def batches(self, workers: int) -> int:
        """Number of batches that this rank yields with so many workers (0 counts as 1)."""
        if self.order is not None:
            return self.steps
        workers = max(workers, 1)
        shares = [len(self._eval_clips(Share(self.rank, self.world, w, workers))) for w in range(workers)]
        return sum(-(-clips * self.samples_per_clip // self.batch_size) for clips in shares)

    def __iter__(self) -> Iterator[Batch]:
        """Batches of the epoch in `epoch`, in the calling worker's share."""
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        return self.share(Share(self.rank, self.world, worker, workers))

    def share(self, share: Share, numbers: Iterator[int] | None = None) -> Iterator[Batch]:
        """Batches of the epoch in `epoch`, in a given share; or training batches of these numbers, counted
        from the training's start."""
        skipped: list[str] = []
        seen_bad: set[str] = set()

        def skip(error: Exception) -> bool:
            if not isinstance(error, SampleError):
                raise error
            skipped.append(str(error))
            seen_bad.add(str(error))
            return len(seen_bad) <= self.bad_limit

        def collate_and_report(samples: list[Sample]) -> Batch:
            batch = collate(samples)
            if skipped:
                batch[SKIPPED] = list(skipped)
                skipped.clear()
            return batch

        pipeline = wds.DataPipeline(
            lambda: self._references(share, numbers),
            wds.map(lambda reference: self.decoder(*reference), handler=skip),
            wds.filters.unlisted(),
            wds.batched(self.batch_size, collation_fn=collate_and_report, partial=self.order is None),
        )
        whole = self.order is None or numbers is not None
        mine = None if whole else len(range(int(self.first) + share.worker, self.steps, share.workers))
        yield from islice(pipeline, mine)
        if skipped:
            yield {SKIPPED: skipped}

    def _references(
        self, share: Share, numbers: Iterator[int] | None
    ) -> Iterator[tuple[Clip, np.random.Generator | None]]:
        if self.order is None:
            yield from ((clip, None) for clip in self._eval_clips(share))
            return
        clips_per_batch = self.batch_size // self.samples_per_clip
        if numbers is None:
            numbers = count(int(self.epoch) * self.steps + int(self.first) + share.worker, share.workers)
        for batch in numbers:
            start = (batch * share.world + share.rank) * clips_per_batch
            for position in range(start, start + clips_per_batch):
                yield self.clips[self.order.clip(position)], self.order.generator(position)

    def _eval_clips(self, share: Share) -> list[Clip]:
        return self.clips[share.rank + share.worker * share.world :: share.world * share.workers]


def collate(samples: list[Sample]) -> Batch:
    """Samples to a batch: sequences are padded with zeros at their end, `mask` (B, T) is true on real frames
    (where there are sequences), tensors are stacked, strings stay lists."""
    batch: Batch = {}
    for name in samples[0]:
        values = [sample[name] for sample in samples]
        if name in SEQUENCES:
            batch[name] = pad_sequence(values, batch_first=True)
        else:
            batch[name] = torch.stack(values) if isinstance(values[0], Tensor) else values
    if "closed" in batch:
        lengths = torch.tensor([len(sample["closed"]) for sample in samples])
        batch["mask"] = torch.arange(batch["closed"].shape[1])[None] < lengths[:, None]
    return batch


class Loader:
    """An iterable of batches with a length, for Lightning or by itself.

    `epoch_of` says, whenever an iteration begins, which epoch it is. Clips that were skipped are printed once
    each on stderr; more than `bad_limit` of them, none that is left to validate or test with (the other
    processes would wait for this one's figures for ever), or a worker that dies, end the run with a
    UserError. Its state is the epoch and the number of batches given in it: after `load_state_dict` that
    epoch's next iteration gives the rest of them.
    """

    def __init__(self, clips: Clips, workers: int, epoch_of: Callable[[], int] = lambda: 0) -> None:
        self.clips = clips
        self.epoch_of = epoch_of
        self.workers = workers
        self.bad: set[str] = set()
        self.state = self.resumed = NOWHERE
        self.loader: DataLoader[Batch] = DataLoader(
            clips,
            batch_size=None,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=torch.cuda.is_available(),
            generator=torch.Generator(),
            worker_init_fn=obey_parent_only,
        )

    @property
    def _iterator(self) -> Any:
        """Torch's iterator: Lightning ends the workers of a loader that has one once the training is over, or
        has failed. Left to the garbage collector, each takes five seconds to end (torch waits for it, while
        the queue that would tell it is collected already)."""
        return self.loader._iterator

    @_iterator.setter
    def _iterator(self, iterator: Any) -> None:
        self.loader._iterator = iterator

    def __len__(self) -> int:
        return self.clips.batches(self.workers)

    def __iter__(self) -> Iterator[Batch]:
        epoch = self.epoch_of()
        first = self.resumed["given"] if self.resumed["epoch"] == epoch else 0
        self.clips.epoch[0], self.clips.first[0] = epoch, first
        self.state, self.resumed = {"epoch": epoch, "given": first}, NOWHERE
        try:
            for batch in self.loader:
                self._report(batch.pop(SKIPPED, []))
                if batch:
                    self.state["given"] += 1
                    yield batch
        except (RuntimeError, ConnectionError, EOFError) as error:
            raise_if_loader_died(error)
            raise
        if self.clips.order is None and not self.state["given"] and self.bad:
            raise UserError(
                f"none of the {len(self.bad)} clips that this process has for validation or test could be "
                "used; check the shards with python -m data_prep.verify, or use fewer processes"
            )

    def state_dict(self) -> dict[str, int]:
        """For the checkpoint (Lightning asks for it)."""
        return dict(self.state)

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Begin the next iteration after the batches given before, if it is of the same epoch."""
        self.resumed = dict(state)

    def _report(self, reasons: list[str]) -> None:
        for reason in reasons:
            if reason not in self.bad:
                self.bad.add(reason)
                print(f"skipped a clip: {reason} ({len(self.bad)} so far)", file=sys.stderr, flush=True)
        if len(self.bad) > self.clips.bad_limit:
            raise UserError(
                f"more than {self.clips.bad_limit} clips (bad_limit) could not be used, the last one: "
                f"{reasons[-1]}; check the shards with python -m data_prep.verify"
            )


def speech_of(batch: Batch, hears: Hears) -> Tensor:
    """A batch's speech as a network hears it: (B, rows * T, row size) by `schema.ROWS` and `ROW_SIZES`.

    Raises UserError where the shards do not hold it.
    """
    if any(entry not in batch for entry in HEARD[hears]):
        raise UserError(
            f"the network hears by {hears}, and these shards do not hold what it hears: make them again with "
            f"--hears {hears} added to the command in their manifest.json, or set hears to mel"
        )
    return join({entry: batch[entry] for entry in HEARD[hears]}, hears)


def pictures_of(batch: Batch) -> Tensor:
    """A batch's key frames as pictures (B, 3, S, S), for an emotion space that looks at pictures.

    Raises UserError where it holds none.
    """
    if "image" not in batch:
        raise UserError(
            "network.image is open_clip: set data.init_args.image_size, so that batches hold pictures"
        )
    return batch["image"]
