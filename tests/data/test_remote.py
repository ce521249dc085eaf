"""Shards from a web server that works, refuses, stalls and breaks off."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from lit_emotalk.data import SignalsDataModule, SyncDataModule, read_manifest, remote
from lit_emotalk.errors import UserError
from lit_emotalk.io.files import sha256_file


class Server(ThreadingHTTPServer):
    """Serves a directory. `faults` maps a file's name to what its next requests get: `refuse`, `stall`,
    `cut` (half of it) or `spoil` (other bytes); `asked` counts requests by name."""

    daemon_threads = True

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.faults: dict[str, list[str]] = {}
        self.asked: Counter[str] = Counter()
        self.released = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        """The directory's URL."""
        return f"http://127.0.0.1:{self.server_port}"


class Handler(SimpleHTTPRequestHandler):
    """One request."""

    server: Server

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        self.server.asked[name] += 1
        fault = (self.server.faults.get(name) or [""]).pop(0)
        path = self.server.directory / self.path.lstrip("/")
        if fault == "refuse":
            return self.send_error(503)
        if not path.is_file():
            return self.send_error(404)
        data = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if fault == "stall":
            self.server.released.wait(20)
        elif fault == "cut":
            self.wfile.write(data[: len(data) // 2])
        else:
            self.wfile.write(bytes(len(data)) if fault == "spoil" else data)


@pytest.fixture
def server(tiny_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server of the tiny shards; nothing is cached yet, waiting is short."""
    monkeypatch.setenv(remote.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(remote, "PAUSES", (0.05, 0.05))
    monkeypatch.setattr(remote, "STALL_SECONDS", 0.5)
    running = Server(tiny_shards)
    threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True).start()
    yield running
    running.released.set()
    running.shutdown()
    running.server_close()


def module(address: str) -> SignalsDataModule:
    return SignalsDataModule(address, batch_size=2, steps_per_epoch=4, num_workers=0)


def test_batches_from_afar_are_those_from_here_and_fetched_once(server, tiny_shards, tmp_path):
    for _ in range(2):
        afar = module(f"{server.address}/")
        afar.prepare_data()
        afar.setup("fit")
        ours = module(tiny_shards)
        assert afar.manifest.hash == ours.manifest.hash
        for split in ("train", "val"):
            for one, other in zip(afar.loader(split), ours.loader(split), strict=True):
                assert one["key"] == other["key"] and torch.equal(one["mel"], other["mel"])
    wanted = [s for split in ("train", "val") for s in read_manifest(tiny_shards).select("signals", split)]
    assert server.asked == {"manifest.json": 2} | {shard.path.name: 1 for shard in wanted}
    assert {p.stem for p in (tmp_path / "cache").iterdir()} == {shard.sha256 for shard in wanted}


@pytest.mark.parametrize("fault", ["refuse", "stall", "cut", "spoil"])
def test_a_fault_that_passes_is_tried_again(server, tmp_path, capsys, fault):
    server.faults = {"manifest.json": ["refuse"], "signals-000000.tar": [fault, fault]}
    afar = module(server.address)
    afar.prepare_data()
    assert server.asked["signals-000000.tar"] == 3
    said = capsys.readouterr().err
    assert said.count("signals-000000.tar:") == 2 and "trying again in 0.05 s (2 of 2)" in said
    assert all(sha256_file(path) == path.stem for path in (tmp_path / "cache").iterdir())


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("refuse", "503"), ("stall", "sent nothing for 0.5 s"), ("spoil", "checksum is not the manifest's")],
)
def test_a_fault_that_stays_ends_in_one_line(server, tmp_path, fault, reason):
    server.faults = {"signals-000001.tar": [fault] * 3}
    began = time.monotonic()
    with pytest.raises(UserError, match=rf"signals-000001.tar: .*{reason}.*; gave up after 3 attempts in"):
        module(server.address).prepare_data()
    assert time.monotonic() - began < 10
    assert not any(path.suffix != ".tar" for path in (tmp_path / "cache").iterdir())


def test_what_no_waiting_mends_is_said_at_once(server):
    with pytest.raises(UserError, match=r"nothing/manifest.json: there is no such file$"):
        module(f"{server.address}/nothing").prepare_data()
    assert server.asked["manifest.json"] == 1
    with pytest.raises(UserError, match=r"unknown kind of address 'nfs'"):
        read_manifest("nfs://host/shards")
    with pytest.raises(UserError, match=r"needs the package s3fs: pip install s3fs"):
        read_manifest("s3://bucket/shards")


def test_stage_sync_fetches_pictures_and_sound(server, tiny_shards):
    SyncDataModule(server.address).prepare_data()
    assert server.asked["frames-000000.tar"] == server.asked["signals-000000.tar"] == 1


def test_a_full_disk_is_said_at_once(server, tmp_path, monkeypatch):
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(
        remote, "filesystem", lambda address: type("Full", (), {"get_file": staticmethod(full)})
    )
    with pytest.raises(UserError, match=r"cannot write .*: No space left on device"):
        remote.fetch("http://host/a.tar", tmp_path / "a.tar", "0")
