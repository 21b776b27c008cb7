"""Where alerts arrive: a web server for webhooks and ntfy, and a mail server."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.header import decode_header, make_header
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from tests.fakes.ports import free_port


@dataclass
class Letters:
    """What arrived, as (where, title, body)."""

    port: int = 0
    heard: list[tuple[str, str, str]] = field(default_factory=list)
    status: int = 200
    """What the web server answers."""
    open: threading.Event = field(default_factory=threading.Event)
    """While it is clear, the web server does not answer at all."""
    asked: int = 0
    """Requests that came in, answered or not."""


@contextmanager
def web() -> Iterator[Letters]:
    """A web server that takes what Apprise's json and ntfy post."""
    letters = Letters()
    letters.open.set()

    class Take(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told: Any = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            letters.asked += 1
            letters.open.wait(60)
            if letters.status == 200:
                where = str(told.get("topic", self.path))
                letters.heard.append((where, told["title"], told["message"]))
            self.send_response(letters.status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Take)
    server.daemon_threads = True
    letters.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=[0.05])
    thread.start()
    yield letters
    letters.open.set()
    server.shutdown()
    thread.join(5)
    server.server_close()


@contextmanager
def mail() -> Iterator[Letters]:
    """A mail server that takes everything."""
    letters = Letters(free_port())  # aiosmtpd asks for the number that it is given

    class Take:
        async def handle_DATA(  # noqa: N802  # the library calls it so
            self, _server: object, _session: object, envelope: Any
        ) -> str:
            message = message_from_bytes(envelope.content)
            parts = [part for part in message.walk() if not part.is_multipart()]
            body = "\n".join((part.get_payload(decode=True) or b"").decode() for part in parts)
            title = str(make_header(decode_header(message["Subject"])))
            letters.heard.append((envelope.rcpt_tos[0], title, body))
            return "250 OK"

    controller = Controller(Take(), hostname="127.0.0.1", port=letters.port)
    controller.start()
    yield letters
    controller.stop()
