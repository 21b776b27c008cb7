"""Guard: what every request must be, and what every response says to the browser.

A request names a host that is ours (an address, this machine's name, or one of the file's): a page
of a stranger, whose name was made to lead here, does not (DNS rebinding). One that changes
something comes from our own page (``Origin``, ``Sec-Fetch-Site``), as JSON, with the token of who
sends it.
"""

import hmac
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

from gateway.web.accounts import Who

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
STATIC: Final = "no-cache"
"""Kept, but asked about each time: 304 costs nothing."""

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Guard:
    """Around the application."""

    def __init__(self, app: App, hosts: Collection[str], *, tls: bool) -> None:
        """``hosts``: further names."""
        own = socket.gethostname().lower()
        self._app = app
        self._hosts = {"localhost", own, f"{own}.local", *(one.lower() for one in hosts)}
        self._tls = tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on, with our headers."""
        if scope["type"] != "http":
            return

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if self._tls:
                    headers["strict-transport-security"] = "max-age=31536000"
            await send(message)

        why = self._strange(Headers(scope=scope), scope["method"])
        app = self._app if not why else JSONResponse({"error": why}, 403)
        await app(scope, receive, told)

    def _strange(self, headers: Headers, method: str) -> str:
        """Why a request is not from a page of ours; empty: it may be."""
        host = headers.get("host", "")
        if not self._ours(host):
            return f"unknown host {host[:80]!r}: name it in web.hosts"
        if method in ("GET", "HEAD"):
            return ""
        origin = headers.get("origin")
        if origin is None or urlsplit(origin).netloc.lower() != host.lower():
            return "sent by another site"
        if headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return "sent by another site"
        return ""

    def _ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name in self._hosts or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def proven(who: Who, headers: Headers) -> bool:
    """A request that changes something was made by our page, for this session."""
    return hmac.compare_digest(headers.get("x-csrf-token", "").encode(), who.csrf.encode())
