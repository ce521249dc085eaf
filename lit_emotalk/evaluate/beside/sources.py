"""What other methods need, to be scored beside ours: `python -m lit_emotalk.evaluate.beside.sources --shards
DIR --output DIR`.

Writes for every clip of a split `source/NAME.png`, its first frame, which is what all methods draw from, and
`true/NAME.mp4`, the clip as it is scored, with its sound: the driving video of methods that take one. NAME is
the recording's; a method's videos of these names go to `lit-emotalk evaluate --beside METHOD=FOLDER`.
"""

import argparse
from collections import Counter
from pathlib import Path

from PIL import Image

from lit_emotalk.errors import UserError, run_main
from lit_emotalk.evaluate.shards import ShardClip, load_clip, shard_clips
from lit_emotalk.io.files import atomic_path
from lit_emotalk.io.progress import track
from lit_emotalk.io.video import write_video

QUALITY = 10
"""Constant rate factor of the videos: hardly any loss."""


def write_sources(clips: list[ShardClip], output: Path) -> None:
    """Write both files of every clip; those that are there are left. UserError: two recordings have one
    name."""
    names = {clip.key: Path(clip.frames.record["source"]).stem for clip in clips}
    name, times = Counter(names.values()).most_common(1)[0]
    if times > 1:
        raise UserError(f"{times} recordings are called {name}: their videos could not be told apart")
    for clip in track(clips, "writing sources", len(clips), "clips"):
        picture = output / "source" / f"{names[clip.key]}.png"
        video = output / "true" / f"{names[clip.key]}.mp4"
        if picture.is_file() and video.is_file():
            continue
        loaded = load_clip(clip)
        with atomic_path(picture) as temporary:
            Image.fromarray(loaded.frames[0]).save(temporary, format="png")
        write_video(video, list(loaded.frames), audio=loaded.samples, crf=QUALITY)


def main(argv: list[str] | None = None) -> None:
    """Run the command (None: the process's arguments); raises UserError for wrong input."""
    parser = argparse.ArgumentParser(
        prog="lit_emotalk.evaluate.beside.sources",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--shards", type=Path, required=True, help="shards made by data_prep")
    parser.add_argument("--split", choices=("train", "val", "test"), default="test")
    parser.add_argument("--output", type=Path, required=True, help="folder for source/ and true/")
    args = parser.parse_args(argv)
    write_sources(shard_clips(args.shards, args.split, None), args.output)
    print(f"{args.output}: source frames and true videos of the split {args.split}")


if __name__ == "__main__":
    run_main(main, "lit_emotalk.evaluate.beside.sources")
