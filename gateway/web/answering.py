"""What the process of the metrics answers, and to how many at a time.

A connection is one request, ``Connection: close``. Few are open at once, none for long, and what is
over that is closed at once: a client cannot take more than a thread and a few kilobytes.
"""

import hmac
import ipaddress
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

from gateway.web import exposition

MOST_CLIENTS: Final = 8
MOST_HEAD: Final = 8_192
HEAD_S: Final = 5.0
SEND_S: Final = 10.0
STALE_S: Final = 60.0
"""Figures that are older are none."""

Said = tuple[int, str]
"""Status and text."""


class Answer:
    """Knows the newest figures, and who may see them."""

    def __init__(self, token: str, clock: Callable[[], float]) -> None:
        """``token``: what who asks must show; empty: nothing."""
        self._token = token
        self._clock = clock
        self._own = {"localhost", socket.gethostname().lower()}
        self.line: tuple[bytes, float] = (b"", clock())
        """The newest line of figures, and when it came."""

    def __call__(self, head: bytes) -> Said:
        """The answer to the head of a request."""
        first, *rest = head.decode("latin-1").split("\r\n")
        words = first.split(" ")
        headers = {name.strip().lower(): value.strip()
                   for name, _, value in (line.partition(":") for line in rest)}  # fmt: skip
        if len(words) != 3 or not words[2].startswith("HTTP/1."):  # noqa: PLR2004 - method, target, version
            return 400, "this is not HTTP\n"
        if words[0] not in ("GET", "HEAD"):
            return 405, "only GET\n"
        if not self._token and not self._ours(headers.get("host", "")):
            return 421, "asked for another host\n"
        if not self._shown(headers.get("authorization", "")):
            return 401, "show the token: Authorization: Bearer ...\n"
        if words[1].partition("?")[0] != "/metrics":
            return 404, "the metrics are at /metrics\n"
        return self._figures()

    def _figures(self) -> Said:
        line, at = self.line
        age_s = self._clock() - at
        if not line or age_s > STALE_S:
            return 503, f"the gateway has told nothing for {age_s:.0f} s\n"
        figures = json.loads(line)
        return 200, exposition.text({**figures, "figures_age_seconds": [[age_s]]})

    def _shown(self, given: str) -> bool:
        kind, _, token = given.partition(" ")
        right = hmac.compare_digest(token.strip().encode(), self._token.encode())
        return not self._token or (right and kind.lower() == "bearer")

    def _ours(self, host: str) -> bool:
        """An address or this machine's name: no stranger's page leads a browser here."""
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return name.lower() in self._own or name.lower().removesuffix(".local") in self._own
        return True


class Clients:
    """Who is being answered."""

    def __init__(
        self, answer: Callable[[bytes], Said], wrap: Callable[[socket.socket], socket.socket]
    ) -> None:
        """``wrap`` makes a secret connection of one."""
        self._answer = answer
        self._wrap = wrap
        self._places = threading.Semaphore(MOST_CLIENTS)

    def accept(self, listening: socket.socket) -> None:
        """Answer whoever comes, for ever."""
        while True:
            connection, _ = listening.accept()
            if self._places.acquire(blocking=False):
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()
            else:
                connection.close()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(HEAD_S)
            with self._wrap(connection) as wrapped:
                head = _head(wrapped)
                wrapped.settimeout(SEND_S)
                wrapped.sendall(_response(*self._answer(head), body=head[:5] != b"HEAD "))
        except (OSError, ValueError):
            pass  # it went away, or said what nobody understands: there is nobody to tell
        finally:
            connection.close()
            self._places.release()


def _head(connection: socket.socket) -> bytes:
    """Up to the empty line, within ``HEAD_S``.

    Raises:
        OSError: it does not come.
        ValueError: it is too long.
    """
    head, until = b"", time.monotonic() + HEAD_S
    while b"\r\n\r\n" not in head:
        connection.settimeout(max(0.001, until - time.monotonic()))
        some = connection.recv(MOST_HEAD)
        if not some:
            raise ConnectionResetError
        head += some
        if len(head) > MOST_HEAD:
            raise ValueError("too long")
    return head.partition(b"\r\n\r\n")[0]


_WORDS: Final = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found",
                 405: "Method Not Allowed", 421: "Misdirected Request",
                 503: "Service Unavailable"}  # fmt: skip


def _response(status: int, text: str, *, body: bool) -> bytes:
    data = text.encode()
    head = (
        f"HTTP/1.1 {status} {_WORDS[status]}\r\ncontent-type: {exposition.TYPE}\r\n"
        f"content-length: {len(data)}\r\nx-content-type-options: nosniff\r\n"
        f"cache-control: no-store\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + (data if body else b"")
