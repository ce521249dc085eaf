"""The server as a process: a real WebSocket, wrong use in one line, nothing left behind."""

import json
import signal
import socket
import tempfile
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("uvicorn", reason="needs the extra web")
pytest.importorskip("websockets", reason="needs the extra web")

import websockets
from websockets.sync.client import connect

from lit_emotalk.errors import UserError
from lit_emotalk.web.command import main
from lit_emotalk.web.limits import Limits
from lit_emotalk.web.server import DEMO_FILES, example
from lit_emotalk.web.sessions import LOCK_NAME, PREFIX, served_folder
from tests.serving import serving
from tests.web.conftest import head_png
from tests.web.test_streams import picture, sound, start


def folders(place: Path) -> list[Path]:
    """The servers' folders in a temporary folder."""
    return list(place.glob(f"{PREFIX}*"))


def test_it_streams_and_leaves_nothing_behind(models: Path, tmp_path: Path) -> None:
    arguments = ("serve", "--models", str(models), "--streams", "1")
    with serving(*arguments, TMPDIR=str(tmp_path)) as (process, port):
        address = f"http://127.0.0.1:{port}/api/sessions"
        opened = urllib.request.Request(address, method="POST")
        told = json.loads(urllib.request.urlopen(opened, timeout=60).read())
        assert told["most_seconds"] == 60
        upload = urllib.request.Request(f"{address}/{told['id']}/portrait", head_png(0))
        assert json.loads(urllib.request.urlopen(upload, timeout=60).read())["face"]
        assert len(list(tmp_path.glob(f"{PREFIX}*/*/*.png"))) == 1
        with connect(f"ws://127.0.0.1:{port}/stream") as live:
            live.send(start())
            assert json.loads(live.recv(60))["type"] == "ready"
            live.send(sound(6))
            assert [picture(live.recv(60))[0] for _ in range(2)] == [0, 1]
            with connect(f"ws://127.0.0.1:{port}/stream") as second:
                assert "too many streams" in second.recv(60)
            live.send('{"type": "finish"}')
            *frames, finished = live
            assert len(frames) == 4 and json.loads(finished)["frames"] == 6
        with connect(f"ws://127.0.0.1:{port}/stream", max_size=None) as flood:
            with pytest.raises(websockets.ConnectionClosed):
                flood.send(b"\0" * (2 * Limits().start_bytes + 1))
                flood.recv(60)
            assert flood.close_code in (1006, 1009)
        with pytest.raises(websockets.InvalidStatus):
            connect(f"ws://127.0.0.1:{port}/stream", origin="http://evil.example").__enter__()  # type: ignore[arg-type]
        process.terminate()
        assert process.wait(30) == 128 + signal.SIGTERM
        assert folders(tmp_path) == []


def test_what_a_killed_server_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, other = tmp_path / f"{PREFIX}left", tmp_path / "another-program"
    for folder in (left, other):
        folder.mkdir()
        (folder / LOCK_NAME).touch()
    with served_folder() as first:
        assert sorted(tmp_path.iterdir()) == sorted([first, other])
        with served_folder() as second:
            assert first.is_dir() and second.is_dir()
    assert list(tmp_path.iterdir()) == [other]


def test_wrong_use_is_one_line(models: Path, tmp_path: Path) -> None:
    def use(*arguments: str) -> None:
        main(["--models", str(models), *arguments])

    with pytest.raises(UserError, match="no models at"):
        main(["--models", str(tmp_path / "none"), "--port", "0"])
    with pytest.raises(UserError, match="--port must be from 0 to 65535"):
        use("--port", "70000")
    with pytest.raises(UserError, match="cannot listen on nowhere"):
        use("--host", "nowhere.invalid")
    for host in ("a..b", "a" * 70):
        with pytest.raises(UserError, match=f"cannot listen on {host}"):
            use("--host", host)
    with pytest.raises(UserError, match="--keep-minutes must be above 0 and at most a day"):
        use("--keep-minutes", "1441")
    with pytest.raises(UserError, match="--seconds must be above 0"):
        use("--seconds", "0")
    with pytest.raises(UserError, match="--keep-minutes must be above 0"):
        use("--keep-minutes", "nan")
    with pytest.raises(UserError, match="--streams must be 0 or more"):
        use("--streams", "-1")
    with pytest.raises(UserError, match="for https"):
        use("--tls", str(tmp_path / "no.pem"), str(tmp_path / "no.key"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"cannot listen on 127.0.0.1, port {port}"):
            use("--port", str(port))


def test_only_a_demo_offers_its_example(tmp_path: Path) -> None:
    assert example(tmp_path / "models") is None
    for name in DEMO_FILES:
        (tmp_path / name).touch()
    found = example(tmp_path / "models")
    assert found is not None and found.portrait == (tmp_path / "portrait.png").resolve()
