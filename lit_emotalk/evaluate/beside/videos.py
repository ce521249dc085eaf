"""Any method's videos of the clips of shards, scored beside ours: which video is of which clip, and its
frames as the clip's own."""

from pathlib import Path

import numpy as np

from lit_emotalk.errors import UserError
from lit_emotalk.evaluate.folders import resized
from lit_emotalk.evaluate.shards import ShardClip
from lit_emotalk.face.crop import Crop
from lit_emotalk.io.audio import load_audio
from lit_emotalk.io.folders import VIDEO_SUFFIXES
from lit_emotalk.io.video import probe, read_frames


def named_folders(given: list[str]) -> dict[str, Path]:
    """Methods' folders from NAME=FOLDER each. UserError for another form, a name twice, and no folder."""
    folders: dict[str, Path] = {}
    for one in given:
        name, equals, folder = one.partition("=")
        if not name or not equals or name in folders:
            raise UserError(f"--beside {one}: give NAME=FOLDER, each name once")
        if not Path(folder).is_dir():
            raise UserError(f"--beside {one}: {folder} is no folder")
        folders[name] = Path(folder)
    return folders


def videos_beside(folder: Path, clips: list[ShardClip]) -> tuple[dict[str, Path], list[str]]:
    """The video of each clip, by the clip's key, and a line on each clip that has none.

    A video is of the clip whose recording it has the name of, with or without its folders, or whose key.
    UserError where no video is of any clip, or two are of one.
    """
    made: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file():
            made.setdefault(path.stem, []).append(path)
    found: dict[str, Path] = {}
    notes = []
    for clip in clips:
        source = Path(clip.frames.record["source"])
        named = [path for stem in dict.fromkeys((source.stem, clip.key)) for path in made.get(stem, [])]
        if len(named) > 1:
            inside = source.with_suffix("").as_posix()
            whole = [p for p in named if p.relative_to(folder).with_suffix("").as_posix() == inside]
            if len(whole) != 1:
                raise UserError(f"{folder} has several videos of {clip.key}: {named[0]} and {named[1]}")
            named = whole
        if named:
            found[clip.key] = named[0]
        else:
            notes.append(f"{clip.key}: no video called {source.stem} or {clip.key} in {folder}")
    if not found:
        raise UserError(f"{folder} has no video of these clips; the first would be called {source.stem}.mp4")
    return found, notes


def load_beside(path: Path, clip: ShardClip, size: int) -> tuple[np.ndarray, np.ndarray | None]:
    """A video's frames (T, size, size, 3) uint8 at 25 fps, and its own sound (N,) where it has any.

    A whole picture, which is not square and of the recording's size, is cut as the clip was; a square one is
    taken to show what the clip shows, and scaled. UserError where it cannot be read.
    """
    frames = np.stack(list(read_frames(path)))
    if frames.shape[1] != frames.shape[2]:
        crop = Crop(*clip.frames.record["crop"])
        frames = np.stack([crop.cut(frame, size) for frame in frames])
    return resized(frames, size, size), load_audio(path) if probe(path).has_audio else None
