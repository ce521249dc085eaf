"""Digests of code change with what the code does, not with how it reads."""

from pathlib import Path
from types import ModuleType

import pytest

from lit_emotalk.io import sources
from lit_emotalk.io.sources import Sources, code_digest

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


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package `made` that takes the project's place: `made.start` imports in every way there is."""
    files = {
        "__init__.py": 'HOMES = {"Lazy": "made.lazy"}\n',
        "start.py": "from typing import TYPE_CHECKING\nimport numpy\nfrom made import Lazy\n"
        "if TYPE_CHECKING:\n    from made import typed\n"
        "def run():\n    from made.inner import late\n    import made.direct as direct\n",
        "lazy.py": "",
        "stubbed/__init__.py": "attach_stub(__name__, __file__)\n",
        "stubbed/__init__.pyi": "from .late import Later as Later\nfrom ..lazy import Lazy as Lazy\n",
        "stubbed/late.py": "",
        "stubbed/other.py": "",
        "stubbed/beside.json": "{}",
        "typed.py": "",
        "direct.py": "",
        "unused.py": "",
        "inner/__init__.py": "from made.inner.first import VALUE\n",
        "inner/first.py": "from . import beside\nVALUE = 1\n",
        "inner/beside.py": "from pathlib import Path\nFILE = Path(__file__).with_name('table.json')\n",
        "inner/late.py": "",
        "inner/table.json": "{}",
        "inner/pages/page.html": "<p>",
        "inner/deep/other.py": "",
        "inner/deep/other.json": "",
    }
    for name, text in files.items():
        path = tmp_path / "made" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(sources, "PROJECT", ("made",))
    monkeypatch.setattr(sources, "_home", {"made": tmp_path / "made"}.get)
    return tmp_path / "made"


def test_imports_are_followed_wherever_they_stand(project: Path) -> None:
    names = {"start.py", "__init__.py", "lazy.py", "direct.py"}
    inner = {"__init__.py", "first.py", "beside.py", "late.py", "table.json", "pages/page.html"}
    expected = {f"made/{name}" for name in names} | {f"made/inner/{name}" for name in inner}
    assert set(Sources().digests(["made.start"])) == expected
    assert set(Sources().digests(["made.Lazy"])) == {"made/__init__.py", "made/lazy.py"}
    assert set(Sources().digests(["made.start"], within="made.start")) == {"made/start.py"}
    assert Sources().digests(["made.nothing.at_all"]) == {}


def test_a_stub_says_where_a_name_comes_from(project: Path) -> None:
    package, later = "made/stubbed/__init__.py", "made/stubbed/late.py"
    assert set(Sources().digests(["made.stubbed.Later"])) == {"made/__init__.py", package, later}
    assert set(Sources().digests(["made.stubbed"])) == {"made/__init__.py", package}
    (project / "using.py").write_text("from made.stubbed import Later, Lazy\n")
    expected = {"made/__init__.py", "made/using.py", package, later, "made/lazy.py"}
    assert set(Sources().digests(["made.using"])) == expected
    assert sources.named_in("made.stubbed", "Nobody") == []


def test_a_file_is_read_again_only_when_it_changed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known: dict = {}
    first = Sources(known).digests(["made.start"])
    with monkeypatch.context() as patch:
        patch.setattr(sources, "code_text", lambda source: pytest.fail("read again"))
        assert Sources(known).digests(["made.start"]) == first
    (project / "inner" / "late.py").write_text("NEW = 2\n")
    (project / "inner" / "table.json").write_text("[]")
    changed = Sources(known).digests(["made.start"])
    assert {name for name in first if first[name] != changed[name]} == {
        "made/inner/late.py",
        "made/inner/table.json",
    }
