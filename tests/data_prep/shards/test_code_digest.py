"""Digests of code change with what the code does, not with how it reads."""

from pathlib import Path
from types import ModuleType

import pytest

from data_prep.shards.code_digest import code_digest

CODE = '''"""Text."""
LIMIT = 3
"""About it."""


def double(x: int) -> int:
    """Twice x."""
    return 2 * x
'''


def module_of(path: Path, source: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    path.write_text(source)
    monkeypatch.syspath_prepend(str(path.parent))
    return __import__(path.stem)


def test_digest_ignores_comments_and_docstrings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def digest_of(name: str, source: str) -> str:
        return code_digest(module_of(tmp_path / f"digested_{name}.py", source, monkeypatch))

    first = digest_of("first", CODE)
    described = CODE.replace("Twice x.", "Two times x.").replace("return", "# sum\n    return")
    assert digest_of("described", described.replace("About", "On")) == first
    assert digest_of("other", CODE.replace("2 * x", "3 * x")) != first
    assert digest_of("constant", CODE.replace("= 3", "= 4")) != first
