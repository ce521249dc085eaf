"""The page and what it asks for: sessions, uploads, videos; and the stream's WebSocket."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fastapi import FastAPI, HTTPException, Request, Response, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException as AnyHTTPException

from lit_emotalk.emotions import EMOTIONS
from lit_emotalk.errors import UserError
from lit_emotalk.inference.options import Options
from lit_emotalk.inference.talking_face import TalkingFace
from lit_emotalk.web.desk import Desk
from lit_emotalk.web.guard import PageGuard
from lit_emotalk.web.jobs import FAULT, Job, Video, Workshop
from lit_emotalk.web.limits import Limits
from lit_emotalk.web.serving import add_pages, message, refused
from lit_emotalk.web.sessions import Busy, Kind, Session, Sessions
from lit_emotalk.web.streams import Streams
from lit_emotalk.web.uploads import NAMES
from lit_emotalk.web.wanted import Shown, Text, read_wanted
from lit_emotalk.web.wishes import emotion_of, read_wish

PAGES = Path(__file__).parent / "pages"
PAGE_FILES = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "chips.js": "text/javascript",
    "devices.js": "text/javascript",
    "elements.js": "text/javascript",
    "faces.js": "text/javascript",
    "hear.js": "text/javascript",
    "live.js": "text/javascript",
    "server.js": "text/javascript",
    "sets.js": "text/javascript",
    "taker.js": "text/javascript",
}
SWEEP_SECONDS = 20.0
VOICE = "the voice's own"
EMOTION_KINDS: dict[str, Kind] = {
    "picture": "emotion-picture",
    "sound": "emotion-sound",
    "video": "emotion-video",
}
SHOWN = {"emotion-picture": "the picture's", "emotion-sound": "the sound's", "emotion-video": "the video's"}
"""Labels of emotions that files show."""


@dataclass(frozen=True)
class Example:
    """A portrait and a speech to try, both synthetic."""

    portrait: Path
    speech: Path


def make_app(
    face: TalkingFace,
    folder: Path,
    limits: Limits,
    names: frozenset[str] = frozenset(),
    example: Example | None = None,
) -> FastAPI:
    """The application of `lit-emotalk serve`; sessions' files lie below `folder`.

    `GET /` is the page. `POST /api/sessions` opens a session; below `/api/sessions/ID`: `POST portrait`,
    `POST speech`, `POST emotion-picture`, `-sound` and `-video`, `POST driving` (the file as the body) and
    `POST example` upload, `POST videos` (`Wanted`) asks for videos,
    `GET jobs/ID` says how far they are, `POST jobs/ID/cancel` stops them, `GET videos/ID` and `GET
    speeches/ID` give a file (with ranges), `POST end` ends the session. `/stream` is the WebSocket of
    docs/serving.md. What a visitor did wrong is answered by {"error": one line} and a status from 400 on.
    """
    sessions, workshop = Sessions(folder, limits), Workshop(face, limits)
    desk, streams = Desk(sessions, workshop, limits), Streams(workshop, sessions, folder, limits)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        sweeper = asyncio.create_task(_sweep(sessions))
        with workshop:
            yield
        sweeper.cancel()
        with suppress(asyncio.CancelledError):
            await sweeper

    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.add_middleware(PageGuard, names=names)
    for kind in (AnyHTTPException, RequestValidationError, UserError, Busy, OSError):
        app.add_exception_handler(kind, _refused)

    add_pages(app, PAGES, PAGE_FILES)

    def session_of(name: str) -> Session:
        session = sessions.get(name)
        if session is None:
            raise HTTPException(404, desk.ended)
        return session

    def job_of(session: str, job: str) -> Job:
        found = workshop.get(session_of(session), job)
        if found is None:
            raise HTTPException(404, "there is no such request")
        return found

    @app.get("/")
    def page() -> Response:
        return FileResponse(PAGES / "page.html")

    @app.post("/api/sessions")
    def open_session() -> dict[str, Any]:
        session = sessions.open()
        if session is None:
            raise Busy("too many visitors just now; please try again later")
        return {
            "id": session.id,
            "emotions": EMOTIONS,
            "voice": VOICE,
            "most_emotions": limits.emotions,
            "most_seconds": limits.sound_seconds,
            "portrait_bytes": limits.picture_bytes,
            "speech_bytes": limits.sound_bytes,
            "keep_minutes": limits.keep_minutes,
            "example": example is not None,
            "streams": limits.streams > 0,
        }

    @app.post("/api/sessions/{session}/end")
    def end_session(session: str) -> Response:
        found = sessions.get(session)
        if found is not None:
            workshop.cancel_all(found)
            sessions.close(found)
        return Response(status_code=204)

    @app.post("/api/sessions/{session}/portrait")
    async def portrait(session: str, request: Request) -> dict[str, Any]:
        return await desk.receive_portrait(session_of(session), request)

    @app.post("/api/sessions/{session}/speech")
    async def speech(session: str, request: Request) -> dict[str, Any]:
        return await desk.receive_speech(session_of(session), request)

    @app.post("/api/sessions/{session}/emotion-{what}")
    async def emotion(
        session: str, what: Literal["picture", "sound", "video"], request: Request
    ) -> dict[str, Any]:
        return await desk.receive_emotion(session_of(session), request, EMOTION_KINDS[what])

    @app.post("/api/sessions/{session}/driving")
    async def driving(session: str, request: Request) -> dict[str, Any]:
        return await desk.receive_driving(session_of(session), request)

    @app.post("/api/sessions/{session}/example")
    def take_example(session: str) -> dict[str, Any]:
        found = session_of(session)
        if example is None:
            raise HTTPException(404, "there is no example here")
        with desk.while_open(found):
            return {
                "portrait": desk.take_portrait(found, example.portrait),
                "speech": desk.take_speech(found, example.speech),
            }

    @app.post("/api/sessions/{session}/videos")
    async def videos(session: str, request: Request) -> dict[str, Any]:
        found, wanted = session_of(session), await read_wanted(request)
        if len(wanted.emotions) > limits.emotions:
            raise UserError(f"choose at most {limits.emotions} emotions at a time")
        files: dict[Path, str] = {}

        def used(kind: Kind, file: str) -> Path:
            path = desk.given(found, kind, file)
            files[path] = NAMES[kind]
            return path

        def video_of(asked: str | Shown | None) -> Video:
            if asked is None:
                return Video(VOICE, None)
            if isinstance(asked, Shown):
                path = used(asked.kind, asked.id)
                return Video(SHOWN[asked.kind], emotion_of(asked.kind, path, wanted.intensity))
            return Video(asked.strip(), read_wish(asked, wanted.intensity, limits))

        asked = [video_of(each) for each in wanted.emotions]
        options = Options(
            intensity=wanted.intensity,
            strength=wanted.strength,
            face=wanted.face,
            frame=wanted.frame,
            motion=wanted.motion,
            pose_from=None if wanted.driving is None else used("driving", wanted.driving),
            eyes=wanted.eyes and wanted.driving is not None,
            seed=wanted.seed,
            longest_side=limits.picture_side,
            mark=wanted.mark,
        )
        source = desk.given(found, "portrait", wanted.portrait)
        job = Job(found, source, desk.given(found, "speech", wanted.speech), asked, options, files)
        sessions.check_room()
        workshop.ask(job)
        return {"id": job.id}

    @app.get("/api/sessions/{session}/jobs/{job}")
    def job_state(session: str, job: str) -> dict[str, Any]:
        return workshop.state(job_of(session, job))

    @app.post("/api/sessions/{session}/jobs/{job}/cancel")
    def cancel(session: str, job: str) -> dict[str, Any]:
        found = job_of(session, job)
        workshop.cancel(found)
        return workshop.state(found)

    @app.get("/api/sessions/{session}/speeches/{file}")
    def kept_speech(session: str, file: str) -> Response:
        return FileResponse(desk.given(session_of(session), "speech", file))

    @app.api_route("/api/sessions/{session}/videos/{file}", methods=["GET", "HEAD"])
    def video(session: str, file: str, download: Text | None = None) -> Response:
        path = desk.given(session_of(session), "video", file)
        return FileResponse(path, filename=None if download is None else _file_name(download))

    @app.websocket("/stream")
    async def stream(socket: WebSocket) -> None:
        await streams.serve(socket)

    return app


def _file_name(label: str) -> str:
    """A video's name on the visitor's disk: the label's letters, of any script, and digits."""
    name = re.sub(r"\W+", "-", label.lower())[:60].strip("-")
    return f"{name or 'video'}.mp4"


async def _sweep(sessions: Sessions) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        await asyncio.to_thread(sessions.sweep)


def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, AnyHTTPException):
        return refused(error)
    if isinstance(error, RequestValidationError):
        return message(422, "not a request of this page; load it again")
    if isinstance(error, Busy):
        return message(503, str(error))
    if isinstance(error, UserError):
        return message(422, str(error))
    return message(507, f"the server cannot keep files just now ({FAULT})")
