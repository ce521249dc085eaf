"""Forged, oversized and malformed requests: each is one line, and none sees a file of the server."""

import asyncio
import io
import json
import struct
import zlib
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
from fastapi import Request
from fastapi.testclient import TestClient
from PIL import Image

from lit_emotalk import TalkingFace
from lit_emotalk.errors import UserError
from lit_emotalk.inference.emotion.request import Emotion
from lit_emotalk.web import desk, wanted
from lit_emotalk.web.app import make_app
from lit_emotalk.web.limits import Limits
from lit_emotalk.web.wishes import read_emotion, read_wish
from tests.web.conftest import LIMITS, Visitor, head_png, wav


def png_that_claims(width: int, height: int) -> bytes:
    """A tiny file whose header says that it is a huge picture."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def picture(mode: str = "RGB", form: str = "PNG") -> bytes:
    """A picture without a face."""
    kept = io.BytesIO()
    Image.new(mode, (64, 64), 120).save(kept, form)
    return kept.getvalue()


def endless() -> bytes:
    """A small file with a long sound."""
    kept = io.BytesIO()
    soundfile.write(kept, np.full(16_000 * 120, 0.5), 16_000, format="FLAC")
    return kept.getvalue()


PORTRAITS = {
    "text": (b"just text", 422, "is not a picture"),
    "empty": (b"", 422, "is empty"),
    "no face": (picture(), 422, "no face found in the picture"),
    "cut off": (lambda: head_png(0)[:3000], 422, "cannot read the picture"),
    "a sound": (wav(), 422, "is not a picture"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 422, "is not a picture"),
    "an icon": (picture(form="ICO"), 422, "is not a picture"),
    "large in bytes": (b"\x89PNG" + bytes(LIMITS.picture_bytes), 413, "too large"),
    "large in pixels": (png_that_claims(9000, 9000), 422, "at most 50 million pixels"),
    "a bomb": (png_that_claims(60_000, 60_000), 422, "at most 50 million pixels"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', 422, "is not a picture"),
}
SPEECHES = {
    "text": (b"just text", 422, "no sound that can be read"),
    "empty": (b"", 422, "is empty"),
    "silence": (wav(loudness=0), 422, "is silent"),
    "too short": (wav(0.02), 422, "too short"),
    "too long": (wav(2.5), 422, "longer than 2 s"),
    "much too long": (endless(), 422, "longer than 2 s"),
    "large in bytes": (bytes(LIMITS.sound_bytes + 1), 413, "too large"),
    "a picture": (lambda: head_png(0), 422, "no sound"),
    "a playlist": (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n", 422, "no sound"),
    "a concat list": (b"ffconcat version 1.0\nfile '/etc/passwd'\n", 422, "no sound"),
    "a wav's beginning": (wav()[:44], 422, "sound"),
}


@pytest.mark.parametrize(
    ("kind", "name"), [("portrait", name) for name in PORTRAITS] + [("speech", name) for name in SPEECHES]
)
def test_a_wrong_file_is_one_line(visitor: Visitor, tmp_path: Path, kind: str, name: str) -> None:
    content, status, words = (PORTRAITS if kind == "portrait" else SPEECHES)[name]
    answer = visitor.send(kind, content() if callable(content) else content)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert words in error and "\n" not in error
    assert str(tmp_path) not in error and "Traceback" not in answer.text
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_sound_is_kept_without_what_else_was_in_its_file(visitor: Visitor, tmp_path: Path) -> None:
    tagged = io.BytesIO()
    with soundfile.SoundFile(tagged, "w", 44_100, 2, format="WAV") as file:
        file.title = "secret title"
        file.write(np.random.default_rng(0).normal(0, 0.1, (44_100, 2)))
    assert visitor.send("speech", tagged.getvalue()).json()["seconds"] == 1.0
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    photo = io.BytesIO()
    Image.open(io.BytesIO(head_png(0))).convert("RGB").save(photo, "JPEG", exif=exif)
    assert visitor.send("portrait", photo.getvalue()).status_code == 200
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(kept) == 2 and not any(b"secret" in content for content in kept)


def test_uploads_whose_length_is_not_told_are_bounded_too(visitor: Visitor) -> None:
    def chunks():
        for _ in range(100):
            yield bytes(10_000)

    answer = visitor.client.post(f"{visitor.place}/speech", content=chunks())
    assert answer.status_code == 413


WISHES = {
    "not json": (b"{", 422),
    "a list": (b"[]", 422),
    "no emotion": ({"emotions": []}, 422),
    "five emotions": ({"emotions": ["happy"] * 5}, 422),
    "a number": ({"emotions": [3]}, 422),
    "an empty one": ({"emotions": [" "]}, 422),
    "a long one": ({"emotions": ["a" * 201]}, 422),
    "a file": ({"emotions": ["image=/etc/passwd"]}, 422),
    "a file in a blend": ({"emotions": ["happy:1,video=/etc/passwd:1"]}, 422),
    "a file in a schedule": ({"emotions": ["0s happy; 1s audio=/etc/passwd"]}, 422),
    "intensity": ({"intensity": 1.5}, 422),
    "not a number": (b'{"portrait":"a","speech":"b","emotions":["sad"],"intensity":NaN}', 422),
    "a frame of its own": ({"frame": "../../etc"}, 422),
    "more": ({"output": "/tmp/x.mp4"}, 422),
    "a path": ({"portrait": "../lock"}, 404),
    "an absolute path": ({"speech": "/etc/passwd"}, 404),
    "too much": (b" " * 9000, 413),
}


@pytest.mark.parametrize("name", WISHES)
def test_a_wrong_request_is_one_line(visitor: Visitor, name: str) -> None:
    changes, status = WISHES[name]
    body = changes if isinstance(changes, bytes) else json.dumps({**visitor.wanted(), **changes}).encode()
    headers = {"Content-Type": "application/json"}
    answer = visitor.client.post(f"{visitor.place}/videos", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert "\n" not in answer.json()["error"] and "passwd" not in answer.text


def test_words_that_look_like_a_file_stay_words() -> None:
    assert read_wish("schedule.txt", 1.0, Limits()) == Emotion(text="schedule.txt")
    assert read_wish("/etc/hosts.json", 1.0, Limits()) == Emotion(text="/etc/hosts.json")
    assert read_wish("happy", 0.5, Limits()) == Emotion(label="happy", intensity=0.5)
    with pytest.raises(UserError, match="one emotion at a time"):
        read_emotion("0s happy; 1s sad", 1.0, Limits())


@pytest.mark.parametrize(
    "path",
    [
        "/pages/../app.py",
        "/pages/..%2Fapp.py",
        "/pages/%2e%2e%2f%2e%2e%2fcli.py",
        "/pages/page.html",
        "/file=/etc/passwd",
        "/file/etc/passwd",
        "/gradio_api/file=/etc/passwd",
        "/api/sessions/../../etc/passwd",
        "/api/sessions/x/videos/..%2F..%2Flock",
        "/docs",
        "/openapi.json",
        "/" + "a" * 600,
    ],
)
def test_no_address_leads_to_files(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (404, 414) and set(answer.json()) == {"error"}


def test_paths_within_a_session_lead_nowhere(visitor: Visitor) -> None:
    visitor.send("speech", wav())
    for kind in ("videos", "speeches"):
        for name in ("..%2F..%2Flock", "%2Fetc%2Fpasswd", ".", "x" * 300):
            assert visitor.client.get(f"{visitor.place}/{kind}/{name}").status_code in (404, 405)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:1"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "rebound.example"}, 421),
        ({"Host": "rebound.example:7860", "Origin": "http://rebound.example:7860"}, 421),
        ({"Host": "[::1"}, 421),
        ({"Origin": "http://["}, 403),
        ({"Host": "LocalHost.:7860", "Origin": "http://localhost.:7860"}, 200),
        ({"Origin": "http://localhost:7860", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Host": "192.168.0.7:7860", "Origin": "http://192.168.0.7:7860"}, 200),
        ({}, 200),
    ],
)
def test_other_pages_cannot_use_the_server(client: TestClient, headers: dict[str, str], status: int) -> None:
    assert client.post("/api/sessions", headers=headers).status_code == status


def test_sessions_are_bounded_and_cannot_be_guessed(client: TestClient, monkeypatch) -> None:
    ids = {Visitor(client).told["id"] for _ in range(20)}
    assert len(ids) == 20 and min(map(len, ids)) >= 24
    for forged in ("", "x", "../" * 5, next(iter(ids))[:-1] + "!"):
        assert client.post(f"/api/sessions/{forged}/speech", content=wav()).status_code in (404, 405)
    assert client.post("/api/sessions/x/end").status_code == 204
    for _ in range(LIMITS.sessions - 20):
        client.post("/api/sessions")
    full = client.post("/api/sessions")
    assert full.status_code == 503 and "too many visitors" in full.json()["error"]


def test_what_all_may_keep_is_bounded(face: TalkingFace, tmp_path: Path) -> None:
    served = make_app(face, tmp_path, Limits(total_bytes=20_000))
    with TestClient(served, base_url="http://localhost") as client:
        visitor = Visitor(client)
        assert visitor.send("speech", wav()).status_code == 200
        assert visitor.send("speech", wav()).status_code == 200
        full = Visitor(client).send("speech", wav())
        assert full.status_code == 503 and "no room" in full.json()["error"]
        client.post(f"{visitor.place}/end")
        assert Visitor(client).send("speech", wav()).status_code == 200


def test_an_upload_that_takes_too_long_is_given_up(
    face: TalkingFace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "UPLOAD_SECONDS", 0.3)

    async def trickle():
        while True:
            yield b"x"
            await asyncio.sleep(0.05)

    async def upload() -> httpx.Response:
        transport = httpx.ASGITransport(make_app(face, tmp_path, Limits()))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            session = (await client.post("/api/sessions")).json()["id"]
            return await client.post(f"/api/sessions/{session}/speech", content=trickle())

    answer = asyncio.run(asyncio.wait_for(upload(), 20))
    assert answer.status_code == 408 and "broke off" in answer.json()["error"]


def test_a_request_that_takes_too_long_is_given_up(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_: object):
        await asyncio.sleep(60)
        yield b""

    monkeypatch.setattr(wanted, "REQUEST_SECONDS", 0.1)
    monkeypatch.setattr(Request, "stream", never)
    answer = visitor.ask({})
    assert answer.status_code == 408 and "broke off" in answer.json()["error"]


def test_an_upload_to_a_session_that_ended_leaves_nothing(
    visitor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(_: Path, path: Path, __: Limits) -> None:
        visitor.client.post(f"{visitor.place}/end")
        path.parent.mkdir()
        (path.parent / "late.wav").touch()
        path.with_name("no").joinpath("such").touch()

    monkeypatch.setattr(desk, "keep_sound", late)
    answer = visitor.send("speech", wav())
    assert answer.status_code == 404 and "your files were removed" in answer.json()["error"]
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said(visitor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, *_: object) -> None:
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lit_emotalk.web.uploads.write_wav", full)
    answer = visitor.send("speech", wav())
    assert answer.status_code == 507 and "cannot keep files" in answer.json()["error"]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
