"""A TCP line on loopback that carries little upwards, and everything downwards."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

PIECE = 64


class SlowLine:
    """Forwards to one port, so many bytes a second."""

    def __init__(self, target: int, bytes_per_s: float) -> None:
        self._target, self._pause_s = target, PIECE / bytes_per_s
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._ended = threading.Event()
        self._ends: list[socket.socket] = [self._listener]
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._begin(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for end in self._ends:
            end.close()

    def _begin(self, run: object, *given: object) -> None:
        thread = threading.Thread(target=run, args=given, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                self._ends += [near, far]
                self._begin(self._carry, near, far, self._pause_s)
                self._begin(self._carry, far, near, 0.0)

    def _carry(self, source: socket.socket, target: socket.socket, pause_s: float) -> None:
        with suppress(OSError):
            while data := source.recv(PIECE if pause_s else 65_536):
                target.sendall(data)
                if self._ended.wait(pause_s):
                    return
            target.shutdown(socket.SHUT_WR)
