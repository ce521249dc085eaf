"""What travels arrives whole, in pieces that may come one at a time."""

import json
import os
import random
from importlib import metadata
from pathlib import Path

import pytest

from lit_emotalk.data import FramesDataModule, read_manifest
from lit_emotalk.errors import UserError
from tests.benchmarks.gpu.pieces import MANIFEST, pack, unpack
from tests.benchmarks.gpu.shards import subset
from tests.benchmarks.gpu.wheels import LEFT_OUT, closure, project_requirements
from tests.forked import ROOT

PIECE = 1000


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    """Names and contents below tmp_path/from: small, large, empty, and as large as a piece."""
    drawn = random.Random(4)
    sizes = {"a/small": 10, "large": 2700, "b/empty": 0, "b/whole": PIECE, "last": 333}
    contents = {name: drawn.randbytes(size) for name, size in sizes.items()}
    for name, content in contents.items():
        path = tmp_path / "from" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return contents


def packed(tmp_path: Path, files: dict[str, bytes]) -> list[Path]:
    return pack([(name, tmp_path / "from" / name) for name in files], tmp_path / "carried", PIECE)


def test_all_pieces_give_all_files(tmp_path, files):
    pieces = packed(tmp_path, files)
    assert [piece.stat().st_size for piece in pieces] == [1000, 1000, 1000, 1000, 43]
    found = unpack(tmp_path / "carried", tmp_path / "to")
    assert found == {"unpacked": 5, "there": 0, "waiting": [], "missing": [], "damaged": []}
    assert {name: (tmp_path / "to" / name).read_bytes() for name in files} == files
    assert unpack(tmp_path / "carried", tmp_path / "to")["there"] == 5


def test_pieces_may_come_one_by_one(tmp_path, files):
    later = [(piece, piece.read_bytes()) for piece in packed(tmp_path, files)[2:]]
    for piece, _ in later:
        piece.unlink()
    found = unpack(tmp_path / "carried", tmp_path / "to")
    assert found["waiting"] == ["large", "b/whole", "last"] and found["missing"] == [p.name for p, _ in later]
    assert not (tmp_path / "to" / "large").exists()
    for piece, content in later:
        piece.write_bytes(content)
    found = unpack(tmp_path / "carried", tmp_path / "to")
    assert found["unpacked"] == 3 and found["there"] == 2
    assert (tmp_path / "to" / "large").read_bytes() == files["large"]


def test_a_damaged_piece_is_named_and_a_damaged_file_comes_again(tmp_path, files):
    pieces = packed(tmp_path, files)
    whole = pieces[0].read_bytes()
    pieces[0].write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    found = unpack(tmp_path / "carried", tmp_path / "to")
    assert found["damaged"] == ["piece-00"] and found["waiting"] == ["a/small", "large"]
    pieces[0].write_bytes(whole)
    unpack(tmp_path / "carried", tmp_path / "to")
    (tmp_path / "to" / "last").write_bytes(b"cut")
    assert unpack(tmp_path / "carried", tmp_path / "to")["unpacked"] == 1
    assert (tmp_path / "to" / "last").read_bytes() == files["last"]


def test_a_manifest_cannot_write_elsewhere(tmp_path, files):
    packed(tmp_path, files)
    path = tmp_path / "carried" / MANIFEST
    content = json.loads(path.read_text())
    content["files"][0]["name"] = f"..{os.sep}outside"
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="outside"):
        unpack(tmp_path / "carried", tmp_path / "to")
    path.write_text("{")
    with pytest.raises(UserError, match="pack again"):
        unpack(tmp_path / "carried", tmp_path / "to")


def test_some_shards_are_a_corpus_of_their_own(tiny_shards, tmp_path):
    sizes = {
        s.path.name: s.path.stat().st_size for s in read_manifest(tiny_shards).shards if s.kind == "frames"
    }
    most = sum(sizes.values()) - 1
    chosen = subset(tiny_shards, most, tmp_path / "manifest.json")
    for name, path in chosen[1:]:
        (tmp_path / name).write_bytes(path.read_bytes())
    assert sum(sizes[name] for name, _ in chosen[1:]) <= most
    manifest = read_manifest(tmp_path)
    assert {s.path.name for s in manifest.shards} == {name for name, _ in chosen[1:]}
    data = FramesDataModule(
        tmp_path, 2, resolution=32, window=9, num_workers=0, steps_per_epoch=1, verify=True
    )
    data.prepare_data()
    assert len(next(iter(data.loader("train")))["key"]) == 2
    with pytest.raises(UserError, match="no training shard"):
        subset(tiny_shards, 1000, tmp_path / "other.json")


def test_wheels_are_what_the_check_imports_and_the_machine_lacks():
    required = project_requirements(ROOT / "pyproject.toml")
    bare = closure(required, ())
    assert {"torch", "lightning", "av", "jsonargparse", "typeshed-client", "pycparser"} <= bare.keys()
    assert bare["av"] == metadata.version("av") and not bare.keys() & LEFT_OUT.keys()
    there = set(bare) - {"av", "librosa", "soxr"}
    assert closure(required, there) == {name: bare[name] for name in ("av", "librosa", "soxr")}
    assert "torch" not in closure(required, ["Torch", "lightning", "torchvision", "torchmetrics", "librosa"])
