"""Going through folders: links, loops, and what cannot be used."""

import os
from pathlib import Path

import pytest

from lit_emotalk.io.folders import files_below


def listed(root: Path, without: Path | None = None) -> dict[str, str]:
    found = list(files_below(root, without))
    assert [path for path, _ in found] == sorted(path for path, _ in found)
    return {path.relative_to(root).as_posix(): fault for path, fault in found}


def test_links_are_followed_and_named_where_they_lead_nowhere(tmp_path: Path) -> None:
    store, root = tmp_path / "store", tmp_path / "root"
    for folder in (store / "ann", root / "bob", root / "out", root / ".cache"):
        folder.mkdir(parents=True)
    for file in (
        store / "ann/1.mp4",
        store / "2.mp4",
        root / "bob/3.ts",
        root / "out/4.tar",
        root / ".cache/5",
    ):
        file.touch()
    (root / "ann").symlink_to(store / "ann")
    (root / "bob/2.mp4").symlink_to(store / "2.mp4")
    (root / "bob/gone.mp4").symlink_to(store / "gone.mp4")
    (root / "bob/loop").symlink_to(root)
    (store / "ann/self").symlink_to("self")
    os.mkfifo(root / "pipe.mp4")
    assert listed(root, root / "out") == {
        "ann/1.mp4": "",
        "ann/self": "a link to nothing",
        "bob/2.mp4": "",
        "bob/3.ts": "",
        "bob/gone.mp4": "a link to nothing",
        "bob/loop": "a link to a folder that it lies in",
        "pipe.mp4": "neither a file nor a folder",
    }
    assert "out/4.tar" in listed(root)


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shut").mkdir()
    (tmp_path / "open.mp4").touch()
    real = os.listdir

    def listdir(folder: Path) -> list[str]:
        if folder.name == "shut":
            raise PermissionError(13, "Permission denied")
        return real(folder)

    monkeypatch.setattr(os, "listdir", listdir)
    assert listed(tmp_path) == {"open.mp4": "", "shut": "the folder cannot be read (Permission denied)"}
