"""`lit-emotalk serve`: the networks loaded, the application on a port."""

import signal
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import websockets  # noqa: F401  (uvicorn's WebSockets need it)

from lit_emotalk.coefficients import ARKIT
from lit_emotalk.errors import UserError
from lit_emotalk.face.landmarker import Landmarker
from lit_emotalk.inference.portrait import Portrait
from lit_emotalk.inference.talking_face import TalkingFace
from lit_emotalk.schema import LANDMARKS, SAMPLE_RATE
from lit_emotalk.web.app import Example, make_app
from lit_emotalk.web.limits import Limits
from lit_emotalk.web.serving import address, listen, run
from lit_emotalk.web.sessions import served_folder
from lit_emotalk.weights import starter

STOP_SECONDS = 3
MOST_CONNECTIONS = 300
DEMO_FILES = ("portrait.png", "speech.wav", "demo.mp4")
"""What `make demo` leaves beside its models; all of it is synthetic."""
STARTER_FILES = (starter.PORTRAIT, starter.SPEECH)
"""What lies within the starter, likewise."""


def serve(
    models: Path,
    host: str,
    port: int,
    limits: Limits,
    names: Sequence[str] = (),
    tls: Sequence[Path] | None = None,
    device: str = "cpu",
) -> None:
    """Serve until interrupted. UserError where the models, the port or the certificate cannot be used."""
    if tls is not None:
        _check_certificate(*tls)
    with listen(host, port) as listener, served_folder() as folder:
        face = TalkingFace.load(models, device)
        _wake(face)
        app = make_app(face, folder, limits, frozenset({host, socket.gethostname(), *names}), example(models))
        where = address(host, listener, "http" if tls is None else "https")
        print(f"talking faces at {where}; visitors' files lie in {folder}; stop with Ctrl-C", flush=True)
        signal.signal(signal.SIGTERM, _leave)
        run(
            app,
            listener,
            MOST_CONNECTIONS,
            timeout_graceful_shutdown=STOP_SECONDS,
            ws="websockets-sansio",
            ws_max_size=2 * limits.start_bytes,
            ws_ping_interval=None,
            ws_per_message_deflate=False,
            ssl_certfile=None if tls is None else str(tls[0]),
            ssl_keyfile=None if tls is None else str(tls[1]),
        )


def example(models: Path) -> Example | None:
    """The synthetic head and speech within the starter, or beside the models of a demo; None where these are
    neither's."""
    for folder, files in ((Path(models), STARTER_FILES), (Path(models).resolve().parent, DEMO_FILES)):
        if all((folder / name).is_file() for name in files):
            return Example(folder / files[0], folder / files[1])
    return None


def _leave(number: int, _: object) -> None:
    """End by an exception, which removes the visitors' files; uvicorn hands the signal on in the end."""
    raise SystemExit(128 + number)


def _wake(face: TalkingFace) -> None:
    """Start the face landmarker once, in the main thread: it minds its signals; and speak a second, so that
    the first visitor need not wait for what happens at the first time."""
    with Landmarker(video=False):
        pass
    grey = np.full((face.resolution, face.resolution, 3), 128, np.uint8)
    rest, landmarks = np.zeros(ARKIT.size, np.float32), np.full((LANDMARKS, 3), 0.5, np.float32)
    for _ in face.stream(Portrait(grey, rest, landmarks), [np.zeros(SAMPLE_RATE, np.float32)]):
        pass


def _check_certificate(certificate: Path, key: Path) -> None:
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or error
        raise UserError(f"cannot use {certificate} and {key} for https: {reason}") from error
