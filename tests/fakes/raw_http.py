"""A server on a raw socket that answers HTTP with whatever bytes one likes, or not at all."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.fakes.ports import free_port
from tests.fakes.waiting import wait_until


def said(status: int, body: bytes, kind: str = "application/json", *headers: str) -> bytes:
    """A whole response."""
    lines = [f"HTTP/1.1 {status} Said", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode("utf-8") + body


class RawServer:
    """Gives its answers in turn, the last one again and again; None: it says nothing."""

    def __init__(self, *answers: bytes | None, drip_s: float = 0.0) -> None:
        """``drip_s``: an answer comes byte by byte, with so long between two."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.requests: list[tuple[list[str], bytes]] = []
        """Lines of the head, and the body."""
        self._answers = list(answers)
        self._drip_s = drip_s
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._listener.settimeout(0.02)
        self._threads = [threading.Thread(target=self._run, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def wait_for_requests(self, count: int) -> None:
        wait_until(lambda: len(self.requests) >= count, f"{count} requests")

    def _run(self) -> None:
        while not self._stop.is_set():
            with suppress(TimeoutError):
                near, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(near,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, near: socket.socket) -> None:
        near.settimeout(0.02)
        waiting = b""
        with near, suppress(OSError):
            while not self._stop.is_set():
                try:
                    data = near.recv(65_536)
                except TimeoutError:
                    continue
                if not data:
                    return
                waiting = self._take(near, waiting + data)

    def _take(self, near: socket.socket, waiting: bytes) -> bytes:
        """Answer a whole request; what is left of the bytes."""
        head, end, rest = waiting.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        sizes = [line.split(":")[1] for line in lines if line.lower().startswith("content-length:")]
        size = int(sizes[0]) if sizes else 0
        if not end or len(rest) < size:
            return waiting
        self.requests.append((lines, rest[:size]))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer is not None:
            self._say(near, answer)
        return rest[size:]

    def _say(self, near: socket.socket, answer: bytes) -> None:
        near.settimeout(5)
        if not self._drip_s:
            near.sendall(answer)
        for byte in answer if self._drip_s else b"":
            near.sendall(bytes([byte]))
            if self._stop.wait(self._drip_s):
                return
        whole = b"Content-Length" in answer and b"Length: -" not in answer
        if not whole and b"established" not in answer:
            near.shutdown(socket.SHUT_RDWR)
        near.settimeout(0.02)
