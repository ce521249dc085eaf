"""Expression coefficients of Deep3DFaceRecon, imported: `--coefficients bfm --deep3d DIR`.

DIR mirrors the corpus: for `a/b/001.mp4` it holds `a/b/001.mat` (or npy, npz) with a row for every frame, or
a folder `a/b/001/` with a file for every frame, in the order of their names. A file is an array (N, 257), in
a mat or npz called `coeff`, or a dictionary with `exp` (N, 64): what the TensorFlow and the PyTorch release
write. Rows are of the video's own frames, or of frames at 25 a second. Only the expression is taken: the
release's angle and translation are those of its own crop and camera, so the pose is our tracker's.
"""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from lit_emotalk import schema
from lit_emotalk.coefficients import BFM
from lit_emotalk.errors import UserError

COEFFICIENTS = 257
SLICES: dict[str, slice] = {
    "id": slice(0, 80),
    "exp": slice(80, 144),
    "tex": slice(144, 224),
    "angle": slice(224, 227),
    "gamma": slice(227, 254),
    "trans": slice(254, 257),
}
"""What the 257 numbers are: identity, expression, texture, rotation (Euler angles in radians), lighting (9
spherical harmonics for each colour), translation."""
ARRAY_NAMES = ("coeff", "coeffs")
SUFFIXES = (".mat", ".npy", ".npz")
MAX_DIFFERENCE = 0.2
"""Seconds by which the rows and the video may differ in length."""


def find_coefficients(directory: Path, relative: str) -> tuple[Path, ...]:
    """The files with the coefficients of the video at `relative` below the corpus root.

    Raises UserError where there are none.
    """
    base = directory / Path(relative).with_suffix("")
    for suffix in SUFFIXES:
        if (path := base.with_suffix(suffix)).is_file():
            return (path,)
    frames = [path for path in sorted(base.glob("*")) if path.suffix in SUFFIXES] if base.is_dir() else []
    if not frames:
        raise UserError(f"no coefficients: neither {base}.mat (npy, npz) nor a folder {base}/ of them")
    return tuple(frames)


def read_expression(paths: tuple[Path, ...]) -> np.ndarray:
    """The expression (N, 64) float32 of the frames in the files.

    Raises UserError for a file that is neither of the two forms, or holds values that are no coefficients.
    """
    rows = np.concatenate([_rows(path) for path in paths]).astype(np.float32)
    if not np.isfinite(rows).all() or rows.min() < BFM.low or rows.max() > BFM.high:
        low, high = float(rows.min()), float(rows.max())
        raise UserError(
            f"{paths[0]}: expression lies in {low:.1f}..{high:.1f}, expected {BFM.low}..{BFM.high}"
        )
    return rows


def at_25_fps(rows: np.ndarray, fps: float, frames: int, path: Path) -> np.ndarray:
    """The rows (N, ...) for `frames` frames at 25 a second of a video of `fps`.

    Where N is the number of the video's own frames the nearest row in time is taken. Raises UserError where N
    fits neither the video's rate nor 25.
    """
    seconds = frames / schema.FPS
    rate = min((fps, float(schema.FPS)), key=lambda rate: abs(len(rows) / rate - seconds))
    if abs(len(rows) / rate - seconds) > MAX_DIFFERENCE:
        raise UserError(f"{path}: {len(rows)} rows for a video of {seconds:.2f} s at {fps:.2f} fps")
    nearest = np.floor(np.arange(frames) * rate / schema.FPS + 0.5).astype(int)
    return rows[nearest.clip(max=len(rows) - 1)]


def _rows(path: Path) -> np.ndarray:
    """(N, 64) of one file."""
    try:
        content: Any = loadmat(path) if path.suffix == ".mat" else np.load(path, allow_pickle=False)
    except (ValueError, TypeError, OSError, NotImplementedError, EOFError, MatReadError) as error:
        raise UserError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    found, part = content, SLICES["exp"]
    if not isinstance(content, np.ndarray):
        name = next((name for name in (*ARRAY_NAMES, "exp") if name in content), None)
        if name is None:
            keys = ", ".join(key for key in content if not key.startswith("_"))
            raise UserError(f"{path} holds {keys or 'nothing'}; expected coeff (N, 257) or exp (N, 64)")
        found, part = content[name], slice(None) if name == "exp" else part
    width = BFM.expression_size if part == slice(None) else COEFFICIENTS
    table = np.atleast_2d(np.asarray(found).squeeze())
    if table.ndim != 2 or table.shape[1] != width or table.dtype.kind not in "fiu":
        raise UserError(f"{path}: {table.dtype} of shape {np.shape(found)}, expected (N, {width})")
    return table[:, part]
