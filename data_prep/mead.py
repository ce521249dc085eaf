"""MEAD's directory layout to shards: `python -m data_prep.mead --root DIR --output DIR`.

The layout is `SPEAKER/video/front/EMOTION/level_L/NNN.mp4`, with sound in the mp4 or in
`SPEAKER/audio/EMOTION/level_L/NNN.m4a` (or wav); a sidecar `NNN.json` beside the mp4 may give text, phonemes.
The embedded corpus has the same layout. Missing folders and numbers are normal in MEAD: holes.csv lists them.
"""

import argparse
import json
import re
import shlex
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import joblib

from data_prep.clip import Source
from data_prep.pack import CLIPS_PER_SHARD
from data_prep.prepare import Job, prepare, write_csv
from lit_emotalk import schema
from lit_emotalk.emotions import canonical
from lit_emotalk.errors import UserError, run_main

LAYOUT = "SPEAKER/video/front/EMOTION/level_L/NNN.mp4"
VIDEO_NAME = re.compile(r"([A-Za-z0-9-]+)/video/front/([^/]+)/level_([1-3])/(\w+)\.(?:mp4|mov|avi|mkv|webm)")
SOUND_SUFFIXES = (".m4a", ".wav", ".flac", ".mp3")
SPLITS_FILE = Path(__file__).with_name("splits") / "mead.json"
CORPUS_FILE = "corpus.json"
SIDECAR_SUFFIXES = (".json", ".npz")


def find_clips(root: Path, corpus: str) -> tuple[list[Source], list[tuple[str, str]]]:
    """The clips below a MEAD root in order of their keys, and the files that are none with the reason.

    Raises UserError where the root does not look like MEAD, saying what was expected and what was found.
    """
    if not root.is_dir():
        raise UserError(f"no such folder: {root}; expected a folder with {LAYOUT}")
    folders = sorted(path for path in root.glob("*/video/front") if path.is_dir())
    sources, skipped = [], []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if not path.is_file() or path.suffix.lower() in SIDECAR_SUFFIXES or path.name.startswith("."):
                continue
            relative = path.relative_to(root).as_posix()
            match = VIDEO_NAME.fullmatch(relative)
            try:
                if match is None:
                    raise UserError(f"the name does not parse, expected {LAYOUT}")
                sources.append(_source(root, path, match, corpus))
            except UserError as error:
                skipped.append((relative, str(error)))
    if not sources:
        found = sorted(path.name for path in root.iterdir())[:5]
        seen = (
            f"{len(skipped)} files with other names" if skipped else f"only {', '.join(found) or 'nothing'}"
        )
        raise UserError(f"{root} is not MEAD's layout: expected {LAYOUT}, found {seen}")
    return sorted(sources, key=lambda source: source.key), skipped


def _source(root: Path, path: Path, match: re.Match[str], corpus: str) -> Source:
    speaker, label, level, name = match.groups()
    emotion = canonical(label.replace("_", " "))
    folder = root / speaker / "audio" / label / f"level_{level}"
    audio = next((s for suffix in SOUND_SUFFIXES if (s := folder / f"{path.stem}{suffix}").is_file()), None)
    truth = path.with_suffix(".json")
    return Source(
        key=f"{speaker}_{emotion.replace(' ', '-')}_{level}_{name}",
        corpus=corpus,
        speaker=speaker,
        emotion=emotion,
        level=int(level),
        relative=path.relative_to(root).as_posix(),
        video=path,
        audio=audio,
        truth=truth if truth.is_file() else None,
    )


def find_holes(sources: Sequence[Source]) -> list[tuple[str, str]]:
    """What is missing below each speaker: (folder, missing) rows.

    Folders are missing if another speaker has them; numbers if they lie between 1 and the folder's largest.
    """
    numbers: dict[tuple[str, str], set[int]] = defaultdict(set)
    for source in sources:
        speaker, _, _, label, level, name = Path(source.relative).parts
        number = Path(name).stem
        numbers[speaker, f"{label}/{level}"] |= {int(number)} if number.isdigit() else set()
    rows = []
    folders = sorted({folder for _, folder in numbers})
    for speaker in sorted({speaker for speaker, _ in numbers}):
        for folder in folders:
            place = f"{speaker}/video/front/{folder}"
            if (speaker, folder) not in numbers:
                rows.append((place, "the folder"))
                continue
            there = numbers[speaker, folder]
            missing = sorted(set(range(1, max(there, default=0))) - there)
            if missing:
                rows.append((place, " ".join(f"{number:03d}" for number in missing)))
    return rows


def read_corpus_name(root: Path) -> str:
    """The name that `corpus.json` at the root gives the corpus, `mead` where there is none.

    Raises UserError for a corpus.json that does not say.
    """
    path = root / CORPUS_FILE
    if not path.is_file():
        return "mead"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["corpus"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} does not name the corpus; remove it or make the corpus again") from error


def read_splits(root: Path, chosen: Path | None) -> dict[str, list[str]]:
    """Speakers by split: the chosen file, or `splits.json` at the corpus root, or MEAD's (splits/mead.json).

    Raises UserError for a file that is missing or malformed, or that puts a speaker into two splits.
    """
    at_root = root / "splits.json"
    if not chosen and not at_root.is_file() and (root / CORPUS_FILE).is_file():
        raise UserError(f"the corpus at {root} is not finished: it has no splits.json; make it again")
    path = chosen or (at_root if at_root.is_file() else SPLITS_FILE)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read the splits {path}: {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"the splits {path} are not JSON: {error}") from error
    shape = '{"val": ["M005", ...], "test": [...]}, and "train" if not all others train'
    if not isinstance(content, dict):
        raise UserError(f"the splits {path} must be {shape}")
    splits = {name: speakers for name, speakers in content.items() if name in schema.SPLITS}
    if not splits or not all(
        isinstance(s, list) and all(isinstance(n, str) for n in s) for s in splits.values()
    ):
        raise UserError(f"the splits {path} must be {shape}")
    seen: dict[str, str] = {}
    for name, speakers in splits.items():
        for speaker in speakers:
            if speaker in seen:
                raise UserError(f"the splits {path} put {speaker} into {seen[speaker]} and {name}")
            seen[speaker] = name
    return splits


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser("python -m data_prep.mead", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--root", type=Path, required=True, help=f"folder with {LAYOUT}")
    parser.add_argument("--output", type=Path, required=True, help="folder for the shards")
    parser.add_argument(
        "--workers", type=int, default=joblib.cpu_count(), help="processes (default: all cores)"
    )
    parser.add_argument("--limit", type=int, help="only this many clips, spread over the corpus")
    parser.add_argument("--frame-size", type=int, default=256, help="side of the crops in pixels")
    parser.add_argument("--clips-per-shard", type=int, default=CLIPS_PER_SHARD)
    parser.add_argument("--splits", type=Path, help="JSON file of speakers by split")
    options = parser.parse_args(arguments)
    for name in ("workers", "limit", "frame_size", "clips_per_shard"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise UserError(f"--{name.replace('_', '-')} must be at least 1, not {value}")
    if options.frame_size % 16:
        raise UserError(f"--frame-size must be a multiple of 16, not {options.frame_size}")
    return options


def main() -> None:
    """Entry point of `python -m data_prep.mead`."""
    options = parse_arguments()
    corpus = read_corpus_name(options.root)
    sources, skipped = find_clips(options.root, corpus)
    holes = find_holes(sources)
    write_csv(options.output / "holes.csv", ["folder", "missing"], holes)
    if holes:
        print(f"{len(holes)} holes in the corpus, see {options.output / 'holes.csv'}", file=sys.stderr)
    if options.limit is not None and options.limit < len(sources):
        sources = [sources[index * len(sources) // options.limit] for index in range(options.limit)]
    job = Job(
        corpus=corpus,
        sources=sources,
        splits=read_splits(options.root, options.splits),
        output=options.output,
        command=reproducing_command(options),
        frame_size=options.frame_size,
        clips_per_shard=options.clips_per_shard,
        workers=options.workers,
        skipped=skipped,
    )
    prepare(job)


def reproducing_command(options: argparse.Namespace) -> str:
    """The command that makes the same shards: every option that decides what is in them."""
    command = ["python", "-m", "data_prep.mead", "--root", str(options.root), "--output", str(options.output)]
    command += ["--frame-size", str(options.frame_size), "--clips-per-shard", str(options.clips_per_shard)]
    if options.limit is not None:
        command += ["--limit", str(options.limit)]
    if options.splits is not None:
        command += ["--splits", str(options.splits)]
    return shlex.join(command)


if __name__ == "__main__":
    run_main(main, "data_prep.mead")
