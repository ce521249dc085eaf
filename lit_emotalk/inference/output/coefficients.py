"""Coefficients for other tools: our table, Live Link Face's, Audio2Face's, or a glTF head that moves.

| format | ending | what opens it |
| --- | --- | --- |
| `csv` | .csv | our own columns, see `lit_emotalk.io.coefficient_table` |
| `livelink` | .csv | Unreal's import of Live Link Face's takes, Blender's and Maya's add-ons for them |
| `audio2face` | .json | what reads the blend shapes that NVIDIA's Audio2Face exports |
| `gltf` | .glb | any glTF viewer, Blender, three.js: a small head of ours, the 51 units its morph targets |
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lit_emotalk.errors import UserError
from lit_emotalk.inference.output.audio2face import write_audio2face
from lit_emotalk.inference.output.live_link import write_live_link
from lit_emotalk.io.coefficient_table import write_coefficients


@dataclass(frozen=True)
class Format:
    """A format: the ending of its files, and what writes coefficients (T, 57) at 25 fps to a path."""

    ending: str
    write: Callable[[Path, np.ndarray], None]


def _write_gltf(path: Path, coefficients: np.ndarray) -> None:
    """As `write_gltf`, whose head needs torch: imported when there is one to write."""
    from lit_emotalk.inference.output.gltf import write_gltf

    write_gltf(path, coefficients)


FORMATS: dict[str, Format] = {
    "csv": Format(".csv", write_coefficients),
    "livelink": Format(".csv", write_live_link),
    "audio2face": Format(".json", write_audio2face),
    "gltf": Format(".glb", _write_gltf),
}
"""By name; of one ending the first is taken where no format is named."""


def format_of(path: Path | str, name: str | None) -> Format:
    """The format of a file for coefficients: `name`, one of `FORMATS`, or what the path's ending says.

    Raises UserError for an unknown name or ending, and where the two contradict.
    """
    ending = Path(path).suffix.lower()
    if name is None:
        for each in FORMATS.values():
            if each.ending == ending:
                return each
        endings = ", ".join(dict.fromkeys(each.ending for each in FORMATS.values()))
        raise UserError(f"the file for coefficients must end in one of {endings}, not {Path(path).name}")
    if name not in FORMATS:
        raise UserError(f"the format of coefficients must be one of {', '.join(FORMATS)}, not '{name}'")
    if FORMATS[name].ending != ending:
        raise UserError(
            f"coefficients as {name} are a {FORMATS[name].ending} file; {Path(path).name} does not end so"
        )
    return FORMATS[name]
