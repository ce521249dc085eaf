"""The WebSocket: frames of live sound, and an end in one line for everything else."""

import base64
import io
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from starlette.websockets import WebSocketDisconnect

from lit_emotalk import TalkingFace
from lit_emotalk.inference.live.streaming import ExpressionStream
from lit_emotalk.inference.options import Options
from lit_emotalk.inference.output.provenance import STATEMENT
from lit_emotalk.io.coefficient_table import HEADER
from lit_emotalk.web import streams
from lit_emotalk.web.app import make_app
from lit_emotalk.web.limits import Limits
from lit_emotalk.web.messages import PICTURE_HEADER
from tests.web.conftest import LIMITS, NAMES, Visitor, head_png

FRAMES = 20
CHUNK = 1000


def sound(frames: int = FRAMES) -> bytes:
    """Loud and soft hum, 16-bit samples."""
    time = np.arange(640 * frames) / 16_000
    return (9000 * np.sin(2 * np.pi * 200 * time) * np.sin(2 * np.pi * 3 * time)).astype("<i2").tobytes()


def start(**changes: Any) -> str:
    """A first message, with a rendered head unless the changes say what portrait."""
    if "portrait" not in changes:
        changes["portrait"] = base64.b64encode(head_png(0)).decode()
    return json.dumps({"type": "start", "emotion": "happy", "seed": 5, **changes})


def rest_of(socket: Any) -> list[Any]:
    """All messages until the server closes: bytes, parsed JSON, and the close code at last."""
    got: list[Any] = []
    while True:
        message = socket.receive()
        if message["type"] == "websocket.close":
            return [*got, message["code"]]
        got.append(message["bytes"] if message.get("bytes") else json.loads(message["text"]))


def streamed(client: TestClient, first: str, content: bytes, chunk: int = CHUNK) -> list[Any]:
    """Everything that a stream of that sound gives."""
    with client.websocket_connect("/stream") as socket:
        socket.send_text(first)
        for begin in range(0, len(content), chunk):
            socket.send_bytes(content[begin : begin + chunk])
        socket.send_text('{"type": "finish"}')
        return rest_of(socket)


def picture(message: bytes) -> tuple[int, int, np.ndarray]:
    """Number, ms and pixels of a frame."""
    number, milliseconds = PICTURE_HEADER.unpack_from(message)
    return number, milliseconds, np.asarray(Image.open(io.BytesIO(message[PICTURE_HEADER.size :])))


def test_frames_are_those_of_the_live_face(client: TestClient, face: TalkingFace) -> None:
    ready, *frames, finished, code = streamed(client, start(output="png"), sound())
    assert ready["type"] == "ready" and (ready["width"], ready["height"]) == (64, 64)
    assert (ready["fps"], ready["sample_rate"], ready["latency_ms"]) == (25, 16_000, 215)
    assert finished == {"type": "finished", "frames": FRAMES} and code == 1000
    source = face.read_portrait(np.asarray(Image.open(io.BytesIO(head_png(0)))))
    live = face.live(source, "happy", Options(seed=5))
    wanted = live.push(np.frombuffer(sound(), "<i2") / 32768) + live.finish()
    for index, (message, frame) in enumerate(zip(frames, wanted, strict=True)):
        number, milliseconds, pixels = picture(message)
        assert (number, milliseconds) == (index, 40 * index)
        assert np.abs(pixels.astype(int) - frame.image).max() <= 1


def test_frames_come_while_the_sound_is_coming(client: TestClient) -> None:
    with client.websocket_connect("/stream") as socket:
        socket.send_text(start(mark=True))
        assert socket.receive_json()["output"] == "jpeg"
        socket.send_bytes(sound(6))
        first, second = socket.receive_bytes(), socket.receive_bytes()
        assert picture(first)[0] == 0 and picture(second)[0] == 1
        assert STATEMENT.encode() in first and first[8:10] == b"\xff\xd8"
        socket.send_text('{"type": "finish"}')
        assert rest_of(socket)[-2:] == [{"type": "finished", "frames": 6}, 1000]


def test_coefficients_and_another_emotion_midway(client: TestClient) -> None:
    plain = streamed(client, start(output="coefficients"), sound())
    with client.websocket_connect("/stream") as socket:
        socket.send_text(start(output="coefficients"))
        socket.send_bytes(sound()[: 2 * 640 * 10])
        socket.send_text('{"type": "change", "emotion": "angry", "intensity": 0.9}')
        socket.send_bytes(sound()[2 * 640 * 10 :])
        socket.send_text('{"type": "finish"}')
        got = rest_of(socket)
    assert got[0]["columns"] == list(HEADER[1:]) and "width" not in got[0]
    [changed] = [message for message in got[:-1] if message["type"] == "changed"]
    kept, others = ([each for each in told[:-1] if each["type"] == "frame"] for told in (plain, got))
    assert [each["index"] for each in others] == list(range(FRAMES)) and others[5]["time"] == 0.2
    apart = [
        np.abs(np.subtract(one["coefficients"], other["coefficients"])).max()
        for one, other in zip(kept, others, strict=True)
    ]
    assert len(kept[0]["coefficients"]) == 57
    assert max(apart[: changed["index"]]) == 0 and apart[-1] > 0


def test_late_frames_are_left_out_where_that_is_asked_for(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LATE_SECONDS", 0.0)
    _, *frames, finished, _ = streamed(client, start(late="wait"), sound())
    assert finished["frames"] == len(frames) == FRAMES
    _, *frames, finished, _ = streamed(client, start(late="skip"), sound())
    assert finished["frames"] == len(frames) < FRAMES
    assert picture(frames[-1])[0] == FRAMES - 1
    told = streamed(client, start(late="skip", output="coefficients"), sound())
    assert told[-2]["frames"] == FRAMES


def test_a_portrait_of_a_session(client: TestClient) -> None:
    visitor = Visitor(client)
    upload = visitor.send("portrait", head_png(1)).json()["id"]
    first = start(portrait=None, session=visitor.told["id"], upload=upload, emotion=None, frame="picture")
    ready, *frames, _, code = streamed(client, first, sound(4))
    assert (ready["width"], len(frames), code) == (200, 4, 1000)
    stranger = start(portrait=None, session=Visitor(client).told["id"], upload=upload)
    [refused, code] = streamed(client, stranger, b"")
    assert refused["message"].startswith("give a portrait") and code == 1008


FIRST = {
    "no json": ("hello", 1007, "not a message"),
    "a list": ("[]", 1007, "not a message"),
    "another type": ('{"type": "change"}', 1007, "type"),
    "more fields": ({"path": "/etc/passwd"}, 1007, "path"),
    "an intensity": ({"intensity": 7}, 1007, "intensity"),
    "no number": ({"seed": "one"}, 1007, "seed"),
    "no base64": ({"portrait": "***"}, 1008, "not a picture"),
    "no picture": ({"portrait": base64.b64encode(b"x" * 99).decode()}, 1008, "not a picture"),
    "no portrait": ({"portrait": None}, 1008, "give a portrait"),
    "a file": ({"emotion": "image=/etc/passwd"}, 1008, "in words"),
    "a schedule": ({"emotion": "0s happy; 1s sad"}, 1008, "one emotion at a time"),
    "sound": (b"\0\0", 1003, "must be text"),
    "too large": ("x" * (2 * LIMITS.start_bytes + 1), 1009, "at most"),
    "a large portrait": ({"portrait": "AAAA" * (LIMITS.start_bytes // 3 + 1)}, 1009, "too large"),
}


@pytest.mark.parametrize("name", FIRST)
def test_a_wrong_first_message_ends_the_stream(client: TestClient, name: str) -> None:
    message, code, words = FIRST[name]
    message = start(**message) if isinstance(message, dict) else message
    with client.websocket_connect("/stream") as socket:
        socket.send_bytes(message) if isinstance(message, bytes) else socket.send_text(message)
        told, closed = rest_of(socket)
    assert told["type"] == "error" and words in told["message"] and "\n" not in told["message"]
    assert closed == code and len(told["message"]) < 310 and "/tmp" not in told["message"]


LATER = {
    "no json": ("{", 1007, "not a message"),
    "a second start": (start(portrait=None), 1007, "tag"),
    "a long text": ("x" * 5000, 1009, "4096 letters"),
    "half a sample": (b"\0\0\0", 1007, "16-bit"),
    "too much sound": (bytes(LIMITS.chunk_bytes + 2), 1009, "at most 64000 bytes"),
    "a file": ('{"type": "change", "emotion": "video=/etc/passwd"}', 1008, "in words"),
}


@pytest.mark.parametrize("name", LATER)
def test_a_wrong_later_message_ends_the_stream(client: TestClient, name: str) -> None:
    message, code, words = LATER[name]
    with client.websocket_connect("/stream") as socket:
        socket.send_text(start(output="coefficients"))
        assert socket.receive_json()["type"] == "ready"
        socket.send_bytes(message) if isinstance(message, bytes) else socket.send_text(message)
        told, closed = rest_of(socket)
    assert told["type"] == "error" and words in told["message"] and closed == code


def test_streams_are_bounded_in_number_and_in_time(face: TalkingFace, tmp_path: Path) -> None:
    limits = Limits(streams=1, patience=0.5, stream_minutes=0.2)
    first = start(output="coefficients")
    with TestClient(make_app(face, tmp_path, limits, NAMES), base_url="http://localhost") as client:
        with client.websocket_connect("/stream") as socket:
            with client.websocket_connect("/stream") as second:
                told, code = rest_of(second)
                assert "too many streams" in told["message"] and code == 1013
            told, code = rest_of(socket)
            assert "no message for 0.5 s" in told["message"] and code == 1008
        with client.websocket_connect("/stream") as socket:
            socket.send_text(first)
            for _ in range(13):
                socket.send_bytes(sound(25))
            told, code = rest_of(socket)[-2:]
            assert "a stream ends after 0.2 minutes" in told["message"] and code == 1008
        with client.websocket_connect("/stream") as socket:
            socket.send_text(first)
            socket.receive_json()
        assert streamed(client, first, sound(4))[-2:] == [{"type": "finished", "frames": 4}, 1000]
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "words"), [(b"", "no message for 1 s"), (bytes(2), "a stream ends after 0.04 minutes")]
)
def test_messages_that_say_little_gain_no_time(
    face: TalkingFace, tmp_path: Path, content: bytes, words: str
) -> None:
    app = make_app(face, tmp_path, Limits(patience=1.0, stream_minutes=0.04), NAMES)
    over = threading.Event()
    with (
        TestClient(app, base_url="http://localhost") as client,
        client.websocket_connect("/stream") as socket,
    ):
        socket.send_text(start(output="coefficients"))
        assert socket.receive_json()["type"] == "ready"
        sender = threading.Thread(target=trickle, args=(socket, content, over))
        sender.start()
        told, code = rest_of(socket)[-2:]
        over.set()
        sender.join()
    assert words in told["message"] and code == 1008


def trickle(socket: Any, content: bytes, over: threading.Event) -> None:
    """Send the same sound five times a second."""
    while not over.wait(0.2):
        socket.send_bytes(content)


def test_a_fault_of_ours_is_one_line(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(ExpressionStream, "push", broken)
    _, told, code = streamed(client, start(), sound(1))
    assert "went wrong" in told["message"] and code == 1011
    assert "secret detail" in capsys.readouterr().err


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Host": "rebound.example"}])
def test_other_pages_get_no_stream(client: TestClient, headers: dict[str, str]) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/stream", headers=headers):
        pass
