"""Packages that import lazily: what their stubs name is there when it is asked for, and not before."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from lit_emotalk.io.sources import PROJECT

ROOT = Path(__file__).parent.parent
STUBS = {
    ".".join(path.relative_to(ROOT).parts[:-1]): path
    for package in PROJECT
    for path in (ROOT / package).rglob("__init__.pyi")
}


def homes(package: str) -> dict[str, str]:
    """Name -> the module that the package's stub takes it from."""
    lines = [node for node in ast.parse(STUBS[package].read_text()).body if isinstance(node, ast.ImportFrom)]
    assert all(alias.asname == alias.name for line in lines for alias in line.names), "not exported"
    return {alias.name: f"{package}.{line.module}" for line in lines for alias in line.names}


def test_these_packages_import_lazily() -> None:
    assert sorted(STUBS) == ["lit_emotalk", "lit_emotalk.data", "lit_emotalk.stages"]


@pytest.mark.parametrize("package", STUBS)
def test_names_are_those_of_the_stub(package: str) -> None:
    module, names = importlib.import_module(package), homes(package)
    assert names and sorted(module.__all__) == sorted(dir(module)) == sorted(names)
    for name, home in names.items():
        assert getattr(module, name) is getattr(importlib.import_module(home), name)
    everything: dict[str, object] = {}
    exec(f"from {package} import *", everything)
    assert {name: everything[name] for name in names} == {name: getattr(module, name) for name in names}


@pytest.mark.parametrize("package", STUBS)
def test_other_names_are_refused_and_submodules_are_found(package: str) -> None:
    module = importlib.import_module(package)
    with pytest.raises(AttributeError, match="nothing_of_that_name"):
        _ = module.nothing_of_that_name
    with pytest.raises(ImportError, match="nothing_of_that_name"):
        exec(f"from {package} import nothing_of_that_name", {})
    submodule = next(home for home in homes(package).values()).removeprefix(f"{package}.").split(".")[0]
    found: dict[str, object] = {}
    exec(f"from {package} import {submodule}", found)
    assert found[submodule] is sys.modules[f"{package}.{submodule}"]


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    names = ", ".join(STUBS)
    code = f"import sys, {names}; print(sorted(sys.modules)); from lit_emotalk.data import Manifest"
    code += "; from lit_emotalk import __version__; print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = map(ast.literal_eval, done.stdout.splitlines())
    ours = {name for name in before if name.split(".")[0] in PROJECT}
    assert ours == {"lit_emotalk", *STUBS} and "numpy" not in before
    assert {"lit_emotalk.data.manifest", "lit_emotalk.io.version"} <= set(after)
    assert not {"torch", "lightning"} & set(after)
