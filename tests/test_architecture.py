"""Who may import whom: the package's layers, read from the sources."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BASE = {"errors", "files", "schema", "emotions", "coefficients", "progress"}
MEDIA = BASE | {"audio", "video", "weights", "registry"}
FACE = MEDIA | {"face"}
ALLOWED: dict[str, set[str]] = {
    "schema": set(),
    "coefficients": set(),
    "errors": set(),
    "emotions": {"errors"},
    "files": {"errors"},
    "progress": set(),
    "audio": BASE,
    "video": BASE,
    "weights": BASE | {"registry"},
    "face": FACE,
    "models": BASE | {"models", "prompts", "weights", "face"},
    "losses": BASE | {"losses", "models", "weights", "face"},
    "metrics": FACE | {"metrics", "models"},
    "data": BASE | {"data", "face", "audio"},
    "stages": FACE | {"stages", "models", "losses", "metrics", "export", "data", "prompts", "space_plots"},
    "serving": {"errors"},
    "study": BASE | {"video", "serving"},
    "web": FACE | {"coefficient_table", "emotion_request", "inference", "serving", "live", "pipeline"},
    "space_plots": {"schema"},
    "emotion_request": {"emotions", "errors", "schema"},
    "emotion_codes": FACE | {"models", "export", "emotion_request"},
    "streaming": MEDIA | {"models"},
    "motion": {"coefficients", "schema"},
    "bearing": MEDIA | {"metrics", "motion"},
    "coefficient_table": BASE,
    "live": FACE | {"motion", "streaming", "emotion_request", "inference", "pipeline"},
    "inference": FACE | {"emotion_request", "inference", "models"},
    "pipeline": FACE
    | {
        "models",
        "export",
        "emotion_codes",
        "emotion_request",
        "motion",
        "bearing",
        "coefficient_table",
        "inference",
        "live",
        "streaming",
    },
    "batch": BASE | {"inference", "pipeline"},
}


def layer(module: str) -> str:
    """`lit_emotalk.models.hef.generator` -> `models`."""
    return module.split(".")[1] if "." in module else ""


def imports_of(path: Path) -> set[str]:
    """Modules that a source file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def sources(name: str) -> list[Path]:
    """The files of a layer."""
    folder = ROOT / "lit_emotalk" / name
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


@pytest.mark.parametrize("name", ALLOWED)
def test_a_layer_imports_only_what_it_may(name):
    modules = {path.stem for path in (ROOT / "lit_emotalk").iterdir() if path.suffix in ("", ".py")}
    for path in sources(name):
        ours = {layer(module) for module in imports_of(path) if module.startswith("lit_emotalk.")}
        forbidden = (ours & modules) - ALLOWED[name] - {name}
        assert not forbidden, f"{path.relative_to(ROOT)} must not import {sorted(forbidden)}"


def test_the_package_never_imports_the_preparation():
    for path in (ROOT / "lit_emotalk").rglob("*.py"):
        assert not any(module.startswith("data_prep") for module in imports_of(path)), path


def test_files_keep_to_about_three_hundred_lines():
    long = {
        str(path.relative_to(ROOT)): count
        for folder in ("lit_emotalk", "data_prep", "tests")
        for path in (ROOT / folder).rglob("*.py")
        if (count := len(path.read_text().splitlines())) > 320
    }
    assert not long
