"""librosa, whose compiled functions are cached by one process at a time."""

import getpass
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType

from filelock import FileLock


@cache
def librosa() -> ModuleType:
    """The library, imported whole.

    Its universal functions have several signatures each, compiled by numba at the first import on a machine
    and cached beside the package. Numba numbers the cached files without a lock: two processes that compile
    at once leave an index that names each other's code, and the next call dies of a segmentation fault.
    """
    with FileLock(Path(tempfile.gettempdir()) / f"lit-emotalk-{getpass.getuser()}-numba.lock"):
        import librosa
        import librosa.core.audio
        import librosa.core.pitch
        import librosa.util.utils

        return librosa
