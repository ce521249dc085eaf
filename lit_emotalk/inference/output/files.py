"""What an animation is written to: a video file or a folder of pictures, with provenance."""

import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from lit_emotalk.errors import UserError
from lit_emotalk.inference.output.provenance import MIME, TAGS, Credentials
from lit_emotalk.io.files import atomic_path
from lit_emotalk.io.output_sound import Soundtrack, write_wav
from lit_emotalk.io.video import MP4, WEBM, write_video
from lit_emotalk.schema import FPS

PICTURE_NAME = "frame_{:06d}.png"
SOUND_NAME = "speech.wav"


def checked_output(name: Path | str, overwrite: bool) -> Path:
    """The output's path: an .mp4 or .webm file, or, without an ending, a folder of png pictures.

    Raises UserError for another ending, and where it exists and `overwrite` is False, or is a folder that
    holds other files.
    """
    path = Path(name)
    suffix = path.suffix.lower()
    if suffix not in (MP4, WEBM, ""):
        raise UserError(
            f"the output must be an .mp4 or .webm file, or a folder for png pictures, not {path.name}"
        )
    if path.is_dir() and suffix:
        raise UserError(f"{path} is a folder; give a file's name")
    if path.is_file() and not suffix:
        raise UserError(f"{path} is a file; give a folder's name, or a name ending in .mp4 or .webm")
    if path.exists() and not overwrite and not (path.is_dir() and not any(path.iterdir())):
        raise UserError(f"{path} exists; give another name or --overwrite")
    if path.is_dir() and any(not _ours(each) for each in path.iterdir()):
        raise UserError(f"{path} holds other files than frames; give another folder")
    return path


def write_output(
    path: Path,
    frames: Iterable[np.ndarray],
    sound: Soundtrack | np.ndarray,
    credentials: Credentials | None = None,
) -> None:
    """Write frames (H, W, 3) uint8 and sound, cut to them, to what `checked_output` allowed, tagged as
    generated. `sound` as `write_video` takes it.

    The output is whole or absent; an older one is replaced. With `credentials` it is signed as well. Raises
    UserError where it cannot be written or signed.
    """
    if not path.suffix:
        _write_folder(path, frames, sound, credentials)
    elif credentials is None:
        write_video(path, frames, fps=FPS, audio=sound, tags=TAGS)
    elif path.suffix.lower() in MIME:
        with atomic_path(path) as signed, _beside(signed) as plain:
            write_video(plain, frames, fps=FPS, audio=sound, tags=TAGS)
            credentials.sign(plain, signed, path.name)
    else:
        raise UserError("content credentials cannot be put into a webm; write an .mp4 or a folder of png")


def _write_folder(
    path: Path, frames: Iterable[np.ndarray], sound: Soundtrack | np.ndarray, credentials: Credentials | None
) -> None:
    info = PngInfo()
    for key, value in TAGS.items():
        info.add_itxt(key.capitalize(), value)
    with _atomic_folder(path) as folder:
        count = 0
        for index, frame in enumerate(frames):
            target = folder / PICTURE_NAME.format(index)
            Image.fromarray(frame).save(target, pnginfo=info, compress_level=1)
            if credentials is not None:
                with atomic_path(target) as signed:
                    credentials.sign(target, signed, target.name)
            count += 1
        write_wav(folder / SOUND_NAME, sound, count / FPS)


@contextmanager
def _atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder beside `path`; it takes its name if the block succeeds, and is removed if not."""
    made = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        made.mkdir(parents=True)
        yield made
        if path.exists():
            shutil.rmtree(path)
        made.rename(path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A name beside `path` for a file that is removed in the end."""
    name = path.with_name(f"{path.stem}.plain{path.suffix}")
    try:
        yield name
    finally:
        name.unlink(missing_ok=True)


def _ours(path: Path) -> bool:
    return path.name == SOUND_NAME or (path.name.startswith("frame_") and path.suffix == ".png")
