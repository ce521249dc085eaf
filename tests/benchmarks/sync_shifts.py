"""How often a sync network finds by how many frames the sound was shifted.

Every clip of a split is scored with its sound shifted by -10 to 10 frames (silence comes in at the end); a
shift is found where the network's offset is exactly that much. Prints a table by shift. Run it with
python -m tests.benchmarks.sync_shifts --shards outputs/demo/shards --sync outputs/demo/models/sync
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from lit_emotalk.data.decode import read_landmarks
from lit_emotalk.data.decode_frames import sync_crop
from lit_emotalk.errors import UserError, run_main
from lit_emotalk.evaluate.reads import load_sync, score_as_trained
from lit_emotalk.evaluate.shards import load_clip, shard_clips
from lit_emotalk.io.progress import track
from lit_emotalk.models.syncnet import SyncNet, windows_of
from lit_emotalk.schema import SAMPLES_PER_FRAME

REACH = 10
SHIFTS = tuple(range(-REACH, REACH + 1))


def shifted(samples: np.ndarray, shift: int) -> np.ndarray:
    """Sound (640 T,) that comes `shift` frames too early (too late where negative), filled with silence."""
    moved = np.zeros_like(samples)
    step = abs(shift) * SAMPLES_PER_FRAME
    kept = len(samples) - step
    if shift >= 0:
        moved[:kept] = samples[step:]
    else:
        moved[step:] = samples[:kept]
    return moved


@torch.inference_mode()
def offsets_of(network: SyncNet, sync: str, crops: np.ndarray, samples: np.ndarray) -> dict[int, int]:
    """The offset that the network finds for every shift: crops (T, S, S, 3) uint8, samples (640 T,)."""
    windows = windows_of(len(crops))
    pictures = torch.from_numpy(crops).permute(0, 3, 1, 2)[None].float()
    video = network.video_features(pictures)[0, :windows]
    sounds = torch.from_numpy(np.stack([shifted(samples, shift) for shift in SHIFTS]))
    features = network.sound_features(sounds)[:, :windows]
    return {
        shift: score_as_trained(video, one, sync).offset for shift, one in zip(SHIFTS, features, strict=True)
    }


def measure(shards: Path, sync: Path, split: str, limit: int | None) -> dict[int, list[int]]:
    """For every shift the offsets found, clip by clip. UserError for wrong shards or exports."""
    network = load_sync(str(sync), "cpu")
    if network is None:
        raise UserError("--sync must be the export of stage sync")
    clips = shard_clips(shards, split, limit)
    found: dict[int, list[int]] = {shift: [] for shift in SHIFTS}
    for clip in track(clips, "shifts", len(clips), "clips"):
        loaded = load_clip(clip)
        side = loaded.frames.shape[1]
        crop = sync_crop(read_landmarks(clip.frames) * side, network.config.view)
        crops = np.stack([crop.cut(frame, network.config.crop) for frame in loaded.frames])
        for shift, offset in offsets_of(network, str(sync), crops, loaded.samples).items():
            found[shift].append(offset)
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.sync_shifts", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--shards", type=Path, default=Path("outputs/demo/shards"))
    parser.add_argument("--sync", type=Path, default=Path("outputs/demo/models/sync"))
    parser.add_argument("--split", choices=("train", "val", "test"), default="test")
    parser.add_argument("--limit", type=int, help="number of clips, spread over speakers and emotions")
    args = parser.parse_args()
    found = measure(args.shards, args.sync, args.split, args.limit)
    print("| shift | found exactly | within one frame |\n| ---: | ---: | ---: |")
    for shift, offsets in found.items():
        error = np.abs(np.array(offsets) - shift)
        print(f"| {shift} | {(error == 0).mean():.0%} | {(error <= 1).mean():.0%} |")
    errors = np.abs(np.array([offsets for offsets in found.values()]) - np.array(SHIFTS)[:, None])
    exact, near = (errors == 0).mean(), (errors <= 1).mean()
    print(f"all: {exact:.1%} exactly, {near:.1%} within one frame, {errors.shape[1]} clips")


if __name__ == "__main__":
    run_main(main, "sync_shifts")
