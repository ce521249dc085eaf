"""The server as a process: what it acknowledged survives kill -9; wrong use is one line."""

import http.client
import json
import socket
import threading
from pathlib import Path

import pytest

pytest.importorskip("uvicorn", reason="needs the extra study")

from lit_emotalk.errors import UserError
from lit_emotalk.web.study.command import main
from lit_emotalk.web.study.store import Store
from lit_emotalk.web.study.study import Study
from tests.serving import serving
from tests.web.study.conftest import tokens_of

ENOUGH = 6
"""Acknowledged answers after which the server is killed."""


def test_kill_9_loses_no_acknowledged_rating(study: Study) -> None:
    acknowledged: dict[tuple[str, int], dict[str, int]] = {}
    enough = threading.Event()

    def rate(rater: str, token: str, port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            for item in range(len(study.raters[rater])):
                scores = {question.name: 1 + item % 5 for question in study.questions}
                body = json.dumps({"item": item, "scores": scores})
                connection.request("POST", f"/r/{token}/answer", body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                if response.status == 200 and response.read():
                    acknowledged[rater, item] = scores
                if len(acknowledged) >= ENOUGH:
                    enough.set()
        except (OSError, http.client.HTTPException):
            return

    with serving("study", "serve", "--study", str(study.folder)) as (process, port):
        threads = [
            threading.Thread(target=rate, args=(rater, token, port))
            for rater, token in tokens_of(study.folder).items()
        ]
        for thread in threads:
            thread.start()
        assert enough.wait(100)
        process.kill()
        for thread in threads:
            thread.join()
    with Store(study.folder, study.id) as store:
        kept = store.answers()
    assert len(acknowledged) >= ENOUGH
    assert {place: kept.get(place) for place in acknowledged} == acknowledged
    assert all(len(scores) == len(study.questions) for scores in kept.values())


def test_wrong_use_is_one_line(study: Study, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no study"):
        main(["serve", "--study", str(tmp_path)])
    with pytest.raises(UserError, match="--port must be from 0 to 65535"):
        main(["serve", "--study", str(study.folder), "--port", "70000"])
    with pytest.raises(UserError, match="cannot listen on nowhere"):
        main(["serve", "--study", str(study.folder), "--host", "nowhere.invalid"])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"cannot listen on 127.0.0.1, port {port}"):
            main(["serve", "--study", str(study.folder), "--port", str(port)])
