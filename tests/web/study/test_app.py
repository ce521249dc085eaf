"""The study's server: a rater's way, resuming, double submits, ranges, and everything that is refused."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest

pytest.importorskip("fastapi", reason="needs the extra study")
from fastapi.testclient import TestClient

from lit_emotalk.web.study.app import make_app
from lit_emotalk.web.study.store import Store
from lit_emotalk.web.study.study import Study
from tests.web.study.conftest import CLIPS, METHODS, TRUTH, tokens_of

SCORES = {"lip_sync": 4, "quality": 2}


@pytest.fixture
def store(study: Study) -> Iterator[Store]:
    with Store(study.folder, study.id) as store:
        yield store


@pytest.fixture
def client(study: Study, store: Store) -> TestClient:
    return TestClient(make_app(study, store), raise_server_exceptions=False)


@pytest.fixture
def token(study: Study) -> str:
    return tokens_of(study.folder)["r1"]


def answer(client: TestClient, token: str, item: int, scores: Any = None) -> Any:
    return client.post(f"/r/{token}/answer", json={"item": item, "scores": scores or SCORES})


def test_a_rater_goes_from_practice_to_the_end(client: TestClient, study: Study, store: Store) -> None:
    token = tokens_of(study.folder)["r2"]
    state = client.get(f"/r/{token}/state").json()
    assert state["done"] == 0 and state["item"]["practice"] and state["total"] == len(study.raters["r2"])
    for number, item in enumerate(study.raters["r2"]):
        assert state["item"]["number"] == number and state["item"]["practice"] == (item.kind == "practice")
        assert state["item"]["video"] == f"/media/{study.media[item]}"
        assert client.get(state["item"]["video"]).headers["content-type"] == "video/mp4"
        assert (state["item"]["source"] is not None) == (item.kind == "rated")
        if number == 3:
            assert client.get(f"/r/{token}/state").json() == state
        state = answer(client, token, number).json()
    assert state["item"] is None and state["done"] == state["total"] and state["completion"] == "Code 42"
    assert len(store.answers()) == state["total"] and store.done("r1") == 0


def test_nothing_that_a_rater_gets_names_a_method_or_clip(client: TestClient, study: Study) -> None:
    token = tokens_of(study.folder)["r1"]
    seen = [client.get(path).text for path in ("/", f"/r/{token}", "/pages/study.js", "/pages/study.css")]
    for number in range(len(study.raters["r1"])):
        response = client.get(f"/r/{token}/state")
        state = response.json()
        assert set(state["item"]) == {"number", "practice", "video", "source", "next"}
        media = client.get(state["item"]["video"])
        seen += [response.text, str(response.headers), str(media.headers), media.content.decode("latin1")]
        answer(client, token, number)
    text = "\n".join(seen).lower()
    hidden = (*METHODS, TRUTH, "ground_truth", "expected", 'check"', *(f'"{clip}"' for clip in CLIPS))
    assert not [name for name in hidden if name.lower() in text]


def test_double_submits_change_nothing(client: TestClient, token: str, store: Store) -> None:
    first = answer(client, token, 0)
    again = answer(client, token, 0)
    assert first.status_code == again.status_code == 200 and first.json() == again.json()
    other = answer(client, token, 0, {"lip_sync": 1, "quality": 1})
    ahead = answer(client, token, 5)
    assert (other.status_code, ahead.status_code) == (409, 409)
    assert store.answers() == {("r1", 0): SCORES}


def test_ranges(client: TestClient, token: str) -> None:
    video = client.get(f"/r/{token}/state").json()["item"]["video"]
    whole = client.get(video)
    part = client.get(video, headers={"Range": "bytes=10-19"})
    assert part.status_code == 206 and part.content == whole.content[10:20]
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole.content)}"
    assert client.get(video, headers={"Range": "bytes=-5"}).content == whole.content[-5:]
    assert client.get(video, headers={"Range": "bytes=99999999-"}).status_code == 416
    assert client.head(video).status_code == 200


def test_every_answer_has_the_security_headers(client: TestClient, token: str) -> None:
    video = client.get(f"/r/{token}/state").json()["item"]["video"]
    for path in ("/", f"/r/{token}", f"/r/{token}/state", "/pages/study.js", video, "/r/forged", "/nothing"):
        response = client.get(path)
        headers = response.headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == ("private, max-age=86400" if path == video else "no-store")
        assert "http://" not in response.text and "https://" not in response.text


FORGED = [
    "forged",
    "r1",
    "A" * 32,
    "A" * 64,
    "A" * 400,
    "%00",
    "%F0%9F%98%80",
    "' or 1=1 --",
    "%2e%2e",
    "null",
]


@pytest.mark.parametrize("forged", FORGED)
def test_forged_tokens_are_refused(forged: str, client: TestClient, store: Store) -> None:
    assert client.get(f"/r/{forged}").status_code == 404
    assert client.get(f"/r/{forged}/state").status_code == 404
    assert answer(client, forged, 0).status_code == 404
    assert store.answers() == {}


def test_nearly_right_tokens_are_refused(client: TestClient, token: str, store: Store) -> None:
    digest = "".join(f"{byte:02x}" for byte in b"digest of the token")
    for forged in (token[:-1], token + "A", token.swapcase(), token[::-1], digest):
        assert answer(client, forged, 0).status_code == 404, forged
    assert store.answers() == {}


TRAVERSALS = [
    "/media/../study.json",
    "/media/..%2fstudy.json",
    "/media/%2e%2e/study.json",
    "/media/%2e%2e%2fstudy.json",
    "/media/..%5cstudy.json",
    "/media/....//study.json",
    "/media/%252e%252e%252fstudy.json",
    "/media//etc/passwd",
    "/media/%2fetc%2fpasswd",
    "/media/study.json",
    "/media/",
    "/media/.",
    "/media/x.mp4%00.html",
    "/pages/../app.py",
    "/pages/..%2fapp.py",
    "/pages/study.html",
    "/pages/",
    "/study.json",
    "/links.csv",
    "/ratings.sqlite",
    "/docs",
    "/openapi.json",
    "//etc/passwd",
    "/r/../study.json",
    "/r/../../study.json",
]


def raw_status(app: Any, path: str) -> int:
    """The status of a GET of a path as it is: clients tidy dots and slashes away before they ask."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": unquote(path), "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": [],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    sent: list[Any] = []

    incoming = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        return incoming.pop() if incoming else await asyncio.Future()

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return int(sent[0]["status"])


@pytest.mark.parametrize("path", TRAVERSALS)
def test_other_files_are_never_given(path: str, client: TestClient) -> None:
    assert raw_status(client.app, path) == 404
    assert raw_status(client.app, "/") == 200


MALFORMED: dict[str, tuple[bytes | str, int]] = {
    "empty": ("", 422),
    "no json": ("item=0", 422),
    "cut off": ('{"item": 0, "scores"', 422),
    "a list": ("[]", 422),
    "null": ("null", 422),
    "not utf-8": (b"\xff\xfe\x00", 422),
    "deeply nested": ("[" * 4000, 422),
    "no scores": ('{"item": 0}', 422),
    "unknown key": (json.dumps({"item": 0, "scores": SCORES, "rater": "r2"}), 422),
    "item as text": (json.dumps({"item": "0", "scores": SCORES}), 422),
    "item as truth": (json.dumps({"item": True, "scores": SCORES}), 422),
    "item below zero": (json.dumps({"item": -1, "scores": SCORES}), 422),
    "huge item": ('{"item": 1' + "0" * 300 + ', "scores": {}}', 422),
    "item beyond the end": (json.dumps({"item": 999, "scores": SCORES}), 409),
    "score 0": (json.dumps({"item": 0, "scores": {**SCORES, "quality": 0}}), 422),
    "score 6": (json.dumps({"item": 0, "scores": {**SCORES, "quality": 6}}), 422),
    "score 3.5": (json.dumps({"item": 0, "scores": {**SCORES, "quality": 3.5}}), 422),
    "score as text": (json.dumps({"item": 0, "scores": {**SCORES, "quality": "3"}}), 422),
    "score as truth": (json.dumps({"item": 0, "scores": {**SCORES, "quality": True}}), 422),
    "score as none": (json.dumps({"item": 0, "scores": {**SCORES, "quality": None}}), 422),
    "score not a number": ('{"item": 0, "scores": {"lip_sync": NaN, "quality": 1}}', 422),
    "a question missing": (json.dumps({"item": 0, "scores": {"quality": 3}}), 422),
    "a question too many": (json.dumps({"item": 0, "scores": {**SCORES, "charm": 3}}), 422),
    "long name": (json.dumps({"item": 0, "scores": {**SCORES, "q" * 2000: 3}}), 422),
    "a thousand scores": (json.dumps({"item": 0, "scores": {f"{i}": 3 for i in range(1000)}}), 413),
    "too large": (" " * 5000, 413),
    "megabytes": (b"x" * 3_000_000, 413),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_and_oversized_answers_are_refused(
    case: str, client: TestClient, token: str, store: Store
) -> None:
    body, status = MALFORMED[case]
    response = client.post(f"/r/{token}/answer", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == status and response.json()["error"]
    assert store.answers() == {}


def test_other_oversized_and_wrong_requests_are_refused(
    client: TestClient, token: str, store: Store, study: Study
) -> None:
    body, address = json.dumps({"item": 0, "scores": SCORES}), f"/r/{token}/answer"

    def chunks() -> Iterator[bytes]:
        yield from (b" " * 1000 for _ in range(50))

    def status(method: str, path: str, **kwargs: Any) -> int:
        return client.request(method, path, **kwargs).status_code

    as_json = {"Content-Type": "application/json"}
    assert status("POST", address, content=chunks(), headers=as_json) == 413
    for length in ("-1", "1e3", "99999999999999999999", "two"):
        assert status("POST", address, content=b"", headers={**as_json, "Content-Length": length}) == 413
    assert status("POST", address, content=body, headers={"Content-Type": "text/plain"}) == 415
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert status("POST", address, content=body, headers=form) == 415
    assert status("GET", "/" + "a" * 600) == 414
    assert status("GET", f"/r/{token}/state?" + "a" * 600) == 414
    video = f"/media/{next(iter(study.files))}"
    many = "bytes=" + ",".join(f"{i}-{i}" for i in range(40))
    assert status("GET", video, headers={"Range": many}) == 416
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "OPTIONS"):
        assert status(method, address) == 405 and status(method, video) == 405
    assert status("GET", address) == 405 and status("POST", f"/r/{token}/state") == 405
    assert store.answers() == {}


def test_a_full_disk_is_said_and_keeps_nothing(
    client: TestClient, token: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(store, "record", full)
    response = answer(client, token, 0)
    assert response.status_code == 503 and "try again" in response.json()["error"]
    monkeypatch.undo()
    assert answer(client, token, 0).status_code == 200


def test_tokens_are_compared_in_constant_time(
    study: Study, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr("lit_emotalk.web.study.study.hmac.compare_digest", compare)
    assert study.rater_of(token) == "r1" and len(compared) == len(study.raters)
    assert study.rater_of("forged") is None and len(compared) == 2 * len(study.raters)
