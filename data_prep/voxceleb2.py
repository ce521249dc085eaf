"""VoxCeleb2's layout to shards: `python -m data_prep.voxceleb2 --root DIR --output DIR`.

The layout is `[dev|test/]mp4/idNNNNN/VIDEOID/NNNNN.mp4`, with sound in the mp4 or in the same place below
`aac/` as m4a. Speakers below `dev` train, those below `test` test; where the folders do not say,
`vox2_meta.csv` at the root or splits/voxceleb2.json does. A video is a scene: its utterances share a camera
and a resting shape.
"""

import csv
import re
from argparse import Namespace
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from data_prep.clips.source import Source
from data_prep.shards.command import Command, Found, not_the_corpus
from data_prep.splits import Splits, check_disjoint
from lit_emotalk.errors import UserError, run_main
from lit_emotalk.io.folders import files_below

LAYOUT = "[dev|test/]mp4/id00012/21Uxsk56VDQ/00001.mp4"
NAME = re.compile(r"(?:(dev|test)/)?mp4/(id\d{5})/([A-Za-z0-9_-]+)/(\d+)\.mp4", re.ASCII)
META_FILE = "vox2_meta.csv"
SOUND_SUFFIX = ".m4a"
PARTS = {"dev": "train", "test": "test"}


def find(options: Namespace) -> Found:
    """What the root holds; see `Found`. The root may also be the `mp4` folder itself.

    Raises UserError where the root does not look like VoxCeleb2, saying what was expected and what was found,
    and where a speaker is in dev and in test.
    """
    root: Path = options.root
    prefix = "mp4/" if root.name == "mp4" else ""
    sources, skipped, others = [], [], []
    parts: dict[str, set[str]] = defaultdict(set)
    for path, fault in files_below(root, options.output):
        relative = path.relative_to(root).as_posix()
        if fault or path.suffix.lower() != ".mp4":
            if fault or path.suffix.lower() != SOUND_SUFFIX:
                others.append((relative, fault or "no mp4"))
            continue
        match = NAME.fullmatch(prefix + relative)
        if match is None:
            skipped.append((relative, f"the name does not parse, expected {LAYOUT}"))
            continue
        part, speaker, video, number = match.groups()
        if part:
            parts[PARTS[part]].add(speaker)
        sources.append(
            Source(
                key=f"{speaker}_{video}_{number}",
                corpus="voxceleb2",
                speaker=speaker,
                emotion=None,
                level=None,
                relative=relative,
                video=path,
                audio=_sound_beside(path),
                scene=video,
            )
        )
    if not sources:
        raise not_the_corpus(root, f"VoxCeleb2's layout {LAYOUT}", len(skipped))
    by_folder = {split: sorted(speakers) for split, speakers in parts.items()}
    check_disjoint(by_folder, f"the folders of {root}")
    sources.sort(key=lambda source: source.key)
    splits = by_folder or read_meta(root)
    return Found("voxceleb2", sources, skipped + others, find_holes(sources), splits)


def _sound_beside(path: Path) -> Path | None:
    """The m4a of an utterance whose mp4 has no sound, in the release's `aac` folder."""
    videos = path.parents[2]
    sound = videos.parent / "aac" / path.relative_to(videos).with_suffix(SOUND_SUFFIX)
    return sound if sound.is_file() else None


def read_meta(root: Path) -> Splits | None:
    """The official splits of `vox2_meta.csv` (columns VoxCeleb2ID and Set), None where there is none.

    Raises UserError for a file without these columns.
    """
    path = next((p for p in (root / META_FILE, root.parent / META_FILE) if p.is_file()), None)
    if path is None:
        return None
    with open(path, newline="", encoding="utf-8") as handle:
        rows = [{name.strip(): (value or "").strip() for name, value in row.items() if name} for row in
                csv.DictReader(handle)]  # fmt: skip
    try:
        return {
            split: sorted(row["VoxCeleb2ID"] for row in rows if row["Set"] == part)
            for part, split in PARTS.items()
        }
    except KeyError as error:
        raise UserError(f"{path} has no column {error}; expected VoxCeleb2ID and Set") from error


def find_holes(sources: Sequence[Source]) -> list[tuple[str, str]]:
    """(speaker, missing numbers): VoxCeleb2 counts the utterances of a speaker through all videos."""
    numbers: dict[str, set[int]] = defaultdict(set)
    for source in sources:
        numbers[source.speaker].add(int(Path(source.relative).stem))
    rows = []
    for speaker, there in sorted(numbers.items()):
        missing = sorted(set(range(1, max(there))) - there)
        if missing:
            rows.append((speaker, " ".join(f"{number:05d}" for number in missing)))
    return rows


COMMAND = Command("voxceleb2", (__doc__ or "").split("\n")[0], LAYOUT, find, splits="voxceleb2")

if __name__ == "__main__":
    run_main(COMMAND.run, "data_prep.voxceleb2", continues=True)
