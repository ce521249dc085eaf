"""The study's pages over HTTP: what a rater sees next, their answers, the videos."""

import sqlite3
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.types import Scope

from lit_emotalk.web.serving import HEADERS, Guard, add_pages, message, refused
from lit_emotalk.web.study.store import Conflict, Store
from lit_emotalk.web.study.study import Study

PAGES = Path(__file__).parent / "pages"
PAGE_FILES = {"study.js": "text/javascript", "study.css": "text/css"}
MOST_BODY_BYTES = 4096
PAGE_HEADERS = {
    **HEADERS,
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Answer(BaseModel):
    """A rater's answers to the item with number `item`: question -> 1..5."""

    model_config = ConfigDict(extra="forbid", strict=True)

    item: Annotated[int, Field(ge=0, lt=1_000_000)]
    scores: dict[Annotated[str, Field(max_length=100)], Annotated[int, Field(ge=1, le=5)]]


def make_app(study: Study, store: Store) -> FastAPI:
    """The study's application.

    `GET /r/TOKEN` is a rater's page, `GET /r/TOKEN/state` what they see next, `POST /r/TOKEN/answer` takes an
    `Answer`, `GET /media/NAME` gives a file of the study (with ranges), `GET /pages/NAME` the page's script
    and style. A wrong token or name is 404, a wrong answer 422, one out of turn 409, too long a request 413
    or 414.
    """
    app = FastAPI(title="study", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.add_middleware(StudyGuard, headers=PAGE_HEADERS)
    app.add_exception_handler(AnyHTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(sqlite3.Error, _not_saved)
    add_pages(app, PAGES, PAGE_FILES)
    questions = {question.name for question in study.questions}

    def rater_of(token: str) -> str:
        rater = study.rater_of(token)
        if rater is None:
            raise HTTPException(404, "this link is not valid")
        return rater

    def state_of(rater: str) -> Response:
        return JSONResponse(page_state(study, rater, store.done(rater)))

    def keep(rater: str, given: Answer) -> Response:
        store.record(rater, given.item, given.scores)
        return state_of(rater)

    @app.get("/")
    def entrance() -> Response:
        return FileResponse(PAGES / "entrance.html")

    @app.api_route("/media/{name}", methods=["GET", "HEAD"])
    def media(name: str) -> Response:
        if name not in study.files:
            raise HTTPException(404, "not found")
        return FileResponse(study.files[name], headers={"Cache-Control": "private, max-age=86400"})

    @app.get("/r/{token}")
    def page(token: str) -> Response:
        valid = study.rater_of(token) is not None
        return FileResponse(PAGES / ("study.html" if valid else "entrance.html"), 200 if valid else 404)

    @app.get("/r/{token}/state")
    def state(token: str) -> Response:
        return state_of(rater_of(token))

    @app.post("/r/{token}/answer")
    async def answer(token: str, request: Request) -> Response:
        rater = rater_of(token)
        given = await _answer(request)
        if set(given.scores) != questions:
            raise HTTPException(422, "answer exactly the questions of the page")
        if given.item >= len(study.raters[rater]):
            raise HTTPException(409, "there is no such item")
        try:
            return await run_in_threadpool(keep, rater, given)
        except Conflict as conflict:
            raise HTTPException(409, str(conflict)) from conflict

    return app


def page_state(study: Study, rater: str, done: int) -> dict[str, Any]:
    """What the page shows a rater who answered `done` items; neither method nor clip
    is in it, nor what is a check."""
    items = study.raters[rater]
    shown = None
    if done < len(items):
        item = items[done]
        shown = {
            "number": done,
            "practice": item.kind == "practice",
            "video": f"/media/{study.media[item]}",
            "source": f"/media/{study.sources[item.clip]}" if item.clip in study.sources else None,
            "next": f"/media/{study.media[items[done + 1]]}" if done + 1 < len(items) else None,
        }
    return {
        "title": study.title,
        "introduction": study.introduction,
        "completion": study.completion,
        "questions": [vars(question) for question in study.questions],
        "total": len(items),
        "done": done,
        "item": shown,
    }


async def _answer(request: Request) -> Answer:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "send JSON")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BODY_BYTES:
            raise HTTPException(413, "too long an answer")
    try:
        return Answer.model_validate_json(body)
    except ValidationError as error:
        raise HTTPException(422, "not an answer: item and scores from 1 to 5 are needed") from error


class StudyGuard(Guard):
    """Also refuses bodies longer than any answer."""

    def refusal(self, scope: Scope) -> Response | None:
        """As the base's."""
        if (wrong := super().refusal(scope)) is not None:
            return wrong
        length = Headers(scope=scope).get("content-length", "0")
        if not (length.isascii() and length.isdecimal()) or len(length) > 9 or int(length) > MOST_BODY_BYTES:
            return message(413, "too long an answer")
        return None


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, AnyHTTPException)
    return refused(error)


def _malformed(request: Request, error: Exception) -> Response:
    return message(422, "not a request of the study's page")


def _not_saved(request: Request, error: Exception) -> Response:
    return message(503, "the answer could not be saved; try again")
