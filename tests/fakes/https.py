"""A static HTTPS server, as any web server is one: ranges, counts, and faults on demand."""

import http.server
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.fakes.authority import Authority

Fault = Callable[["_Handler", bytes], None]
"""Answers instead: with what would have been sent."""


class StaticServer:
    """Serves a folder on 127.0.0.1."""

    def __init__(self, folder: Path, certificates: Path) -> None:
        self.authority = Authority(certificates, "updates")
        self.ca_file = self.authority.certificate
        certificate, key = self.authority.issue("server", "IP:127.0.0.1")
        self.folder = folder
        self.asked: list[str] = []
        """Paths, in the order they were asked for."""
        self.ranges: list[str] = []
        self.sent = 0
        """Bytes of bodies."""
        self.faults: dict[str, Fault] = {}
        """By the end of the path."""
        self.gone = False
        """Hang up on everybody."""
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.site = self  # type: ignore[attr-defined]
        self._server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.url = f"https://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.02])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    def counted(self) -> tuple[int, int]:
        """Requests and bytes since it was last asked."""
        found = (len(self.asked), self.sent)
        self.asked.clear()
        self.ranges.clear()
        self.sent = 0
        return found


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """A client that hangs up is none."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        site: StaticServer = self.server.site  # type: ignore[attr-defined]
        site.asked.append(self.path)
        if site.gone:
            self.close_connection = True
            return
        file = site.folder / self.path.lstrip("/")
        fault = next((one for end, one in site.faults.items() if self.path.endswith(end)), None)
        if not file.is_file():
            self.send_error(404)
            return
        data = file.read_bytes()
        try:
            fault(self, data) if fault else self.answer(data)
        except OSError:
            self.close_connection = True

    def answer(self, data: bytes) -> None:
        """As a web server would."""
        start = self._start()
        if start >= len(data) > 0:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.put(data[start:])

    def _start(self) -> int:
        wanted = self.headers.get("Range", "")
        if wanted:
            self.server.site.ranges.append(wanted)  # type: ignore[attr-defined]
        return int(wanted.removeprefix("bytes=").rstrip("-") or 0)

    def put(self, data: bytes) -> None:
        self.wfile.write(data)
        self.server.site.sent += len(data)  # type: ignore[attr-defined]

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def endless(handler: _Handler, data: bytes) -> None:
    """More and more bytes, without saying how many."""
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.close_connection = True
    handler.put(data)
    for _ in range(400):  # 25 MiB are enough
        handler.put(b" " * 65_536)


def dripping(handler: _Handler, data: bytes) -> None:
    """A byte now and then."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    for byte in data:
        handler.put(bytes([byte]))
        time.sleep(0.02)


def silent(handler: _Handler, data: bytes) -> None:
    """It takes the request, and says nothing until the client has gone."""
    handler.close_connection = True
    with suppress(OSError):
        handler.connection.recv(1)
    del data


def cut(handler: _Handler, data: bytes) -> None:
    """The connection ends in the middle."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.put(data[: len(data) // 2])
    handler.close_connection = True


def elsewhere(handler: _Handler, data: bytes) -> None:
    """It moved, without TLS."""
    del data
    handler.send_response(302)
    handler.send_header("Location", "http://127.0.0.1:9/other")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def saying(data: bytes) -> Fault:
    """Something else than what lies there."""
    return lambda handler, _: handler.answer(data)
