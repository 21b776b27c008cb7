"""A TCP proxy on loopback that can fall silent without closing anything: a half-open line."""

import select
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.fakes.ports import free_port


class Proxy:
    """Forwards to one port until ``freeze``; then it swallows everything, both ways."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._frozen = False
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(5)
        for sock in [self._listener, *(sock for pair in self._pairs for sock in pair)]:
            sock.close()

    def freeze(self) -> None:
        """Swallow everything on the connections there are; new ones work."""
        self._frozen = True

    def _run(self) -> None:
        live: dict[socket.socket, socket.socket] = {}
        while not self._stop.is_set():
            ready, _, _ = select.select([self._listener, *live], [], [], 0.02)
            if self._frozen:
                self._frozen = False
                live.clear()
                continue
            for sock in ready:
                if sock is self._listener:
                    near, _ = self._listener.accept()
                    far = socket.create_connection(("127.0.0.1", self._target))
                    self._pairs.append((near, far))
                    live |= {near: far, far: near}
                elif sock in live:
                    self._forward(sock, live)

    def _forward(self, sock: socket.socket, live: dict[socket.socket, socket.socket]) -> None:
        other = live[sock]
        data = b""
        with suppress(OSError):
            data = sock.recv(65_536)
        if data:
            with suppress(OSError):
                other.sendall(data)
            return
        for end in (sock, other):
            live.pop(end, None)
            end.close()
