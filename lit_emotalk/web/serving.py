"""What the project's web servers share: a port, uvicorn's settings, the guard of every request, the pages."""

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lit_emotalk.errors import UserError

IDLE_SECONDS = 15
MOST_HEADER_BYTES = 16_384
MOST_URL_BYTES = 512
MOST_RANGE_BYTES = 64
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}
"""Of every answer; what a page may load and use is its own to say."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on `host` and `port` (0: any free one). UserError where it cannot be had."""
    if not 0 <= port <= 65535:
        raise UserError(f"--port must be from 0 to 65535, not {port}")
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=256)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot listen on {host}, port {port}: {reason}") from error


def address(host: str, listener: socket.socket, scheme: str = "http") -> str:
    """The address of what is served, for people."""
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{listener.getsockname()[1]}"


def run(app: ASGIApp, listener: socket.socket, connections: int, **settings: Any) -> None:
    """Serve until interrupted, at most `connections` at once; `settings` are uvicorn's."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,
        limit_concurrency=connections,
        h11_max_incomplete_event_size=MOST_HEADER_BYTES,
        http="h11",
        **settings,
    )
    uvicorn.Server(config).run(sockets=[listener])


class Guard:
    """Refuses what no page of ours sends, and adds `headers` to every answer."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self.app, self._headers = app, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or WebSocket; other kinds of scope pass."""

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        if scope["type"] == "http":
            await (self.refusal(scope) or self.app)(scope, receive, send_guarded)
        elif scope["type"] == "websocket" and self.refusal(scope) is not None:
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self.app(scope, receive, send)

    def refusal(self, scope: Scope) -> Response | None:
        """The answer to a request that is not let through; None for others."""
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MOST_URL_BYTES:
            return message(414, "too long an address")
        if len(Headers(scope=scope).get("range", "")) > MOST_RANGE_BYTES:
            return message(416, "too long a range")
        return None


def message(status: int, text: str) -> JSONResponse:
    """An answer that says what is wrong in one line."""
    return JSONResponse({"error": text}, status)


def refused(error: AnyHTTPException) -> JSONResponse:
    """The answer to a request that was refused."""
    answer = message(error.status_code, str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


def add_pages(app: FastAPI, folder: Path, kinds: Mapping[str, str]) -> None:
    """`GET /pages/NAME` for the files of `folder` that `kinds` names, with their media types; no favicon."""

    @app.get("/favicon.ico")
    def favicon() -> Response:
        return Response(status_code=204)

    @app.get("/pages/{name}")
    def page_file(name: str) -> Response:
        if name not in kinds:
            raise HTTPException(404, "not found")
        return FileResponse(folder / name, media_type=kinds[name])
