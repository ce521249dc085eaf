"""How fast the loaders give training samples, beside reading the same tars raw with tarfile.

    python -m tests.benchmarks.loader --shards outputs/demo/shards

Raw reading takes every byte of every clip, in the tars' order, and decodes nothing; the loaders read clips at
random, decode and check them, cut windows or pairs out of them and collate batches. Everything is read once
before, so that the disk's cache is warm for all. `share` is the loader's samples a second over the clips a
second that raw reading gives. Pairs are moved and recoloured as in experiments/hef/faces.yaml; what of that
is left to the device is measured here, on one core, after the loaders.
"""

import argparse
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from lit_emotalk.data import FramesDataModule, Manifest, ShardDataModule, SignalsDataModule, read_manifest
from lit_emotalk.data.manifest import Kind
from lit_emotalk.data.recolour import Recolour
from lit_emotalk.data.reframe import Reframe

WARM_BATCHES = 4
MOVES, COLOURS, CROSS = Reframe(zoom=0.06, shift=0.06, turn=4.0), Recolour(light=0.15, tint=0.1), 0.95


def raw_speed(manifest: Manifest, kind: Kind) -> tuple[float, float]:
    """Clips and megabytes a second from tarfile, over the training shards."""
    size, clips, began = 0, 0, time.perf_counter()
    for shard in manifest.select(kind, "train"):
        clips += shard.samples
        with tarfile.open(shard.path) as tar:
            for member in tar:
                handle = tar.extractfile(member)
                size += len(handle.read()) if handle is not None else 0
    seconds = time.perf_counter() - began
    return clips / seconds, size / seconds / 1e6


def loader_speed(module: ShardDataModule, seconds: float) -> float:
    """Samples a second from a training loader once its workers have begun, over about `seconds`."""
    loader = module.loader("train")

    def endless() -> Iterator[int]:
        while True:
            yield from (len(batch["key"]) for batch in loader)

    batches = endless()
    for _ in range(WARM_BATCHES):
        next(batches)
    samples, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        samples += next(batches)
    return samples / (time.perf_counter() - began)


def pairs(shards: Path, resolution: int, workers: int) -> FramesDataModule:
    """Training pairs in batches of 8."""
    return FramesDataModule(
        shards,
        8,
        resolution=resolution,
        cross=CROSS,
        reframe=MOVES,
        recolour=COLOURS,
        steps_per_epoch=50,
        num_workers=workers,
    )


def finishing_speed(module: FramesDataModule, seconds: float) -> float:
    """Samples a second of what is left to the device, here on one core, over about `seconds`."""
    torch.set_num_threads(1)
    batch = next(iter(module.loader("train")))
    samples, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        samples += len(module.on_after_batch_transfer(batch, 0)["key"])
    return samples / (time.perf_counter() - began)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=10.0, help="of every measurement")
    parser.add_argument("--resolution", type=int, default=128, help="of pairs of frames")
    args = parser.parse_args()
    manifest = read_manifest(args.shards)
    print("| what | workers | samples/s | share of raw |\n| --- | ---: | ---: | ---: |")
    for kind in ("signals", "frames"):
        if not manifest.count(kind, "train"):
            continue
        raw_speed(manifest, kind)
        raw, megabytes = raw_speed(manifest, kind)
        print(f"| {kind}, tarfile ({megabytes:.0f} MB/s) | | {raw:.0f} clips/s | |")
        for workers in args.workers:
            module: ShardDataModule
            if kind == "signals":
                name = "windows of 50 frames"
                module = SignalsDataModule(args.shards, 32, 50, frames=50, num_workers=workers)
            else:
                name = f"pairs at {args.resolution} pixels"
                module = pairs(args.shards, args.resolution, workers)
            speed = loader_speed(module, args.seconds)
            print(f"| {kind}, {name} | {workers} | {speed:.0f} | {speed / raw:.2f} |", flush=True)
    speed = finishing_speed(pairs(args.shards, args.resolution, 0), args.seconds)
    print(f"| pairs, moved and recoloured on one core | | {speed:.0f} | |")


if __name__ == "__main__":
    main()
