"""What preparing a clip costs, step by step: python -m tests.benchmarks.preparation VIDEO...

CPU seconds (user and system, all threads) and not the clock's, so that a busy machine gives about the same.
The rate for N workers is N times that of one core: clips share nothing. Start-up of a process is left out.
"""

import argparse
import cProfile
import pstats
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from data_prep.clips.clip import load_clip, prepare_clip, read_rest
from data_prep.clips.source import Source

STEPS: dict[str, tuple[str, ...]] = {
    "decoding": ("video.py:read_frames",),
    "landmarks": ("landmarker.py:track", "lost_frames.py:look_again"),
    "reducing": ("track.py:reduced",),
    "crop": ("crop.py:cut",),
    "jpg": ("record.py:jpg_bytes",),
    "faces for the tracker": ("look.py:_cut",),
    "sound": ("source.py:read_sound",),
}
"""Step -> the functions of `prepare_clip` whose time it is."""
CORPORA = {
    "MEAD, front view": (2.4e6, "1080p"),
    "RAVDESS, videos": (132_000, "1080p"),
    "VoxCeleb2": (220e6, "224 pixels"),
}
"""Frames at 25 a second, and the size of the pictures."""
SCENE_CLIPS = 7.5
"""Clips that share a resting shape in VoxCeleb2; in MEAD it is hundreds."""


def main() -> None:
    """Print a table for each size of picture among the videos, and the projected hours."""
    parser = argparse.ArgumentParser("python -m tests.benchmarks.preparation", description=__doc__)
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--large", type=int, default=720, help="sides from which a video counts as 1080p")
    options = parser.parse_args()
    from lit_emotalk.io.video import probe

    sizes: dict[str, list[Path]] = {}
    for video in options.videos:
        facts = probe(video)
        large = min(facts.width, facts.height) >= options.large
        sizes.setdefault("1080p" if large else "224 pixels", []).append(video)
    totals = {}
    for name, videos in sizes.items():
        costs = [cost_of(video) for video in videos]
        mean = {step: sum(cost[step] for cost in costs) / len(costs) for step in costs[0]}
        totals[name] = sum(mean.values())
        print(f"\n{name}: {len(videos)} clips, CPU ms a frame")
        for step, milliseconds in mean.items():
            print(f"  {step:24s} {milliseconds:6.2f}")
        print(f"  {'all':24s} {totals[name]:6.2f}  = {1000 / totals[name]:.0f} frames/s and core")
    for corpus, (frames, name) in CORPORA.items():
        if name in totals:
            hours = frames * totals[name] / 3.6e6
            print(f"{corpus}: {hours / 2:.1f} h on 2 cores, {hours / 64:.2f} h on 64")


def cost_of(video: Path) -> dict[str, float]:
    """CPU milliseconds a frame by step, after one run to warm up. The steps within `prepare_clip` come from a
    profile, scaled to what it takes unprofiled."""
    source = Source("clip", "benchmark", "speaker", None, None, video.name, video)
    with tempfile.TemporaryDirectory() as folder:
        kept, rest = Path(folder, "clip.npz"), Path(folder, "rest.npz")
        frames = prepare_clip(source, 256, kept)["frames"]
        read_rest([kept]).save(rest)
        load_clip(kept, rest).signals_entries()

        profile = cProfile.Profile(time.process_time)
        profile.runcall(prepare_clip, replace(source, key="profiled"), 256, kept)
        whole = cpu(lambda: prepare_clip(source, 256, kept))
        shares = shares_of(profile)
        steps = {step: whole * share for step, share in shares.items()}
        steps["other preparation"] = whole - sum(steps.values())
        steps["resting shape"] = cpu(lambda: read_rest([kept])) / SCENE_CLIPS
        clip = load_clip(kept, rest)
        steps["tracker"] = cpu(lambda: load_clip(kept, rest))
        steps["packing"] = cpu(lambda: (clip.signals_entries(), clip.frames_entries()))
        return {step: 1000 * seconds / frames for step, seconds in steps.items()}


def shares_of(profile: cProfile.Profile) -> dict[str, float]:
    """The part of the profiled time that each of `STEPS` took."""
    stats: Any = pstats.Stats(profile)
    times = {f"{Path(file).name}:{name}": values[3] for (file, _, name), values in stats.stats.items()}
    whole = times["clip.py:prepare_clip"]
    return {step: sum(times.get(name, 0.0) for name in names) / whole for step, names in STEPS.items()}


def cpu(work: Callable[[], Any]) -> float:
    """CPU seconds of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    main()
