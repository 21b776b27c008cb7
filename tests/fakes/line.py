"""A TCP line on loopback that can be cut, and mended, and that may break and stall by itself."""

import random
import select
import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self


class Line:
    """Forwards to one port while it is whole."""

    def __init__(
        self, target: int, *, chance: random.Random | None = None, breaks: float = 0.0
    ) -> None:
        """``breaks``: how often a piece of data ends its connection, and how often it waits."""
        self._target, self._chance, self._breaks = target, chance, breaks
        self._stop = threading.Event()
        self._whole = True
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._ends: dict[socket.socket, socket.socket] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.broken = 0
        """Connections that ended because the line did it."""

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
        for one in [self._listener, *self._ends]:
            one.close()

    def cut(self) -> None:
        """End all connections; new ones are ended at once."""
        self._whole = False

    def mend(self) -> None:
        """New connections work."""
        self._whole = True

    def _run(self) -> None:
        while not self._stop.is_set():
            if not self._whole:
                for end in list(self._ends):
                    self._close(end)
            ready, _, _ = select.select([self._listener, *self._ends], [], [], 0.02)
            for one in ready:
                if one is self._listener:
                    self._join()
                elif one in self._ends:
                    self._forward(one)

    def _join(self) -> None:
        near, _ = self._listener.accept()
        try:
            if not self._whole:
                raise ConnectionError
            far = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            near.close()
            return
        self._ends |= {near: far, far: near}

    def _forward(self, one: socket.socket) -> None:
        data = b""
        with suppress(OSError):
            data = one.recv(65_536)
        if data and self._chance is not None and self._chance.random() < self._breaks:
            if self._chance.random() < 0.5:
                self.broken += 1
                data = b""
            else:
                time.sleep(self._chance.uniform(0, 0.2))
        if not data:
            self._close(one)
            return
        with suppress(OSError):
            self._ends[one].sendall(data)

    def _close(self, one: socket.socket) -> None:
        other = self._ends.pop(one, None)
        if other is not None:
            self._ends.pop(other, None)
            other.close()
        one.close()
