"""What code made a result: the files that a module's work depends on, and digests of what they do.

Comments, docstrings and formatting count for nothing; files of package data count whole.
"""

import ast
import hashlib
import importlib.util
import inspect
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from lit_emotalk.io.files import sha256_file

PROJECT = ("lit_emotalk", "data_prep")
"""Packages whose imports are followed; what others do is known by their versions."""
DIGITS = 16
STUB = ".pyi"
"""What a package that imports lazily names beside its `__init__.py`; it reads no other file of its folder."""


def code_digest(*modules: ModuleType) -> str:
    """sha256 over what the modules' sources do."""
    digest = hashlib.sha256()
    for module in modules:
        digest.update(code_text(inspect.getsource(module)).encode())
    return digest.hexdigest()


def code_text(source: str) -> str:
    """Python source without comments, docstrings, texts below constants, and layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [line for line in node.body if not _is_text(line)] or [ast.Pass()]
    return ast.unparse(tree)


def module_file(name: str) -> Path | None:
    """The source file of a module or package of the project; None where there is none of that name."""
    top, *rest = name.split(".")
    home = _home(top)
    if home is None:
        return None
    path = home.joinpath(*rest)
    if (path / "__init__.py").is_file():
        return path / "__init__.py"
    return path.with_suffix(".py") if rest and path.with_suffix(".py").is_file() else None


class Sources:
    """The project's source files: what each imports, and a digest of what it does.

    `known` (JSON values) may be kept between runs: a file is read again only when its size or time changed.
    """

    def __init__(self, known: dict[str, list[Any]] | None = None) -> None:
        self.known = {} if known is None else known

    def digests(self, modules: Iterable[str], within: str = "") -> dict[str, str]:
        """File -> digest for `modules`, all that they import within the project, directly or not and wherever
        in the file the import stands, and the data files beside those that read their own folder.

        A name in `modules` may be a class that its package imports lazily (`lit_emotalk.stages.EACStage`).
        `within`: only modules whose names begin so are followed. The files' names begin with their package's.
        """
        found: dict[str, str] = {}
        waiting, seen = list(modules), set()
        while waiting:
            name = waiting.pop()
            if name in seen or not name.startswith(within):
                continue
            seen.add(name)
            path = module_file(name)
            package, _, attribute = name.rpartition(".")
            if path is None:
                waiting += [package, *named_in(package, attribute)] if module_file(package) else []
                continue
            digest, imports, reads_folder = self._read(path, name)
            found[project_path(path)] = digest
            waiting += imports
            if package:
                waiting.append(package)
            if reads_folder:
                found.update(
                    (project_path(file), self.file_digest(file)[:DIGITS]) for file in _data_files(path.parent)
                )
        return dict(sorted(found.items()))

    def _read(self, path: Path, name: str) -> tuple[str, list[str], bool]:
        known = self.known.get(f"code {path}")
        stamp = _stamp(path)
        if known is None or known[0] != stamp:
            text = path.read_text(encoding="utf-8")
            digest = hashlib.sha256(code_text(text).encode()).hexdigest()[:DIGITS]
            imports = sorted(imports_of(path, name))
            reads_folder = "__file__" in text and not path.with_suffix(STUB).is_file()
            known = self.known[f"code {path}"] = [stamp, digest, imports, reads_folder]
        return known[1], known[2], known[3]

    def file_digest(self, path: Path) -> str:
        """sha256 of a file, whatever it holds."""
        known = self.known.get(f"data {path}")
        stamp = _stamp(path)
        if known is None or known[0] != stamp:
            known = self.known[f"data {path}"] = [stamp, sha256_file(path)]
        return known[1]


@cache
def _home(package: str) -> Path | None:
    spec = importlib.util.find_spec(package) if package in PROJECT else None
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else None


def project_path(path: Path) -> str:
    """A file's name from its package on, the same wherever the project lies."""
    top = next(name for name in PROJECT if (home := _home(name)) and path.is_relative_to(home))
    home = _home(top)
    assert home is not None
    return (top / path.relative_to(home)).as_posix()


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def _is_text(statement: ast.stmt) -> bool:
    """Whether a statement is a bare string: a docstring or the text below a constant."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def imports_of(path: Path, name: str) -> set[str]:
    """Modules of the project that the source of module `name` imports, wherever in the file; those for type
    checkers alone are left out."""
    return set(_imports(ast.parse(path.read_text(encoding="utf-8")), name, path))


def _imports(tree: ast.AST, name: str, path: Path) -> Iterator[str]:
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield from _imports(other, name, path)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in PROJECT)
        elif isinstance(node, ast.ImportFrom):
            module = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            if module.split(".")[0] in PROJECT:
                yield module
                for alias in node.names:
                    inner = f"{module}.{alias.name}"
                    yield from [inner] if module_file(inner) else named_in(module, alias.name)
        else:
            yield from _imports(node, name, path)


def named_in(module: str, key: str) -> list[str]:
    """Modules that `module` names for `key`: in a dictionary, as the table of commands does
    (`"key": "lit_emotalk.stages.eac"`, or a tuple that begins with it), or in the stub of a package that
    imports lazily (`from .eac import key as key`)."""
    path = module_file(module)
    if path is None:
        return []
    named = _pairs(path, path.stat().st_mtime_ns)
    stub = path.with_suffix(STUB)
    if stub.is_file():
        named = named + _stubbed(stub, module, stub.stat().st_mtime_ns)
    return [name for known, name in named if known == key]


@cache
def _pairs(path: Path, _changed: int) -> list[tuple[str, str]]:
    """Keys of a source's dictionaries and the modules of the project that they name."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                first = value.elts[0] if isinstance(value, ast.Tuple) and value.elts else value
                if isinstance(key, ast.Constant) and isinstance(first, ast.Constant):
                    found.append((str(key.value), str(first.value)))
    return [(key, name) for key, name in found if module_file(name)]


@cache
def _stubbed(stub: Path, package: str, _changed: int) -> list[tuple[str, str]]:
    """Names that a package's stub imports and the modules that they come from."""
    return [
        (alias.name, importlib.util.resolve_name("." * node.level + (node.module or ""), package))
        for node in ast.parse(stub.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]


def _data_files(folder: Path) -> Iterator[Path]:
    """Files in `folder` and in its subfolders without Python code, that are no Python code."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "__pycache__")):
            continue
        if path.is_dir():
            if not any(path.glob("*.py")):
                yield from _data_files(path)
        elif path.suffix != ".py":
            yield path
