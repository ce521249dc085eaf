"""The page's server: from uploads to videos, for several visitors, with everything removed afterwards."""

import io
import re
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import av
import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient
from PIL import Image

from lit_emotalk import TalkingFace
from lit_emotalk.errors import UserError
from lit_emotalk.inference.output.provenance import STATEMENT
from lit_emotalk.io.video import probe, read_frames
from lit_emotalk.web import app as web_app
from lit_emotalk.web import sessions
from lit_emotalk.web.app import PAGES, Example, make_app
from lit_emotalk.web.jobs import FAULT
from lit_emotalk.web.limits import Limits
from tests.portraits import head
from tests.web.conftest import FRAMES, SECONDS, Visitor, wav


def test_from_uploads_to_videos(visitor: Visitor, tmp_path: Path) -> None:
    words = ["happy", "0s sad; 0.3s over the moon", None]
    state = visitor.made(visitor.wanted(emotions=words, intensity=0.5, mark=True, frame="picture"))
    assert state["state"] == "done" and state["error"] is None
    assert state["done"] == state["total"] == 3 * FRAMES
    assert [video["label"] for video in state["videos"]] == [*words[:2], visitor.told["voice"]]
    for video in state["videos"]:
        got = visitor.client.get(f"{visitor.place}/videos/{video['file']}")
        assert got.headers["content-type"] == "video/mp4" and STATEMENT.encode() in got.content
        (tmp_path / "got.mp4").write_bytes(got.content)
        facts = probe(tmp_path / "got.mp4")
        assert (facts.width, facts.has_audio) == (200, True)
        assert facts.duration == pytest.approx(SECONDS, abs=0.05)
    address = f"{visitor.place}/videos/{video['file']}?download=Over the ../moon"
    some = visitor.client.get(address, headers={"Range": "bytes=0-9"})
    assert some.status_code == 206 and some.content == got.content[:10]
    assert some.headers["content-disposition"] == 'attachment; filename="over-the-moon.mp4"'
    for label, name in (("Слишком, рад!", "слишком-рад.mp4"), ("?!", "video.mp4")):
        got = visitor.client.head(f"{visitor.place}/videos/{video['file']}", params={"download": label})
        assert unquote(got.headers["content-disposition"]).split("=")[1].strip('"').endswith(name)


def test_two_visitors_at_once_do_not_mix(client: TestClient, face: TalkingFace, tmp_path: Path) -> None:
    visitors = [Visitor(client), Visitor(client)]
    made: dict[int, list[str]] = {}

    def work(number: int) -> None:
        state = visitors[number].made(visitors[number].wanted(number, emotions=["happy", "sad"]))
        made[number] = [video["file"] for video in state["videos"]]

    threads = [threading.Thread(target=work, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [0, 1] and all(len(files) == 2 and all(files) for files in made.values())
    portraits = [face.read_portrait(np.asarray(head(number, 200))).image for number in (0, 1)]
    for number, files in made.items():
        for file in files:
            assert client.get(f"{visitors[1 - number].place}/videos/{file}").status_code == 404
            got = tmp_path / "got.mp4"
            got.write_bytes(client.get(f"{visitors[number].place}/videos/{file}").content)
            shown = next(iter(read_frames(got))).astype(float)
            apart = [np.abs(shown - portrait).mean() for portrait in portraits]
            assert np.argmin(apart) == number


def test_what_another_visitor_sent_cannot_be_used(client: TestClient) -> None:
    one, other = Visitor(client), Visitor(client)
    wanted, theirs = one.wanted(), other.wanted(1)
    for kind in ("portrait", "speech"):
        answer = one.ask({**wanted, kind: theirs[kind]})
        assert (answer.status_code, answer.json()["error"][:9]) == (404, f"that {kind}"[:9])
    job = other.ask(theirs).json()["id"]
    assert client.get(f"{one.place}/jobs/{job}").status_code == 404
    assert client.post(f"{one.place}/jobs/{job}/cancel").status_code == 404
    assert client.get(f"{one.place}/speeches/{theirs['speech']}").status_code == 404


def until_empty(folder: Path) -> None:
    """Wait until nothing is in a folder any more."""
    until = time.monotonic() + 20
    while list(folder.iterdir()):
        assert time.monotonic() < until, list(folder.iterdir())
        time.sleep(0.05)


def test_a_visitor_who_leaves_takes_their_files_along(visitor: Visitor, tmp_path: Path) -> None:
    visitor.made(visitor.wanted())
    [folder] = tmp_path.iterdir()
    assert sorted(path.suffix for path in folder.iterdir()) == [".mp4", ".png", ".wav"]
    job = visitor.ask(visitor.wanted(emotions=["sad"] * 4)).json()["id"]
    assert visitor.client.post(f"{visitor.place}/end").status_code == 204
    assert visitor.client.get(f"{visitor.place}/jobs/{job}").status_code == 404
    until_empty(tmp_path)
    another = Visitor(visitor.client)
    assert another.made(another.wanted())["state"] == "done"


def test_files_are_removed_when_nothing_is_heard(
    face: TalkingFace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_app, "SWEEP_SECONDS", 0.1)
    now = time.monotonic()
    monkeypatch.setattr(sessions, "time", SimpleNamespace(monotonic=lambda: now))
    app = make_app(face, tmp_path, Limits(keep_minutes=30))
    with TestClient(app, base_url="http://localhost") as client:
        visitor = Visitor(client)
        visitor.send("speech", wav())
        now += 60 * 29
        time.sleep(0.5)
        assert len(list(tmp_path.iterdir())) == 1
        now += 60 * 2
        until_empty(tmp_path)
        late = visitor.send("speech", wav())
        assert late.status_code == 404 and "your files were removed" in late.json()["error"]


def test_only_the_last_uploads_and_videos_are_kept(face: TalkingFace, tmp_path: Path) -> None:
    app = make_app(face, tmp_path, Limits(uploads=2, videos=1))
    with TestClient(app, base_url="http://localhost") as client:
        visitor = Visitor(client)
        sounds = [visitor.send("speech", wav()).json()["id"] for _ in range(3)]
        got = [client.get(f"{visitor.place}/speeches/{sound}").status_code for sound in sounds]
        assert got == [404, 200, 200]
        visitor.made(visitor.wanted(emotions=["happy", "sad"]))
        assert len(list(tmp_path.glob("*/*.mp4"))) == 1 and len(list(tmp_path.glob("*/*.wav"))) == 2


def test_a_full_queue_and_stopping(
    face: TalkingFace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    portrait = face.read_portrait(np.asarray(head(0, 200)))

    def slow(*_: object) -> object:
        go.wait(60)
        return portrait

    app = make_app(face, tmp_path, Limits(waiting=1))
    with TestClient(app, base_url="http://localhost") as client:
        visitors = [Visitor(client) for _ in range(3)]
        wishes = [visitor.wanted() for visitor in visitors]
        monkeypatch.setattr(face, "read_portrait", slow)
        first = visitors[0].ask(wishes[0]).json()["id"]
        while visitors[0].state(first)["state"] == "waiting":
            time.sleep(0.02)
        again = visitors[0].ask(wishes[0])
        assert again.status_code == 503 and "still being made" in again.json()["error"]
        second = visitors[1].ask(wishes[1]).json()["id"]
        assert visitors[1].state(second)["doing"] == "waiting, first in the queue"
        third = visitors[2].ask(wishes[2])
        assert third.status_code == 503 and "too many people" in third.json()["error"]
        for _ in range(4):
            visitors[1].send("speech", wav())
        assert client.get(f"{visitors[1].place}/speeches/{wishes[1]['speech']}").status_code == 200
        stopped = client.post(f"{visitors[1].place}/jobs/{second}/cancel").json()
        assert stopped["state"] == "cancelled"
        client.post(f"{visitors[0].place}/jobs/{first}/cancel")
        go.set()
        while (state := visitors[0].state(first))["state"] == "working":
            time.sleep(0.02)
        assert state["state"] == "cancelled" and state["videos"][0]["file"] is None


def test_a_fault_of_ours_is_one_line_and_the_next_visitor_is_served(
    visitor: Visitor, face: TalkingFace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    wanted = visitor.wanted()
    with monkeypatch.context() as patch:
        patch.setattr(face, "talk", broken)
        state = visitor.made(wanted)
    assert state["state"] == "failed" and state["error"] == FAULT
    assert "secret detail" in capsys.readouterr().err
    assert visitor.made(wanted)["state"] == "done"


def test_what_cannot_be_made_is_one_line(
    visitor: Visitor, face: TalkingFace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = visitor.made(visitor.wanted(emotions=["0s sad; 9s happy"]))
    assert state["state"] == "failed" and "entry at 9 s" in state["error"]
    short = visitor.send("speech", wav(0.3)).json()["id"]
    state = visitor.made(visitor.wanted(speech=short, emotions=[None]))
    assert state["state"] == "failed" and state["error"].startswith("the sound ")
    assert str(tmp_path) not in state["error"]

    def full(_: object, __: Path, output: Path, *___: object) -> None:
        raise UserError(f"cannot write {output}: No space left on device")

    monkeypatch.setattr(face, "talk", full)
    state = visitor.made(visitor.wanted())
    assert state["error"] == "cannot write the video: No space left on device"


def test_the_example_is_there_where_it_is_offered(
    client: TestClient, face: TalkingFace, tmp_path: Path
) -> None:
    assert Visitor(client).told["example"] is False
    assert client.post(f"{Visitor(client).place}/example").status_code == 404
    Image.fromarray(np.asarray(head(0, 200))).save(tmp_path / "portrait.png")
    (tmp_path / "speech.wav").write_bytes(wav())
    example = Example(tmp_path / "portrait.png", tmp_path / "speech.wav")
    (tmp_path / "served").mkdir()
    app = make_app(face, tmp_path / "served", Limits(), example=example)
    with TestClient(app, base_url="http://localhost") as other:
        visitor = Visitor(other)
        assert visitor.told["example"] is True
        taken = other.post(f"{visitor.place}/example").json()
        wanted = {"portrait": taken["portrait"]["id"], "speech": taken["speech"]["id"], "emotions": ["sad"]}
        assert visitor.made(wanted)["state"] == "done"
        assert taken["portrait"]["face"].startswith("data:image/jpeg;base64,")


def test_the_page_loads_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    assert page.headers["x-content-type-options"] == "nosniff"
    names = set(re.findall(r'(?:src|href)="([^"]+)"', page.text))
    assert names == {"/favicon.ico", "/pages/page.css", "/pages/page.js"}
    for path in PAGES.iterdir():
        assert not re.search(r"//\w+\.\w|https?://|@import|url\(", path.read_text()), path
        assert path.suffix == ".html" or client.get(f"/pages/{path.name}").status_code == 200


def test_the_video_has_the_sound_as_it_was_sent(visitor: Visitor) -> None:
    turns = np.sin(2 * np.pi * 180 * np.arange(round(SECONDS * 44_100)) / 44_100)
    sent = io.BytesIO()
    soundfile.write(sent, 0.3 * np.stack([turns, 0.5 * turns], 1), 44_100, format="WAV")
    wanted = visitor.wanted()
    wanted["speech"] = visitor.send("speech", sent.getvalue()).json()["id"]
    [made] = visitor.made(wanted)["videos"]
    video = visitor.client.get(f"{visitor.place}/videos/{made['file']}").content
    with av.open(io.BytesIO(video)) as container:
        track = container.streams.audio[0].codec_context
        assert (track.sample_rate, track.layout.nb_channels) == (44_100, 2)


def test_doubtful_words_are_told(visitor: Visitor) -> None:
    state = visitor.made(visitor.wanted(emotions=["zxqv", "not happy", "a furious person"]))
    assert [line.split("'")[1] for line in state["doubts"]] == ["zxqv", "not happy"]
