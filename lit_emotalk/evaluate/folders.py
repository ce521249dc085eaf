"""Videos in folders: pairing them, loading them, cutting them to the face where they are whole pictures."""

import csv
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lit_emotalk.emotions import ALIASES, EMOTIONS, RAVDESS_CODES, canonical
from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.lag import sound_lag
from lit_emotalk.face.crop import clip_crop
from lit_emotalk.face.landmarker import Landmarker
from lit_emotalk.io.audio import load_audio
from lit_emotalk.io.files import sha256_text
from lit_emotalk.io.folders import VIDEO_SUFFIXES, files_below
from lit_emotalk.io.video import probe, read_frames, read_image
from lit_emotalk.schema import FPS, SAMPLES_PER_FRAME

PICTURES = (".png", ".jpg", ".jpeg")
RAVDESS_NAME = re.compile(r"\d\d(-\d\d){5}-(\d\d)$")
CROP_SIZE = 256
PAIR_COLUMNS = ("generated", "reference")


@dataclass(frozen=True)
class VideoPair:
    """A generated video and its reference; `source` is the portrait's picture or video, the reference where
    None."""

    key: str
    generated: Path
    reference: Path
    source: Path | None
    facts: dict[str, Any] = field(default_factory=dict, hash=False)

    @property
    def fingerprint(self) -> str:
        """Eight digits that change with the files' sizes or dates."""
        return state_of([path for path in (self.generated, self.reference, self.source) if path])


def state_of(paths: list[Path]) -> str:
    """Eight digits that change with the sizes or dates of files."""
    files = [path.stat() for path in paths if path.is_file()]
    return sha256_text(" ".join(f"{status.st_size} {status.st_mtime_ns}" for status in files))[:8]


def folder_pairs(generated: Path, reference: Path, source: Path | None) -> tuple[list[VideoPair], list[str]]:
    """Pairs of equal names (paths below the folders, without suffix), and lines on what has no partner.

    UserError where a folder is missing or has two files of a name, or no name is in both.
    """
    notes: list[str] = []
    made = _files(generated, VIDEO_SUFFIXES, "--generated", notes)
    true = _files(reference, VIDEO_SUFFIXES, "--reference", notes)
    portraits = {} if source is None else _files(source, VIDEO_SUFFIXES + PICTURES, "--source", notes)
    pairs = [
        VideoPair(key, made[key], true[key], portraits.get(key), facts_of(key))
        for key in sorted(made.keys() & true.keys())
    ]
    if not pairs:
        raise UserError(
            f"no video in {generated} has the name of one in {reference}; name them alike or give --pairs"
        )
    notes += [f"{key}: no reference of this name" for key in sorted(made.keys() - true.keys())]
    notes += [f"{key}: not generated" for key in sorted(true.keys() - made.keys())]
    if source is not None:
        notes += [
            f"{p.key}: no source of this name, its reference's first frame is used"
            for p in pairs
            if not p.source
        ]
    return pairs, notes


def listed_pairs(path: Path) -> list[VideoPair]:
    """Pairs of a CSV with the columns generated, reference and optionally source, key, speaker, emotion;
    paths are relative to the CSV. UserError where it is missing, lacks a column, or names an unknown
    emotion."""
    if not path.is_file():
        raise UserError(f"no such file: {path}")
    with open(path, newline="", encoding="utf-8-sig") as handle:
        rows = list(csv.DictReader(handle))
    missing = [c for c in PAIR_COLUMNS if not rows or c not in rows[0]]
    if missing:
        raise UserError(f"{path} lacks the column(s) {', '.join(missing)} or has no row")
    pairs = []
    for row in rows:
        key = row.get("key") or Path(row["generated"]).stem
        facts = facts_of(key)
        facts |= {"speaker": row["speaker"]} if row.get("speaker") else {}
        facts |= {"emotion": canonical(row["emotion"])} if row.get("emotion") else {}
        source = path.parent / row["source"] if row.get("source") else None
        pairs.append(
            VideoPair(key, path.parent / row["generated"], path.parent / row["reference"], source, facts)
        )
    if len({pair.key for pair in pairs}) < len(pairs):
        raise UserError(f"{path} names a clip twice; give a column 'key' with different names")
    return pairs


def speaker_of(key: str) -> str:
    """The speaker that a video's name tells: RAVDESS's actor, else what stands before the first '_' of the
    file's name."""
    name = key.rsplit("/", 1)[-1]
    ravdess = RAVDESS_NAME.search(name)
    return f"Actor_{ravdess.group(2)}" if ravdess else name.split("_")[0]


def emotion_of(key: str) -> str | None:
    """The emotion that a video's name tells: RAVDESS's code, else the one part between '/', '_' and '-' that
    names a canonical emotion (MEAD's way); None where there is none, or several."""
    ravdess = RAVDESS_NAME.search(key.rsplit("/", 1)[-1])
    if ravdess:
        return RAVDESS_CODES.get(ravdess.group(0).split("-")[2])
    parts = {ALIASES.get(part, part) for part in re.split(r"[/_-]", key.lower())}
    named = parts & set(EMOTIONS)
    return named.pop() if len(named) == 1 else None


def facts_of(key: str) -> dict[str, Any]:
    """What a video's name tells."""
    return {"speaker": speaker_of(key), "emotion": emotion_of(key)}


def _files(folder: Path, suffixes: tuple[str, ...], option: str, notes: list[str]) -> dict[str, Path]:
    """Files by their path below the folder without suffix; what cannot be used is added to the notes."""
    if not folder.is_dir():
        raise UserError(f"{option} {folder} is no folder")
    found: dict[str, Path] = {}
    for path, fault in files_below(folder):
        if fault or path.suffix.lower() not in suffixes:
            notes.append(f"{path.relative_to(folder).as_posix()}: {fault or 'no video by its ending'}")
            continue
        key = str(path.relative_to(folder).with_suffix(""))
        if key in found:
            raise UserError(
                f"{option} {folder} has {found[key].name} and {path.name} for one name, {key}; leave one of "
                "them"
            )
        found[key] = path
    return found


@dataclass(frozen=True, eq=False)
class LoadedPair:
    """A pair in memory: frames (T, H, W, 3) uint8 of one size at 25 fps, sound (N,) at 16 kHz, portrait (H,
    W, 3)."""

    generated: np.ndarray
    reference: np.ndarray
    generated_sound: np.ndarray | None
    reference_sound: np.ndarray | None
    source: np.ndarray | None
    lag: int


def load_pair(pair: VideoPair, resize: bool, align: bool = False) -> LoadedPair:
    """Read a pair. Reference frames that are not square are no face crop: both videos are then cut by the
    crop of the reference's faces, to 256 pixels.

    `lag` is by how many frames the generated video comes later, as the sounds tell (`sound_lag`). Frame t
    stands beside frame t all the same, unless `align`: then the first frames of the later one are cut off.
    Raises UserError for unreadable files, different sizes (unless `resize`), and where aligning leaves
    nothing.
    """
    true = np.stack(list(read_frames(pair.reference)))
    made = np.stack(list(read_frames(pair.generated)))
    made_sound, true_sound = _sound(pair.generated), _sound(pair.reference)
    lag = 0 if made_sound is None or true_sound is None else sound_lag(made_sound, true_sound)
    if align and lag:
        if lag >= len(made) or -lag >= len(true):
            raise UserError(f"{pair.generated} is {abs(lag)} frames off its reference: nothing is left of it")
        made, made_sound = _later(made, made_sound, lag)
        true, true_sound = _later(true, true_sound, -lag)
    if made.shape[1:] != true.shape[1:]:
        if not resize:
            raise UserError(
                f"{pair.generated} has {made.shape[2]}x{made.shape[1]} pixels, its reference {true.shape[2]}x"
                f"{true.shape[1]}; give --resize to scale it"
            )
        made = resized(made, true.shape[2], true.shape[1])
    if true.shape[1] != true.shape[2]:
        made, true = _cut_to_face(made, true, pair.reference)
    return LoadedPair(made, true, made_sound, true_sound, _portrait(pair.source), lag)


def _later(frames: np.ndarray, sound: np.ndarray | None, lag: int) -> tuple[np.ndarray, np.ndarray | None]:
    first = max(lag, 0)
    return frames[first:], None if sound is None else sound[first * SAMPLES_PER_FRAME :]


def _cut_to_face(made: np.ndarray, true: np.ndarray, name: Path) -> tuple[np.ndarray, np.ndarray]:
    with Landmarker(video=True, max_faces=1) as landmarker:
        found = [landmarker.track(frame, 1000 * t // FPS) for t, frame in enumerate(true)]
    marks = [faces[0].landmarks for faces in found if faces]
    if not marks:
        raise UserError(f"no face found in {name}")
    crop = clip_crop(np.stack(marks), true[0].shape[:2])
    made, true = (np.stack([crop.cut(frame, CROP_SIZE) for frame in video]) for video in (made, true))
    return made, true


def _portrait(path: Path | None) -> np.ndarray | None:
    if path is None:
        return None
    return read_image(path) if path.suffix.lower() in PICTURES else next(iter(read_frames(path)))


def _sound(path: Path) -> np.ndarray | None:
    if not probe(path).has_audio:
        return None
    try:
        return load_audio(path)
    except UserError:
        return None


def resized(frames: np.ndarray, width: int, height: int) -> np.ndarray:
    """Frames (T, H, W, 3) uint8 scaled to `width` x `height` (bicubic, antialiased)."""
    if frames.shape[1:3] == (height, width):
        return frames
    return np.stack(
        [np.asarray(Image.fromarray(f).resize((width, height), Image.Resampling.BICUBIC)) for f in frames]
    )
