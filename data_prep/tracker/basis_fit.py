"""What weights read off pictures stand for: the linear face's basis, fitted on the training clips of shards.

Command line: python -m data_prep.tracker.basis_fit --shards DIR [DIR ...] [--check DIR ...] [--output FILE]

The tracker's weights are estimates: they move less than the face that was read, and what one of them misses
another takes up. A basis of true weights therefore moves landmarks too little. This one is the regression of
the landmarks on the weights that were read, held towards the true shapes where the clips say little. The
shards' pictures are read anew: their coefficients were brought onto the landmarks by the basis in use. It
prints how well either basis tells the motion of people whom the fit has not seen: the shards' test splits
and all clips of the `--check` shards.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import save_file

from data_prep.tracker.tracker_fit import mirror_pairs, mirror_points
from lit_emotalk.coefficients import ARKIT
from lit_emotalk.data import Clip, index_split, read_manifest
from lit_emotalk.data.decode import decode_jpg, frames_of, read_landmarks
from lit_emotalk.errors import UserError, run_main
from lit_emotalk.face.alignment import align
from lit_emotalk.face.basis import BASIS_FILE, LinearFace
from lit_emotalk.face.regions import LANDMARKS, LIPS
from lit_emotalk.face.tracker import Tracker
from lit_emotalk.io.files import atomic_path
from lit_emotalk.io.progress import track
from lit_emotalk.schema import SPLITS

RIDGE = 30.0
"""The true shapes count as much as so many frames with a unit at 1."""


SIDE = 256
"""Pixels of the pictures that are read."""


class Motion(NamedTuple):
    """Frames of several people: weights (N, 51) as read and landmarks (N, 478, 3) without head pose, both
    less the person's mean."""

    weights: np.ndarray
    moved: np.ndarray


class Fit(NamedTuple):
    """How well a basis tells a motion in the picture's plane: the share of its variance that is explained,
    and the slope of the motion on what the basis says (1: neither too weak nor too strong)."""

    explained: float
    slope: float


def read_motion(clips: Sequence[Clip], tracker: Tracker) -> Motion:
    """What the people in `clips` (of frames shards) do, each aligned on their own resting shape. SampleError
    where a clip is damaged."""
    people: dict[tuple[str, str | None], list[Clip]] = defaultdict(list)
    for clip in clips:
        people[str(clip.record["speaker"]), clip.record.get("scene")].append(clip)
    columns = []
    for own in track(people.values(), "reading faces", len(people), "people"):
        points = np.concatenate([read_landmarks(clip) for clip in own]).astype(np.float64) * SIDE
        faces = tracker.faces(_pictures(own), points)
        rest = tracker.rest(points, faces)
        weights = tracker.reading(points, rest, faces)
        moved = align(points, rest.shape, tracker.face.stable.numpy()).aligned
        columns.append((weights - weights.mean(0), moved - moved.mean(0)))
    return Motion(*(np.concatenate(column).astype(np.float32) for column in zip(*columns, strict=True)))


def _pictures(clips: Sequence[Clip]) -> Iterator[np.ndarray]:
    """Every frame (SIDE, SIDE, 3) uint8 of the clips."""
    for clip in clips:
        for frame in range(frames_of(clip)):
            yield decode_jpg(clip, f"{frame:04d}.jpg", SIDE)


def fit_basis(motion: Motion, true: np.ndarray, mean: np.ndarray, ridge: float = RIDGE) -> np.ndarray:
    """The basis (51, 478, 3): ridge regression of the motion and of its mirror image on the weights, towards
    the `true` one; `mean` (478, 3) tells which landmarks mirror each other."""
    mirrored = mirror_points(motion.moved, mirror_pairs(mean))
    weights = np.concatenate([motion.weights, motion.weights[:, ARKIT.mirrored()]])
    moved = np.concatenate([motion.moved, mirrored]).reshape(len(weights), -1)
    gram = (weights.T @ weights).astype(np.float64) + 2 * ridge * np.eye(weights.shape[1])
    known = (weights.T @ moved).astype(np.float64) + 2 * ridge * true.reshape(len(true), -1)
    return np.linalg.solve(gram, known).reshape(-1, LANDMARKS, 3)


def score(motion: Motion, basis: np.ndarray, points: Sequence[int]) -> Fit:
    """How well a basis (51, 478, 3) tells the motion of some landmarks."""
    chosen = list(points)
    made = np.tensordot(motion.weights, basis[:, chosen, :2].astype(np.float32), 1)
    seen = motion.moved[:, chosen, :2]
    left = np.square(seen - made).sum() / np.square(seen).sum()
    return Fit(float(1 - left), float((seen * made).sum() / np.square(made).sum()))


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit, write, and print how well true and fitted shapes tell the motion of people not seen."""
    parser = argparse.ArgumentParser("python -m data_prep.tracker.basis_fit", description=__doc__)
    parser.add_argument("--shards", type=Path, nargs="+", required=True, help="with faces, to fit on")
    parser.add_argument("--check", type=Path, nargs="*", default=[], help="shards that only check the fit")
    parser.add_argument("--output", type=Path, default=BASIS_FILE)
    options = parser.parse_args(arguments)
    tracker = Tracker.load()
    true, mean = tracker.network.basis.double().numpy(), tracker.face.mean.double().numpy()
    training = [clip for shards in options.shards for clip in _clips(shards, ("train",))]
    if not training:
        raise UserError("the shards have no training clips to fit on")
    found = torch.from_numpy(fit_basis(read_motion(training, tracker), true, mean))
    face = LinearFace(tracker.face.mean, found, tracker.face.stable)
    with atomic_path(options.output) as temporary:
        state = {name: tensor.half().contiguous() for name, tensor in face.named_buffers()}
        save_file(state, temporary)
    checks = [(shards, ("test",)) for shards in options.shards]
    for shards, splits in checks + [(shards, SPLITS) for shards in options.check]:
        unseen = _clips(shards, splits)
        if unseen:
            motion = read_motion(unseen, tracker)
            for name, basis in (("true shapes", true), ("fitted", found.numpy())):
                every, lips = (score(motion, basis, points) for points in (range(LANDMARKS), LIPS))
                print(
                    f"{shards}, {name}: {every.explained:.0%} of the motion, slope {every.slope:.2f}; "
                    f"lips {lips.explained:.0%}, {lips.slope:.2f}"
                )


def _clips(shards: Path, splits: Sequence[str]) -> list[Clip]:
    manifest = read_manifest(shards)
    if manifest.layout != ARKIT.name:
        raise UserError(f"{shards} holds no faces in the layout {ARKIT.name}")
    return [clip for split in splits for clip in index_split(manifest, "frames", split)]


if __name__ == "__main__":
    run_main(main, "data_prep.tracker.basis_fit")
