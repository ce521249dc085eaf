"""What is refused before anything looks at it, and the security headers of every answer."""

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_URL_BYTES = 512
MOST_RANGE_BYTES = 64
SAFE_METHODS = ("GET", "HEAD")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=()",
    "X-Robots-Tag": "noindex",
}


class Guard:
    """Lets through what comes from our own page or from no page at all, under a name that is ours.

    A page elsewhere on the web can make its visitor's browser send requests to this machine: those carry
    another origin, or, where its name was made to point here, another host. `names`: the host names by which
    the server may be called, beside localhost and any bare address.
    """

    def __init__(self, app: ASGIApp, names: frozenset[str]) -> None:
        self.app, self._names = app, {"localhost", *(name.lower().rstrip(".") for name in names)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or WebSocket; other kinds of scope pass."""

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        if scope["type"] == "http":
            await (self._refusal(scope) or self.app)(scope, receive, send_guarded)
        elif scope["type"] == "websocket" and self._refusal(scope) is not None:
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self.app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MOST_URL_BYTES:
            return message(414, "too long an address")
        if len(headers.get("range", "")) > MOST_RANGE_BYTES:
            return message(416, "too long a range")
        if not self._ours(headers.get("host", "")):
            return message(421, "this server is not known by that name; see --name of lit-emotalk serve")
        origin = headers.get("origin")
        if origin is not None and _host(origin) != headers.get("host", "").lower():
            return message(403, "requests from other pages are refused")
        site = headers.get("sec-fetch-site", "same-origin")
        changes = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
        if changes and site not in ("same-origin", "none"):
            return message(403, "requests from other pages are refused")
        return None

    def _ours(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        except ValueError:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name in self._names
        return True


def _host(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def message(status: int, text: str) -> JSONResponse:
    """An answer that says what is wrong in one line."""
    return JSONResponse({"error": text}, status)
