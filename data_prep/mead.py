"""MEAD's directory layout to shards: `python -m data_prep.mead --root DIR --output DIR`.

The layout is `SPEAKER/video/front/EMOTION/level_L/NNN.mp4`, with sound in the mp4 or in
`SPEAKER/audio/EMOTION/level_L/NNN.m4a` (or wav); a sidecar `NNN.json` beside the mp4 may give text, phonemes.
The embedded corpus has the same layout. Missing folders and numbers are normal in MEAD: holes.csv lists them.
"""

import json
import re
from argparse import Namespace
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from data_prep.clips.source import Source
from data_prep.shards.command import Command, Found, not_the_corpus
from lit_emotalk.emotions import canonical
from lit_emotalk.errors import UserError, run_main
from lit_emotalk.io.folders import SOUND_SUFFIXES, VIDEO_SUFFIXES, files_below

LAYOUT = "SPEAKER/video/front/EMOTION/level_L/NNN.mp4"
VIDEO_NAME = re.compile(r"([A-Za-z0-9-]+)/video/front/([^/]+)/level_([1-3])/(\w+)\.\w+", re.ASCII)
CORPUS_FILE = "corpus.json"
SIDECAR_SUFFIXES = (".json", ".npz")


def find_clips(root: Path, corpus: str) -> tuple[list[Source], list[tuple[str, str]]]:
    """The clips below a MEAD root in order of their keys, and the files that are none with the reason.

    Raises UserError where the root does not look like MEAD, saying what was expected and what was found.
    """
    folders = sorted(path for path in root.glob("*/video/front") if path.is_dir())
    sources, skipped = [], []
    known: dict[str, Source] = {}
    for folder in folders:
        for path, fault in files_below(folder):
            if not fault and path.suffix.lower() in SIDECAR_SUFFIXES:
                continue
            relative = path.relative_to(root).as_posix()
            match = VIDEO_NAME.fullmatch(relative)
            try:
                if fault:
                    raise UserError(fault)
                if match is None or path.suffix.lower() not in VIDEO_SUFFIXES:
                    raise UserError(f"the name does not parse, expected {LAYOUT}")
                source = _source(root, path, match, corpus)
                if source.key in known:
                    raise UserError(f"the same clip as {known[source.key].relative}")
                known[source.key] = source
                sources.append(source)
            except UserError as error:
                skipped.append((relative, str(error)))
    if not sources:
        raise not_the_corpus(root, f"MEAD's layout {LAYOUT}", len(skipped))
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


def find(options: Namespace) -> Found:
    """What the root holds; see `Found`. Raises UserError for a corpus that was not finished."""
    root: Path = options.root
    unfinished = (root / CORPUS_FILE).is_file() and not (root / "splits.json").is_file()
    if unfinished and options.splits is None:
        raise UserError(f"the corpus at {root} is not finished: it has no splits.json; make it again")
    corpus = read_corpus_name(root)
    sources, skipped = find_clips(root, corpus)
    return Found(corpus, sources, skipped, find_holes(sources))


COMMAND = Command("mead", (__doc__ or "").split("\n")[0], LAYOUT, find, splits="mead")

if __name__ == "__main__":
    run_main(COMMAND.run, "data_prep.mead", continues=True)
