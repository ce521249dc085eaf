"""Any folder of talking videos to shards: `python -m data_prep.folder --root DIR --output DIR`.

Without labels the first folder below the root is the speaker; a video at the root is a speaker of its own.
Speakers are called as the folders are, in any script.
The CSV of `--labels` has a column `file` (path below the root) and any of `speaker`, `emotion`, `level`,
`text`, `scene`, `split`; empty fields are unknown. `--labels names` reads speaker, emotion and level off the
names of files of known corpora (`clips.file_names`); other files stay without.
"""

import csv
from argparse import ArgumentParser, Namespace
from pathlib import Path

from data_prep.clips.file_names import read_name
from data_prep.clips.source import Source
from data_prep.shards.command import Command, Found, not_the_corpus
from data_prep.shards.work import plain_name
from data_prep.splits import EVERYONE, Splits, check_disjoint
from lit_emotalk import schema
from lit_emotalk.emotions import LEVELS, canonical
from lit_emotalk.errors import UserError, run_main
from lit_emotalk.io.files import composed
from lit_emotalk.io.folders import SOUND_SUFFIXES, VIDEO_SUFFIXES, files_below

LAYOUT = "videos (mp4, mov, mkv, webm, avi, mpg, ts, ...), in folders named after the speakers"
COLUMNS = ("file", "speaker", "emotion", "level", "text", "scene", "split")
NO_VIDEO = "no video by its ending"
NAMES = "names"
"""In place of the labels' file: the files' names tell."""

Row = dict[str, str]


def find(options: Namespace) -> Found:
    """What the root holds; see `Found`.

    Raises UserError where there is no video, the labels are no such CSV, or they name none of the videos.
    """
    root: Path = options.root
    by_name = options.labels == NAMES
    labels = read_labels(Path(options.labels)) if options.labels and not by_name else {}
    sources, skipped, others, seen = [], [], {}, set()
    splits: dict[str, set[str]] = {split: set() for split in schema.SPLITS}
    for path, fault in files_below(root, options.output):
        relative = path.relative_to(root).as_posix()
        if fault or path.suffix.lower() not in VIDEO_SUFFIXES:
            others[path] = (relative, fault or NO_VIDEO)
            continue
        seen.add(composed(relative))
        row = named_row(path.stem) if by_name else labels.get(composed(relative), {})
        try:
            source = _source(path, relative, row)
            if row.get("split"):
                splits[_split(row["split"])].add(source.speaker)
            sources.append(source)
        except UserError as error:
            skipped.append((relative, str(error)))
    if not sources:
        raise not_the_corpus(root, LAYOUT, len(skipped))
    if labels and not seen & labels.keys():
        raise UserError(
            f"the labels {options.labels} name none of the {len(seen)} videos below {root}: their first file "
            f"is '{next(iter(labels))}', a video here is '{min(seen)}'"
        )
    holes = [(file, "the file of this row of the labels") for file in labels if file not in seen]
    sources.sort(key=lambda source: source.key)
    used = {source.audio for source in sources} | {root / "splits.json", Path(options.labels or "")}
    skipped += [known for path, known in others.items() if path not in used]
    return Found("folder", sources, skipped, holes, _named(splits, options.labels, options.split))


def read_labels(path: Path) -> dict[str, Row]:
    """The rows of a CSV by their `file`. Raises UserError for a file that is missing, has other columns, or
    names a video twice."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as handle:
            reader = csv.DictReader(handle)
            columns = [name.strip() for name in reader.fieldnames or ()]
            unknown = sorted(set(columns) - set(COLUMNS))
            if "file" not in columns or unknown:
                wrong = f"unknown {', '.join(unknown)}" if unknown else "no column 'file'"
                raise UserError(f"the labels {path}: {wrong}; columns are {', '.join(COLUMNS)}")
            rows = [{name.strip(): (value or "").strip() for name, value in row.items() if name is not None
                     and not isinstance(value, list)} for row in reader]  # fmt: skip
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the labels {path}: {error}") from error
    labels: dict[str, Row] = {}
    for row in rows:
        file = composed(Path(row["file"]).as_posix())
        if file in labels:
            raise UserError(f"the labels {path} name {file} twice")
        labels[file] = row
    return labels


def _source(path: Path, relative: str, row: Row) -> Source:
    parts = Path(relative).parts
    speaker = composed(row.get("speaker") or (parts[0] if len(parts) > 1 else path.stem))
    emotion = canonical(row["emotion"]) if row.get("emotion") else None
    level = row.get("level") or None
    if level is not None and level not in map(str, LEVELS):
        raise UserError(f"level '{level}' is unknown; known: {', '.join(map(str, LEVELS))}")
    return Source(
        key=plain_name(relative.rsplit(".", 1)[0], told_apart_by=relative),
        corpus="folder",
        speaker=speaker,
        emotion=emotion,
        level=int(level) if level else None,
        relative=relative,
        video=path,
        audio=next((s for x in SOUND_SUFFIXES if (s := path.with_suffix(x)).is_file()), None),
        text=row.get("text") or None,
        scene=row.get("scene") or relative,
    )


def _split(name: str) -> str:
    if name not in schema.SPLITS:
        raise UserError(f"split '{name}' is unknown; known: {', '.join(schema.SPLITS)}")
    return name


def named_row(stem: str) -> Row:
    """A file's name as a row of labels; empty where it says nothing."""
    named = read_name(stem)
    if named is None:
        return {}
    level = "" if named.level is None else str(named.level)
    return {"speaker": named.speaker, "emotion": named.emotion, "level": level, "scene": named.scene}


def _named(splits: dict[str, set[str]], labels: str | None, others: str) -> Splits:
    """The labels' splits; speakers in none of them are in the split `others`."""
    named = {split: sorted(speakers) for split, speakers in splits.items()}
    check_disjoint(named, f"the labels {labels}")
    named[others] = [EVERYONE]
    if others == "train":
        del named["train"]
    return named


def _options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--labels",
        help=f"CSV with the columns {', '.join(COLUMNS)}; or '{NAMES}': the names of MEAD's, RAVDESS's and "
        "CREMA-D's files tell emotion and speaker",
    )
    parser.add_argument(
        "--split", choices=schema.SPLITS, default="train", help="where speakers go that the labels do not say"
    )


COMMAND = Command(
    "folder", (__doc__ or "").split("\n")[0], LAYOUT, find, options=_options, deciding=("labels", "split")
)

if __name__ == "__main__":
    run_main(COMMAND.run, "data_prep.folder", continues=True)
