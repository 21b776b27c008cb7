"""One kept HTTP/1.1 connection with a deadline for each whole request, by ``http.client``.

The time-outs of the standard library hold for one ``recv``: a server that sends a byte now and then
keeps a thread for ever. Here a timer shuts the socket when the time of the whole request is over;
the same way ``close`` ends a request that another thread is in.
"""

import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final, NamedTuple

MOST_BYTES: Final = 4 * 1024 * 1024
"""Of an answer; what is longer is none of a receiver."""
LONGEST_WAIT_S: Final = 3_600.0
SLOWEST_BYTES_PER_S: Final = 1_000
"""Of an uplink: GPRS on a bad day."""


class Place(NamedTuple):
    """Where a URL points."""

    host: str
    port: int
    path: str
    tls: bool


class LineError(Exception):
    """No whole answer came."""


class Reply(NamedTuple):
    """What came back."""

    status: int
    reason: str
    kind: str
    """Its Content-Type."""
    retry_after: str
    date: str
    whole: bool
    """It said how long it is, and was so long: a line that was cut cannot look like it."""
    body: bytes

    @property
    def is_page(self) -> bool:
        """It was made for a browser, so it is not from the program we talk to."""
        return "html" in self.kind.lower() or self.body.lstrip()[:1] == b"<"

    @property
    def retry_after_s(self) -> float:
        """Retry-After (RFC 9110, 10.2.3), seconds or a date; by the server's own clock."""
        words = self.retry_after.strip()
        if words.isascii() and words.isdigit():
            return min(float(words[:9]), LONGEST_WAIT_S)
        try:
            left = parsedate_to_datetime(words) - parsedate_to_datetime(self.date)
        except (ValueError, TypeError):
            return 0.0
        return min(max(left.total_seconds(), 0.0), LONGEST_WAIT_S)


class Line:
    """A connection that is made at the first request and kept until something goes wrong."""

    def __init__(
        self,
        place: Place,
        context: ssl.SSLContext | None,
        proxy: Place | None,
        connect_timeout_s: float,
        timeout_s: float,
    ) -> None:
        """``context``: of TLS; None for plain HTTP. ``proxy``: asked to connect us."""
        self._timeout_s = timeout_s
        self._connect_timeout_s = connect_timeout_s
        self._closed = False
        self._late = False
        host, port = (proxy or place)[:2]
        made: HTTPConnection
        if context is None:
            made = HTTPConnection(host, port, connect_timeout_s)
        else:
            made = HTTPSConnection(host, port, timeout=connect_timeout_s, context=context)
        if proxy is not None:  # also for plain HTTP: then nobody rewrites what is sent
            made.set_tunnel(place.host, place.port)
        self._connection = made

    def ask(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """One request and its whole answer.

        Raises:
            LineError: it did not come, in time or at all; the line is closed.
        """
        self._late = False
        longest_s = self._timeout_s + len(body) / SLOWEST_BYTES_PER_S
        guard = threading.Timer(self._connect_timeout_s + longest_s, self._overdue)
        guard.daemon = True
        guard.start()
        try:
            return self._ask(method, target, body, headers, longest_s)
        except (OSError, HTTPException, UnicodeError, ValueError, AttributeError) as error:
            # AttributeError: http.client's own, when another thread closes in the middle
            self.close()
            raise LineError(self._why(error)) from error
        finally:
            guard.cancel()

    def _ask(
        self, method: str, target: str, body: bytes, headers: Mapping[str, str], longest_s: float
    ) -> Reply:
        connection = self._connection
        if connection.sock is None:
            connection.connect()
        if self._closed or connection.sock is None:
            raise OSError("closed")
        connection.sock.settimeout(longest_s)
        connection.request(method, target, body or None, dict(headers))
        response = connection.getresponse()
        content = response.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise OSError(f"an answer of more than {MOST_BYTES} bytes")
        if self._closed:  # the end that we made ourselves looks like the end of an answer
            raise OSError("closed")
        found = response.headers
        names = ("Content-Type", "Retry-After", "Date", "Content-Length", "Transfer-Encoding")
        kind, after, date, length, coding = (found.get(name, "") for name in names)
        whole = bool(length or coding) or response.status == HTTPStatus.NO_CONTENT
        return Reply(response.status, response.reason, kind, after, date, whole, content)

    def close(self) -> None:
        """End the connection, also under a request of another thread."""
        self._closed = True
        sock = self._connection.sock
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            self._connection.close()

    def _overdue(self) -> None:
        self._late = True
        self.close()

    def _why(self, error: Exception) -> str:
        if self._late:
            return f"no whole answer in time ({self._timeout_s:g} s and more)"
        return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
