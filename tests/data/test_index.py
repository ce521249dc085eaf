"""Where the entries of shards lie: as tarfile and WebDataset find them, in little memory."""

import io
import tarfile
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from webdataset.tariterators import base_plus_ext

from lit_emotalk.data.index import index_shard, index_split, key_and_name
from lit_emotalk.data.manifest import Shard, read_manifest
from lit_emotalk.data.tar import members
from lit_emotalk.errors import UserError

FRAMES = 500


def write_tar(path: Path, names: list[str], format: int = tarfile.GNU_FORMAT) -> Path:
    with tarfile.open(path, "w", format=format) as tar:
        for place, name in enumerate(names):
            info = tarfile.TarInfo(name)
            info.size = place % 700
            tar.addfile(info, io.BytesIO(bytes([place % 251]) * info.size))
    return path


def by_tarfile(path: Path) -> list[tuple[str, int, int]]:
    with tarfile.open(path) as tar:
        return [(each.name, each.offset_data, each.size) for each in tar if each.isfile()]


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("name", ["clip.json", "folder/clip.json", "f" * 60 + "/" + "x" * 80, "rené.jpg"])
def test_members_are_those_of_tarfile(tmp_path: Path, format: int, name: str) -> None:
    path = write_tar(tmp_path / "a.tar", [f"c{i}.jpg" for i in range(40)] + [name, "last.json"], format)
    assert list(members(path)) == by_tarfile(path) and len(by_tarfile(path)) == 42


def test_folders_and_links_are_no_members(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, kind in (
            ("folder", tarfile.DIRTYPE),
            ("link", tarfile.SYMTYPE),
            ("a.jpg", tarfile.REGTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type = kind
            tar.addfile(info)
    assert [name for name, *_ in members(tmp_path / "a.tar")] == ["a.jpg"]


def test_shards_of_plain_files_are_read_without_tarfile(
    tiny_shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = read_manifest(tiny_shards)
    wanted = {shard.path: by_tarfile(shard.path) for shard in manifest.shards}

    def refused(*arguments: Any, **named: Any) -> None:
        raise AssertionError("tarfile reads it")

    monkeypatch.setattr(tarfile, "open", refused)
    assert {shard.path: list(members(shard.path)) for shard in manifest.shards} == wanted
    assert len(index_split(manifest, "frames", "train")) == manifest.count("frames", "train")


def test_a_damaged_header_is_noticed(tiny_shards: Path, tmp_path: Path) -> None:
    shard = next(s for s in read_manifest(tiny_shards).shards if s.kind == "frames" and s.samples > 1)
    second = by_tarfile(shard.path)[45][1] - 512
    for place in (0, 7, 124, 130, 150):
        data = bytearray(shard.path.read_bytes())
        data[second + place] ^= 0x55
        (tmp_path / "a.tar").write_bytes(data)
        with pytest.raises(UserError, match="is damaged"):
            index_shard(Shard(tmp_path / "a.tar", shard.kind, shard.split, shard.samples, ""))


def test_keys_are_those_of_webdataset() -> None:
    for path in (
        "clip.json",
        "a/b.c/clip.mel.npy",
        "clip",
        "a.b/clip",
        ".hidden",
        "clip.0001.jpg",
    ):
        assert key_and_name(path) == tuple(part or "" for part in base_plus_ext(path)), path


def test_a_frame_takes_few_bytes(tmp_path: Path) -> None:
    names = [f"clip{clip}.{frame:04d}.jpg" for clip in range(8) for frame in range(FRAMES)]
    shard = Shard(write_tar(tmp_path / "a.tar", names), "frames", "train", 8, "")
    index_shard(shard)
    tracemalloc.start()
    clips = index_shard(shard)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held / len(names) < 24
    assert clips[3].read("0007.jpg") == bytes([(3 * FRAMES + 7) % 251]) * ((3 * FRAMES + 7) % 700)
    assert "0500.jpg" not in clips[3].entries and len(clips[3].entries) == FRAMES
