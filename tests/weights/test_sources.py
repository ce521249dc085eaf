"""Several official addresses of one file, tried in turn against a server on loopback that fails."""

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lit_emotalk.errors import UserError
from lit_emotalk.weights import fetch as weights
from lit_emotalk.weights.registry import REGISTRY, Address, Weights

GOOD = b"weights as a TorchScript archive"
OTHER = b"the same weights as safetensors"
STALL_SECONDS = 0.4


class Failing(BaseHTTPRequestHandler):
    """Fails as the path says; /good.pt and /good.safetensors give the weights."""

    asked: list[str] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        content = {"/good.pt": GOOD, "/good.safetensors": OTHER, "/page.pt": b"<html>sign in</html>"}
        if self.path in content:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content[self.path])))
            self.end_headers()
            self.wfile.write(content[self.path])
        elif self.path == "/gone.pt":
            self.send_error(404)
        elif self.path == "/broken.pt":
            self.send_error(503)
        elif self.path == "/short.pt":
            self.send_response(200)
            self.send_header("Content-Length", str(len(GOOD)))
            self.end_headers()
            self.wfile.write(GOOD[:10])
        elif self.path == "/stalled.pt":
            self.send_response(200)
            self.send_header("Content-Length", str(len(GOOD)))
            self.end_headers()
            time.sleep(2 * STALL_SECONDS)
        elif self.path == "/nonsense.pt":
            self.wfile.write(b"220 this is no web server\r\n")
        else:
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


REASONS = {
    "gone": "the server answered 404",
    "broken": "the server answered 503",
    "page": "sha256 is",
    "short": f"it broke off after 10 of {len(GOOD)} bytes",
    "stalled": "timed out",
    "nonsense": "220 this is no web server",
    "cut": "without response",
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The server's address; fetched weights are kept below tmp_path."""
    monkeypatch.setenv("LIT_EMOTALK_HOME", str(tmp_path / "weights"))
    monkeypatch.setattr(weights, "TIMEOUT_SECONDS", STALL_SECONDS)
    Failing.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Failing) as served:
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()
        thread.join()


def entry(monkeypatch: pytest.MonkeyPatch, *sources: Address) -> None:
    digest = hashlib.sha256(GOOD).hexdigest()
    made = Weights("made_up", "made_up.pt", sources, digest, "CC0-1.0", "this test", "a stand-in")
    monkeypatch.setitem(REGISTRY, "made_up", made)


def test_every_failing_address_is_passed_over(server, monkeypatch, tmp_path):
    entry(monkeypatch, *(Address(f"{server}/{name}.pt") for name in (*REASONS, "good")))
    assert weights.fetch("made_up").read_bytes() == GOOD
    assert Failing.asked == [f"/{name}.pt" for name in (*REASONS, "good")]
    assert [path.name for path in (tmp_path / "weights").iterdir()] == ["made_up.pt"]


def test_where_no_address_gives_it_every_reason_is_said(server, monkeypatch, tmp_path):
    entry(monkeypatch, *(Address(f"{server}/{name}.pt") for name in REASONS))
    with pytest.raises(UserError) as raised:
        weights.fetch("made_up")
    said = str(raised.value)
    for name, reason in REASONS.items():
        assert reason in said.split(f"/{name}.pt: ")[1].split("; http")[0], name
    assert said.endswith("without it: a stand-in") and "\n" not in said
    assert list((tmp_path / "weights").iterdir()) == []


def test_nobody_listens(monkeypatch, tmp_path):
    monkeypatch.setenv("LIT_EMOTALK_HOME", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    entry(monkeypatch, Address(f"http://127.0.0.1:{port}/good.pt"))
    with pytest.raises(UserError, match="refused"):
        weights.fetch("made_up")


def test_an_address_may_have_another_format_with_its_own_digest(server, monkeypatch, tmp_path):
    digest = hashlib.sha256(OTHER).hexdigest()
    other = Address(f"{server}/good.safetensors", file="made_up.safetensors", sha256=digest)
    entry(monkeypatch, Address(f"{server}/gone.pt"), other)
    assert not weights.available("made_up")
    assert weights.fetch("made_up") == tmp_path / "weights" / "made_up.safetensors"
    assert weights.path("made_up").read_bytes() == OTHER and weights.available("made_up")
    Failing.asked.clear()
    weights.fetch("made_up")
    assert Failing.asked == []
    (tmp_path / "weights" / "made_up.safetensors").write_bytes(GOOD)
    with pytest.raises(UserError, match=f"expected {digest}"):
        weights.path("made_up")


def test_bytes_of_another_format_are_refused(server, monkeypatch):
    digest = hashlib.sha256(OTHER).hexdigest()
    entry(monkeypatch, Address(f"{server}/good.pt", file="made_up.safetensors", sha256=digest))
    with pytest.raises(UserError, match="sha256 is"):
        weights.fetch("made_up")


def test_clips_weights_have_several_official_addresses():
    wanted = REGISTRY["clip_vit_b32"]
    urls = [source.url for source in wanted.sources if isinstance(source, Address)]
    assert len(urls) == len(set(urls)) == 4 and all(url.startswith("https://") for url in urls)
    assert set(wanted.forms) == {
        "ViT-B-32.pt",
        "ViT-B-32-open_clip_model.safetensors",
        "ViT-B-32-open_clip_pytorch_model.bin",
    }
    import open_clip

    known = open_clip.get_pretrained_cfg("ViT-B-32-quickgelu", "openai")
    assert known["url"] in urls, "the address that open_clip itself has"
    assert any(known["hf_hub"].strip("/") in url for url in urls), "its entry of the model hub"
