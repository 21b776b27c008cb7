"""Batches by HTTP(S): to our own receiver, or as gzipped lines of JSON to anything that takes them.

Our receiver (``edge-gateway receiver``, docs/receiver.md)::

    GET  <url>/v1/cursor?gateway=..&epoch=..&lane=..
    POST <url>/v1/batches        Idempotency-Key: <batch id>, Content-Encoding: gzip

A foreign endpoint (``receiver: false``) is one POST to ``url`` with the same body and headers, and
any 2xx is its word that it has the rows, but a web page: what stands between us and it (a captive
portal, a proxy) answers 200, too.

What a status means is a table, ``MEANINGS``. Only what is said about the batch itself refuses it: a
wrong token or address, a proxy's 400 or a line that garbles are not the batch's fault.
"""

import json
import ssl
from collections.abc import Mapping
from typing import Final, NoReturn
from urllib.parse import urlencode

from gateway.core.batch_answers import key, read_response
from gateway.core.batches import Answer, Batch, Cursor, Stream
from gateway.errors import DecodeError, SinkGapError, SinkRefusedError, SinkUnavailableError
from gateway.sinks import tls
from gateway.sinks.http_line import Line, LineError, Reply
from gateway.sinks.http_settings import Settings, place_of

CONTENT_TYPE: Final = "application/x-ndjson"


_Settings = Settings

_GAP: Final = "gap"
_REFUSED: Final = "refused"
MEANINGS: Final[Mapping[int, str]] = {
    400: _REFUSED,
    401: "the token is wrong or missing: token_file",
    403: "the token may not do this, or not for this gateway: token_file",
    404: "nothing is there: check url, or say receiver: false",
    405: "it takes no batches there: check url, or say receiver: false",
    407: "the proxy wants credentials",
    409: _GAP,
    413: _REFUSED,
    415: _REFUSED,
    422: _REFUSED,
}
"""Of a status (RFC 9110): gap, refused, or what a person should look at. 2xx is an answer, and with
any other the same bytes are sent again."""


class Sink:
    """One stream to one URL, over a connection that is kept."""

    Settings = _Settings

    def __init__(self, settings: _Settings, stream: Stream) -> None:
        self._settings = settings
        self._stream = stream
        self._place = place_of(settings.url)
        self._line: Line | None = None
        self._headers: dict[str, str] = {}
        self._doubted = ""
        """Batch that a foreign endpoint refused once."""

    def cursor(self) -> Cursor | None:
        """Connect anew and ask; None where ``receiver`` is false.

        Raises:
            SinkUnavailableError: it cannot be reached, does not let us in, or is no receiver.
        """
        self.close()
        self._open()
        if not self._settings.receiver:
            return None
        asked = f"{self._place.path}/v1/cursor?{urlencode(self._stream._asdict())}"
        reply = self._ask("GET", asked, b"", {})
        if reply.status != 200:  # noqa: PLR2004
            self._complain(reply)
        return self._said(reply).cursor

    def send(self, batch: Batch) -> Answer:
        """Post it and wait for the answer.

        Raises:
            SinkUnavailableError: nobody knows whether it was taken.
            SinkGapError: the receiver is elsewhere.
            SinkRefusedError: it will never take this batch.
        """
        path = self._place.path
        target = f"{path}/v1/batches" if self._settings.receiver else path or "/"
        headers = {
            "Content-Type": CONTENT_TYPE,
            "Content-Encoding": "gzip",
            "Idempotency-Key": key(batch.id),
        }
        reply = self._ask("POST", target, batch.payload, headers)
        if MEANINGS.get(reply.status) == _REFUSED and self._refuses(reply, batch):
            raise SinkRefusedError(f"answered {reply.status} {reply.reason}{_reason(reply)}")
        if not 200 <= reply.status < 300:  # noqa: PLR2004
            self._complain(reply)
        if self._settings.receiver:
            return self._taken(reply, batch)
        if reply.is_page:
            self._fail("a web page answered: is a captive portal or a proxy between?")
        if not reply.whole:
            self._fail("its answer was cut short, or does not say how long it is")
        return Answer(batch.header.cursor)

    def close(self) -> None:
        """Let the connection go; a request of another thread ends with it."""
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def _open(self) -> None:
        settings = self._settings
        try:
            token = _first_line(settings.token_file) if settings.token_file else ""
            context = _context(settings) if self._place.tls else None
        except (OSError, UnicodeError, ValueError) as error:
            raise SinkUnavailableError(f"a file cannot be used: {error}") from error
        self._headers = {"User-Agent": "edge-gateway", "Accept": "application/json"}
        if token and settings.token_header:
            self._headers[settings.token_header] = token
        elif token:
            self._headers["Authorization"] = f"Bearer {token}"
        proxy = place_of(settings.proxy) if settings.proxy else None
        self._line = Line(
            self._place, context, proxy, settings.connect_timeout_s, settings.timeout_s
        )

    def _ask(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        line = self._line
        if line is None:
            raise SinkUnavailableError("not connected")
        try:
            return line.ask(method, target, body, {**self._headers, **headers})
        except LineError as error:
            self.close()
            raise SinkUnavailableError(str(error)) from error

    def _taken(self, reply: Reply, batch: Batch) -> Answer:
        """The receiver's answer, if it says that it has the batch."""
        answer = self._said(reply)
        if answer.cursor.seq < batch.header.last:
            self._fail(f"answered {reply.status}, and its cursor is at {answer.cursor.seq}")
        return answer

    def _said(self, reply: Reply) -> Answer:
        try:
            return read_response(reply.body)
        except DecodeError as error:
            self._fail(f"answered {reply.status}, and it is no receiver of ours: {error.detail}")

    def _complain(self, reply: Reply) -> NoReturn:
        """What a status other than 2xx means.

        Raises:
            SinkError: always.
        """
        meaning = MEANINGS.get(reply.status, "")
        if meaning == _GAP and self._settings.receiver:
            raise SinkGapError(*self._said(reply).cursor)
        advice = "" if meaning in (_GAP, _REFUSED) else meaning
        told = f"answered {reply.status} {advice or reply.reason}{_reason(reply)}"
        self._fail(told, reply.retry_after_s)

    def _refuses(self, reply: Reply, batch: Batch) -> bool:
        """Whether this is about the batch: a proxy or a bad line gets the same statuses.

        Our receiver names the batch that it refuses; a foreign one has to say it twice.
        """
        if self._settings.receiver:
            return _told(reply).get("batch") == key(batch.id)
        again, self._doubted = self._doubted == batch.id, batch.id
        return again and not reply.is_page

    def _fail(self, message: str, wait_s: float = 0.0) -> NoReturn:
        self.close()
        raise SinkUnavailableError(f"{self._settings.url}: {message}", wait_s)


def _context(settings: Settings) -> ssl.SSLContext:
    shown = tls.Tls(settings.ca_file, settings.cert_file, settings.key_file)
    return tls.context(shown, settings.connect_timeout_s)


def _first_line(file: str) -> str:
    with open(file, encoding="ascii") as opened:  # noqa: PTH123  # pathlib costs an import
        line = opened.readline(4096).strip()
    if not line.isprintable():
        raise ValueError(f"{file}: its first line is no token")
    return line


def _told(reply: Reply) -> Mapping[str, object]:
    """What a receiver says in an error; nothing of a page."""
    try:
        told = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _reason(reply: Reply) -> str:
    said = _told(reply).get("error")
    return f": {str(said)[:200]}" if said else ""
