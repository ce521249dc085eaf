"""Whether a speaker's clips show one person, by the identity network on their key frames."""

import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from data_prep.clips.people import SURELY_OTHER, identity_network, widest_step

FACES_PER_SHARD = 4
"""So many clips of a speaker are looked at in each shard (our choice)."""


@dataclass(frozen=True)
class SeenFaces:
    """Key, speaker and embedding (128,) of some clips of a shard."""

    faces: list[tuple[str, str, np.ndarray]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def look(self, key: str, record: dict[str, Any], sample: dict[str, bytes]) -> None:
        """Take a signals sample's key frame, unless there are enough of its speaker or it shows no face."""
        network, speaker = identity_network(), str(record.get("speaker"))
        if network is None or "jpg" not in sample or self.counts[speaker] >= FACES_PER_SHARD:
            return
        try:
            picture = np.asarray(Image.open(io.BytesIO(sample["jpg"])).convert("RGB"))
            points = np.load(io.BytesIO(sample["landmarks.npy"]))[record["key_frame"]]
            embedding = network.embed(picture[None], (points * len(picture)).astype(np.float32)[None])[0]
        except (OSError, ValueError, KeyError, IndexError, TypeError):
            return
        self.faces.append((key, speaker, embedding))
        self.counts[speaker] += 1


def mixed_speakers(seen: Iterable[SeenFaces]) -> Iterator[str]:
    """A line for each speaker whose clips seem to be of several people."""
    by_speaker = defaultdict(list)
    for shard in seen:
        for key, speaker, embedding in shard.faces:
            by_speaker[speaker].append((key, embedding))
    for speaker, faces in sorted(by_speaker.items()):
        if len(faces) < 2:
            continue
        distance, one, other = widest_step(np.stack([embedding for _, embedding in faces]))
        if distance > SURELY_OTHER:
            yield (
                f"speaker {speaker} may be several people: {faces[one][0]} and {faces[other][0]} differ by "
                f"{distance:.2f} (one person: up to {SURELY_OTHER:.2f})"
            )
