"""What a request may say beside words: the picture, sound or video of an emotion, a driving video, a face."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from lit_emotalk.emotions import EMOTIONS
from lit_emotalk.io.video import read_frames, write_video
from tests.portraits import beside, head
from tests.web.conftest import SMALL_HEAD, Visitor, head_png, wall_png, wav


def test_the_emotion_of_a_picture_a_sound_and_a_video(visitor: Visitor, tmp_path: Path) -> None:
    film = [np.asarray(head(1, SMALL_HEAD))] * 12
    write_video(tmp_path / "film.mp4", film)
    shown = []
    files = {"picture": head_png(1), "sound": wav(), "video": (tmp_path / "film.mp4").read_bytes()}
    for kind, content in files.items():
        answer = visitor.send(f"emotion-{kind}", content)
        assert answer.status_code == 200 and answer.json()["nearest"] in EMOTIONS, answer.text
        shown.append({"kind": f"emotion-{kind}", "id": answer.json()["id"]})
    state = visitor.made(visitor.wanted(emotions=shown))
    assert [video["label"] for video in state["videos"]] == ["the picture's", "the sound's", "the video's"]
    assert all(video["file"] for video in state["videos"]) and state["doubts"] == []


@pytest.mark.parametrize(
    ("kind", "content", "said"),
    [
        ("emotion-picture", b"no", "this file is not a picture"),
        ("emotion-picture", wall_png(), "no face found in this file"),
        ("emotion-sound", wav(0.2), "this file holds 0.20 s of sound, too short"),
        ("emotion-sound", b"no", "this file holds no sound"),
        ("emotion-video", b"no", "this file is not a video"),
        ("emotion-video", lambda: head_png(0), "this file is not a video"),
        ("driving", b"no", "this file is not a video"),
    ],
)
def test_files_without_an_emotion_are_one_line(
    visitor: Visitor, kind: str, content: bytes | Callable[[], bytes], said: str, tmp_path: Path
) -> None:
    answer = visitor.send(kind, content() if callable(content) else content)
    assert answer.status_code == 422 and said in answer.json()["error"]
    assert str(tmp_path) not in answer.json()["error"] and "\n" not in answer.json()["error"]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_long_video_is_refused(visitor: Visitor, tmp_path: Path) -> None:
    write_video(tmp_path / "long.mp4", (np.zeros((32, 32, 3), np.uint8) for _ in range(75)))
    answer = visitor.send("driving", (tmp_path / "long.mp4").read_bytes())
    assert answer.json()["error"] == "the video is longer than 2 s; cut it"


def test_a_driving_video_moves_the_head(visitor: Visitor, tmp_path: Path) -> None:
    turned = [np.asarray(head(0, SMALL_HEAD, yaw)) for yaw in (-20.0, 0.0, 20.0)]
    write_video(tmp_path / "film.mp4", [turned[frame // 5] for frame in range(15)])
    driving = visitor.send("driving", (tmp_path / "film.mp4").read_bytes()).json()["id"]
    state = visitor.made(visitor.wanted(driving=driving, eyes=True))
    assert state["error"] is None and state["videos"][0]["file"]


def test_one_of_several_faces(visitor: Visitor, tmp_path: Path) -> None:
    kept = io.BytesIO()
    beside(head(0, 260), head(1, 320)).save(kept, "PNG")
    given = visitor.send("portrait", kept.getvalue()).json()
    assert len(given["faces"]) == 2 and given["chosen"] == 1
    assert visitor.send("portrait", head_png(0)).json()["faces"] == []
    wanted = {**visitor.wanted(), "portrait": given["id"]}
    videos = [visitor.made({**wanted, "face": face})["videos"][0]["file"] for face in (0, 1)]
    frames = []
    for number, file in enumerate(videos):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(visitor.client.get(f"{visitor.place}/videos/{file}").content)
        frames.append(next(read_frames(path)).astype(float))
    assert np.abs(frames[0] - frames[1]).mean() > 5
    state = visitor.made({**wanted, "face": 7})
    assert "the picture has 2 face(s)" in state["error"]


def test_files_of_another_visitor_are_not_there(client: TestClient, visitor: Visitor) -> None:
    shown = {"kind": "emotion-picture", "id": visitor.send("emotion-picture", head_png(1)).json()["id"]}
    other = Visitor(client)
    answer = other.ask(other.wanted(emotions=[shown]))
    assert (
        answer.status_code == 404 and "picture of the emotion is not here any more" in answer.json()["error"]
    )
    answer = other.ask(other.wanted(emotions=[{**shown, "kind": "emotion-video"}]))
    assert answer.status_code == 404
    assert other.ask(other.wanted(driving=shown["id"])).status_code == 404
