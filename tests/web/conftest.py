"""The application of `lit-emotalk serve` over small untrained models, and rendered heads to send it."""

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

pytest.importorskip("fastapi", reason="needs the extra web")

from fastapi.testclient import TestClient

from lit_emotalk import TalkingFace
from lit_emotalk.web.app import make_app
from lit_emotalk.web.limits import Limits
from tests.portraits import head
from tests.small_models import save_small_models

FRAMES = 15
SECONDS = FRAMES / 25
LIMITS = Limits(sound_seconds=2.0, picture_bytes=600_000, sound_bytes=200_000, waiting=2, patience=2.0)
SMALL_HEAD = 200
NAMES = frozenset({"testserver"})
"""What the test client calls a server in the handshake of a WebSocket."""


def head_png(number: int) -> bytes:
    """A rendered head as a png file."""
    kept = io.BytesIO()
    head(number, SMALL_HEAD).save(kept, "PNG")
    return kept.getvalue()


def wall_png() -> bytes:
    """A picture without a face."""
    kept = io.BytesIO()
    Image.new("RGB", (120, 120), "grey").save(kept, "PNG")
    return kept.getvalue()


def wav(seconds: float = SECONDS, loudness: float = 0.3) -> bytes:
    """A hum as a wav file."""
    turns = np.sin(2 * np.pi * 180 * np.arange(round(seconds * 16_000)) / 16_000)
    kept = io.BytesIO()
    soundfile.write(kept, loudness * turns, 16_000, format="WAV")
    return kept.getvalue()


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small models."""
    return save_small_models(tmp_path_factory.mktemp("web") / "models")


@pytest.fixture(scope="session")
def face(models: Path) -> TalkingFace:
    """Those models, loaded."""
    return TalkingFace.load(models, speed="float32")


@pytest.fixture
def client(face: TalkingFace, tmp_path: Path) -> Iterator[TestClient]:
    """A client of a server that keeps its files in `tmp_path`."""
    with TestClient(make_app(face, tmp_path, LIMITS, NAMES), base_url="http://localhost:7860") as client:
        yield client


class Visitor:
    """One visitor with a session of their own."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.told = client.post("/api/sessions").json()
        self.place = f"/api/sessions/{self.told['id']}"

    def send(self, kind: str, content: bytes) -> Any:
        """Upload a portrait or a speech; the response."""
        return self.client.post(f"{self.place}/{kind}", content=content)

    def wanted(self, number: int = 0, **changes: Any) -> dict[str, Any]:
        """A request for videos of head `number`, its uploads made."""
        portrait, speech = self.send("portrait", head_png(number)), self.send("speech", wav())
        assert portrait.status_code == speech.status_code == 200, (portrait.text, speech.text)
        ids = {"portrait": portrait.json()["id"], "speech": speech.json()["id"]}
        return {**ids, "emotions": ["happy"], "motion": "none", **changes}

    def ask(self, wanted: dict[str, Any]) -> Any:
        """The response to a request for videos."""
        return self.client.post(f"{self.place}/videos", json=wanted)

    def state(self, job: str) -> dict[str, Any]:
        """How far a request is."""
        return self.client.get(f"{self.place}/jobs/{job}").json()

    def made(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """The last state of a request, once it has ended."""
        job = self.ask(wanted).json()["id"]
        until = time.monotonic() + 100
        while (state := self.state(job))["state"] in ("waiting", "working"):
            assert time.monotonic() < until
            time.sleep(0.05)
        return state


@pytest.fixture
def visitor(client: TestClient) -> Visitor:
    """A visitor of the client's server."""
    return Visitor(client)
