"""The checker finds what is wrong, and nothing in what is right."""

import io
import json
import shutil
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep.clips.record import npy_bytes
from data_prep.shards.sheet import draw_sheet
from data_prep.verify import main, verify
from lit_emotalk.errors import UserError
from lit_emotalk.io.files import sha256_file


@pytest.fixture
def shards(tiny_shards: Path, tmp_path: Path) -> Path:
    """A copy of the tiny shards that a test may damage."""
    return Path(shutil.copytree(tiny_shards, tmp_path / "shards"))


def rewrite(directory: Path, name: str, change: Callable[[str, bytes], bytes | None]) -> None:
    """Change a shard's entries (None drops one) and give the manifest the new checksum."""
    path = directory / name
    with tarfile.open(path) as tar:
        entries = [(m.name, tar.extractfile(m).read()) for m in tar]  # type: ignore[union-attr]
    with tarfile.open(path, "w") as tar:
        for entry, data in entries:
            changed = change(entry, data)
            if changed is not None:
                info = tarfile.TarInfo(entry)
                info.size = len(changed)
                tar.addfile(info, io.BytesIO(changed))
    edit_manifest(directory, lambda m: by_name(m, name).update(sha256=sha256_file(path)))


def edit_manifest(directory: Path, change: Callable[[dict], object]) -> None:
    manifest = json.loads((directory / "manifest.json").read_text())
    change(manifest)
    (directory / "manifest.json").write_text(json.dumps(manifest))


def by_name(manifest: dict, name: str) -> dict:
    return next(shard for shard in manifest["shards"] if shard["name"] == name)


def edit_array(suffix: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[str, bytes], bytes]:
    """A change of every entry with that ending."""

    def apply(name: str, data: bytes) -> bytes:
        return npy_bytes(change(np.load(io.BytesIO(data)))) if name.endswith(suffix) else data

    return apply


def edit_record(**values: object) -> Callable[[str, bytes], bytes]:
    def apply(name: str, data: bytes) -> bytes:
        return json.dumps(json.loads(data) | values).encode() if name.endswith(".json") else data

    return apply


def poke(array: np.ndarray, value: float) -> np.ndarray:
    array[3, ..., 1] = value
    return array


def test_shards_without_pictures_hold_coefficients_but_no_landmarks(
    acted_shards: Path, tmp_path: Path
) -> None:
    assert verify(acted_shards)[0] == []
    damaged = Path(shutil.copytree(acted_shards, tmp_path / "acted"))
    rewrite(damaged, "signals-000000.tar", lambda n, d: None if n.endswith("single.npy") else d)
    rewrite(damaged, "signals-000001.tar", edit_array("coeffs.npy", lambda a: poke(a, 1.5)))
    faults = verify(damaged)[0]
    assert len(faults) == 4
    assert {fault.split(": ", 2)[-1] for fault in faults} == {
        "single.npy is missing",
        "coeffs.npy lies in 0.000..1.500, expected 0.0..1.0",
    }


def test_good_shards_have_no_fault(tiny_shards: Path) -> None:
    faults, records = verify(tiny_shards)
    assert faults == []
    assert {split: len(clips) for split, clips in records.items()} == {"train": 4, "val": 2, "test": 2}


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("signals-000000.tar", edit_array("coeffs.npy", lambda a: poke(a, np.nan)), "NaN"),
        ("signals-000000.tar", edit_array("coeffs.npy", lambda a: poke(a, 1.5)), "expected 0.0..1.0"),
        ("signals-000000.tar", edit_array("single.npy", lambda a: a[:, :-1]), "single.npy is float32"),
        ("signals-000000.tar", edit_array("mel.npy", lambda a: a[:-4]), "mel.npy is float16"),
        ("signals-000000.tar", edit_array("mel.npy", lambda a: a[::-1]), "not the mel of the sound"),
        ("frames-000000.tar", edit_array("landmarks.npy", lambda a: poke(a, 7)), "not in the crop"),
        (
            "frames-000001.tar",
            edit_array("coeffs.npy", lambda a: a * np.float32(0.5)),
            "differs from signals-000001",
        ),
        ("signals-000000.tar", lambda n, d: None if n.endswith("flac") else d, "flac is missing"),
        ("signals-000000.tar", lambda n, d: d[: len(d) // 2] if n.endswith("flac") else d, "flac"),
        ("frames-000000.tar", lambda n, d: None if n.endswith(".0003.jpg") else d, "0003.jpg is missing"),
        ("frames-000000.tar", lambda n, d: b"x" if n.endswith(".0003.jpg") else d, "cannot be decoded"),
        ("frames-000000.tar", lambda n, d: None if n.startswith("M001_neutral") else d, "1 samples"),
        ("signals-000000.tar", edit_record(emotion="jolly"), "unknown emotion"),
        ("signals-000000.tar", edit_record(emotion="sadly angry"), "compound"),
        ("signals-000000.tar", edit_record(key_frame=99), "key_frame"),
        ("signals-000000.tar", edit_record(speaker="M003"), "not of the split"),
        ("signals-000000.tar", edit_record(extra=1), "unknown"),
    ],
)
def test_every_fault_is_named(
    shards: Path, name: str, change: Callable[[str, bytes], bytes | None], words: str
) -> None:
    rewrite(shards, name, change)
    faults, _ = verify(shards)
    assert any(words in fault and name in fault for fault in faults), faults
    assert all("\n" not in fault for fault in faults)


def test_flipped_byte_and_half_a_shard_are_named(shards: Path) -> None:
    flipped, half = shards / "signals-000001.tar", shards / "frames-000002.tar"
    data = bytearray(flipped.read_bytes())
    data[5000] ^= 1
    flipped.write_bytes(data)
    half.write_bytes(half.read_bytes()[: half.stat().st_size // 2])
    faults, _ = verify(shards)
    assert len([f for f in faults if "signals-000001.tar is damaged" in f]) == 1
    assert len([f for f in faults if "frames-000002.tar is damaged" in f]) == 1


def test_manifest_faults(shards: Path) -> None:
    edit_manifest(shards, lambda m: m["splits"]["test"].append("M001"))
    shutil.copy(shards / "signals-000000.tar", shards / "signals-000009.tar")
    (shards / "frames-000003.tar").unlink()
    faults, _ = verify(shards)
    assert any("M001 is in train and test" in fault for fault in faults)
    assert any("signals-000009.tar: not in the manifest" in fault for fault in faults)
    assert any("frames-000003.tar is missing" in fault for fault in faults)
    with pytest.raises(UserError, match="no shards"):
        verify(shards / "nowhere")


def test_command_line(
    shards: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["verify", str(shards), "--workers", "1"])
    main()
    assert "8 clips, no fault" in capsys.readouterr().out
    rewrite(shards, "signals-000000.tar", edit_record(level=9))
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "unknown level 9" in capsys.readouterr().out


def test_contact_sheet_shows_every_clip(tiny_shards: Path, tmp_path: Path) -> None:
    draw_sheet(tiny_shards, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == 8 * 192 and sheet.height == 8 * (192 + 44)
        assert np.asarray(sheet).std() > 20
