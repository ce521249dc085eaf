"""The rooms of the code: who may import whom, no circles, and none too full. Read from the sources."""

from collections import Counter
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from lit_emotalk.io.sources import PROJECT, imports_of, module_file

ROOT = Path(__file__).parent.parent
CONTRACTS = {"schema", "coefficients", "emotions", "errors"}
LOW = {"contracts", "io"}
FACE = LOW | {"weights", "face"}
LEARNING = FACE | {"models", "losses", "metrics", "data"}
SYNTHETIC = {f"data_prep.synthetic.{name}" for name in ("heads", "rays", "scenes", "speech", "acting")}
ALLOWED: dict[str, set[str]] = {
    "contracts": set(),
    "io": {"contracts"},
    "weights": LOW,
    "face": LOW | {"weights"},
    "data": LOW | {"face"},
    "models": FACE,
    "losses": FACE | {"models"},
    "metrics": FACE | {"models"},
    "stages": LEARNING,
    "training": LEARNING | {"stages"},
    "inference": FACE | {"models", "metrics"},
    "evaluate": LEARNING | {"stages", "inference"},
    "web": FACE | {"inference"},
    "command": {"contracts", "io"},
    "data_prep.splits": LOW,
    "data_prep.clips": FACE | {"models"},
    "data_prep.shards": FACE | {"models", "data", "data_prep.clips", "data_prep.splits"},
    "data_prep.synthetic.rays": LOW,
    "data_prep.synthetic.heads": LOW | {"data_prep.synthetic.rays"},
    "data_prep.synthetic.scenes": LOW | {"data_prep.synthetic.heads", "data_prep.synthetic.rays"},
    "data_prep.synthetic.speech": LOW,
    "data_prep.synthetic.acting": LOW | {"data_prep.synthetic.speech"},
    "data_prep.synthetic": LEARNING | SYNTHETIC | {"data_prep.clips", "data_prep.shards"},
    "data_prep.tracker": LEARNING | SYNTHETIC | {"inference", "data_prep.clips", "data_prep.shards"},
    "data_prep.check_corpus": LEARNING | SYNTHETIC | {"data_prep.synthetic"},
    "data_prep": FACE
    | {"data", "data_prep.clips", "data_prep.shards", "data_prep.splits", "data_prep.tracker"},
}
"""Room -> the rooms that it may import: one row each. `contracts` and `command` are the package's root."""
FULL = 20
"""Modules that a room's folder holds at most; `metrics` has one for each metric."""
ROOT_MODULES, ROOT_FOLDERS = 6, 12
MAX_LINES = 320


def name_of(path: Path) -> str:
    """`lit_emotalk/models/eac.py` -> `lit_emotalk.models.eac`, a package by its own name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(name: str) -> str:
    """The room that a module lies in."""
    path = module_file(name)
    assert path is not None, name
    folders = path.relative_to(ROOT).parts[:-1]
    if folders[0] == "data_prep":
        return ".".join(folders[:3])
    if len(folders) > 1:
        return folders[1]
    return "contracts" if path.stem in CONTRACTS else "command"


PATHS = {name_of(path): path for package in PROJECT for path in (ROOT / package).rglob("*.py")}


@cache
def imports() -> dict[str, set[str]]:
    """What every module of the project imports of it."""
    return {name: set(imports_of(path, name)) - {name} for name, path in PATHS.items()}


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    for name, others in imports().items():
        if room_of(name) == room:
            forbidden = {other for other in others if room_of(other) not in ALLOWED[room] | {room, "command"}}
            assert not forbidden, f"{name} must not import {sorted(forbidden)}"
            assert room == "command" or "lit_emotalk.cli" not in others, name


def test_every_room_has_its_row() -> None:
    assert {room_of(name) for name in PATHS} == set(ALLOWED)


def test_no_circle_of_imports() -> None:
    TopologicalSorter(imports()).prepare()
    rooms: dict[str, set[str]] = {}
    for name, others in imports().items():
        room = room_of(name)
        rooms.setdefault(room, set()).update({room_of(other) for other in others} - {room, "command"})
    del rooms["command"]
    TopologicalSorter(rooms).prepare()


def test_no_room_is_too_full() -> None:
    folders = Counter(path.parent.relative_to(ROOT) for path in PATHS.values() if path.name != "__init__.py")
    full = {
        str(folder): count for folder, count in folders.items() if count > FULL and folder.name != "metrics"
    }
    assert not full
    root = ROOT / "lit_emotalk"
    assert len(list(root.glob("*.py"))) <= ROOT_MODULES
    assert len([path for path in root.iterdir() if path.is_dir() and any(path.glob("*.py"))]) <= ROOT_FOLDERS
    commands = {path.stem for path in (ROOT / "data_prep").iterdir() if path.suffix == ".py"} - {"__init__"}
    for command in commands:
        text = (ROOT / "data_prep" / f"{command}.py").read_text()
        assert 'if __name__ == "__main__":' in text, f"data_prep/{command}.py is no command"


def test_files_keep_to_about_three_hundred_lines() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for folder in ("lit_emotalk", "data_prep", "tests")
        for path in (ROOT / folder).rglob("*.py")
        if (count := len(path.read_text().splitlines())) > MAX_LINES
    }
    assert not long
