"""Several corpora in one training, mixed by weight: every batch comes from one of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np
from jsonargparse.typing import register_type

from lit_emotalk.data.datamodule import ShardDataModule, SignalsDataModule
from lit_emotalk.data.index import Clip
from lit_emotalk.data.manifest import Kind, Manifest
from lit_emotalk.data.pipeline import Batch, Clips, Share
from lit_emotalk.errors import UserError
from lit_emotalk.io.files import sha256_text


@dataclass(frozen=True)
class CorpusShare:
    """A corpus of a mixture.

    shards: its directory or URL. weight: above 0, relative to the others'. sound_only: whether its faces, if
    it has any, are left out. faces_only: whether its sound is.
    """

    shards: str | Path
    weight: float = 1.0
    sound_only: bool = False
    faces_only: bool = False


def corpus_share(value: Any) -> CorpusShare:
    """A corpus of a mixture from what a configuration or the command line says of it.

    It is read whole: what is not said has its default. (jsonargparse takes it from the corpus that stood at
    the same place of a list before, so that `sound_only` of a config stayed set for another corpus given on
    the command line.) Raises ValueError for unknown names and wrong types.
    """
    if isinstance(value, CorpusShare):
        return value
    if not isinstance(value, Mapping) or "shards" not in value:
        raise ValueError(f"a corpus is {{shards: FOLDER}}, not {value!r}")
    defaults = asdict(CorpusShare(value["shards"]))
    for name, given in value.items():
        if name not in defaults:
            raise ValueError(f"a corpus has {', '.join(defaults)}, not {name}")
        wanted = {"shards": (str, Path), "weight": (int, float)}.get(name, (bool,))
        if not isinstance(given, wanted) or (name == "weight" and isinstance(given, bool)):
            raise ValueError(f"{name} of a corpus cannot be {given!r}")
    return CorpusShare(**value)


def _as_mapping(corpus: CorpusShare) -> dict[str, Any]:
    return asdict(corpus) | {"shards": str(corpus.shards)}


register_type(CorpusShare, serializer=_as_mapping, deserializer=corpus_share)


def corpus_of_batches(weights: Sequence[float], batches: int) -> np.ndarray:
    """Which corpus each of the first `batches` batches of a training comes from: (batches,) indices.

    Always the corpus that is furthest behind its share, so that after any number of batches each has had its
    share to within one batch or so (our choice).
    """
    shares = np.asarray(weights, np.float64) / np.sum(weights)
    had = np.zeros(len(shares))
    chosen = np.empty(batches, dtype=np.int64)
    for batch in range(batches):
        chosen[batch] = np.argmax(shares * (batch + 1) - had)
        had[chosen[batch]] += 1
    return chosen


@dataclass
class MixedClips(Clips):
    """An epoch's training batches of several corpora; which corpus a batch comes from is the same on every
    rank, so that the ranks' batches hold the same entries."""

    parts: list[Clips] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    def batches(self, workers: int) -> int:
        """Number of batches of an epoch on this rank."""
        return self.steps

    def share(self, share: Share, numbers: Iterator[int] | None = None) -> Iterator[Batch]:
        """Batches of the epoch in `epoch`, in a given share."""
        first = int(self.epoch) * self.steps
        corpus = corpus_of_batches(self.weights, first + self.steps)
        mine = np.arange(first + int(self.first) + share.worker, first + self.steps, share.workers)
        sources = []
        for place, part in enumerate(self.parts):
            number = np.cumsum(corpus == place) - 1
            own = number[mine[corpus[mine] == place]].tolist()
            spare = count(int(number[-1]) + 1 + share.worker, share.workers)
            sources.append(part.share(share, chain(own, spare)))
        for batch in mine:
            yield next(sources[corpus[batch]])


class MixedSignalsDataModule(ShardDataModule):
    """`SignalsDataModule` over several corpora: what stages align and eac read to learn from more than one.

    Within each corpus `balance` holds. Corpora may differ in what they hold: batches of one of sound only
    lack the faces. Validation and test are the first corpus's.

    Arguments:
        corpora: shard directories and their weights, as [{shards: A, weight: 2}, {shards: B, sound_only:
            true}].
        frames: see `SignalsDataModule`.
        image_size: see `SignalsDataModule`.
        kwargs: see `ShardDataModule`.

    Raises UserError for no corpus and for weights that are not above 0; others as the base.
    """

    def __init__(
        self,
        corpora: list[CorpusShare],
        frames: int | None = None,
        image_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        if not corpora or not all(0 < corpus.weight < float("inf") for corpus in corpora):
            raise UserError("a mixture needs corpora with weights above 0")
        super().__init__(corpora[0].shards, **kwargs)
        self.weights = [corpus.weight for corpus in corpora]
        self.parts = [
            SignalsDataModule(
                corpus.shards, frames, image_size, corpus.sound_only, corpus.faces_only, **kwargs
            )
            for corpus in corpora
        ]

    @property
    def manifest(self) -> Manifest:
        """The first corpus's manifest; its hash is that of all corpora's hashes and weights."""
        facts = [
            f"{part.manifest.hash} {weight:g}{' sound' * part.sound_only}{' faces' * part.faces_only}"
            for part, weight in zip(self.parts, self.weights, strict=True)
        ]
        return replace(self.parts[0].manifest, hash=sha256_text("\n".join(facts)))

    def prepare_data(self) -> None:
        """As the base, for every corpus."""
        for part in self.parts:
            part.prepare_data()

    def setup(self, stage: str) -> None:
        """As the base, for every corpus."""
        for part in self.parts if stage == "fit" else self.parts[:1]:
            part.setup(stage)

    def clips(self, kind: Kind, split: str) -> list[Clip]:
        """The first corpus's clips of a split."""
        return self.parts[0].clips(kind, split)

    def dataset(self, split: str, rank: int = 0, world: int = 1) -> Clips:
        """Training batches of all corpora, or the first one's other splits."""
        parts = [part.dataset(split, rank, world) for part in self.parts[: None if split == "train" else 1]]
        if split != "train":
            return parts[0]
        return MixedClips(
            clips=parts[0].clips,
            decoder=parts[0].decoder,
            batch_size=self.batch_size,
            rank=rank,
            world=world,
            order=parts[0].order,
            steps=self.steps_per_epoch,
            bad_limit=self.bad_limit,
            parts=parts,
            weights=self.weights,
        )
