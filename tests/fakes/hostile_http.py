"""An HTTP front that answers what it likes, whether or not the server behind took the request."""

import random
import threading
import time
from collections import Counter
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.fakes.ports import free_port

FAULTS = ("500", "500 after", "429", "200 page", "200 page after", "twice", "again later", "slow")
"""``after``: the server behind took it all the same. ``again later``: it gets it once more, behind
what came meanwhile."""
PAGE = b"<html><body>Please accept our terms</body></html>"


class HostileHttp:
    """One front; ``odds`` that a request is treated badly."""

    def __init__(self, target: int, odds: float, seed: int = 0) -> None:
        self.port = free_port()
        self.done: Counter[str] = Counter()
        self._target = target
        self.odds = odds
        self._random = random.Random(seed)
        front = self

        class Request(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                front.serve(self)

            def do_POST(self) -> None:
                front.serve(self)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                """A client that was killed is nothing to tell of."""

        self._server = Server(("127.0.0.1", self.port), Request)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        asked = (request.command, request.path, body, dict(request.headers))
        fault = self._fault()
        if fault == "slow":
            time.sleep(self._random.uniform(0.1, 2.0))
        if fault in ("500", "429", "200 page"):
            return _answer(request, int(fault[:3]), PAGE if "page" in fault else b"busy")
        status, answer = self._forward(*asked)
        if fault == "twice":
            self._forward(*asked)
        if fault == "again later":
            later = threading.Timer(self._random.uniform(0.1, 1.0), self._forward, asked)
            later.daemon = True
            later.start()
        if fault in ("500 after", "200 page after"):
            return _answer(request, int(fault[:3]), PAGE if "page" in fault else b"oops")
        return _answer(request, status, answer)

    def _fault(self) -> str:
        if self._random.random() >= self.odds:
            return ""
        fault = self._random.choice(FAULTS)
        self.done[fault] += 1
        return fault

    def _forward(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self._target, timeout=10)
        try:
            connection.request(method, path, body or None, headers)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, HTTPException):
            return 502, b"nobody there"
        finally:
            connection.close()


def _answer(request: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    kind = "text/html" if body == PAGE else "application/json"
    try:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
    except OSError:
        request.close_connection = True
