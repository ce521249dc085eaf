"""What is refused before anything looks at it, and the security headers of every answer."""

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Scope

from lit_emotalk.web.serving import HEADERS, Guard, message

SAFE_METHODS = ("GET", "HEAD")
PAGE_HEADERS = {
    **HEADERS,
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=()",
}


class PageGuard(Guard):
    """Lets through what comes from our own page or from no page at all, under a name that is ours.

    A page elsewhere on the web can make its visitor's browser send requests to this machine: those carry
    another origin, or, where its name was made to point here, another host. `names`: the host names by which
    the server may be called, beside localhost and any bare address.
    """

    def __init__(self, app: ASGIApp, names: frozenset[str]) -> None:
        super().__init__(app, PAGE_HEADERS)
        self._names = {"localhost", *(name.lower().rstrip(".") for name in names)}

    def refusal(self, scope: Scope) -> Response | None:
        """As the base's."""
        if (wrong := super().refusal(scope)) is not None:
            return wrong
        headers = Headers(scope=scope)
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
