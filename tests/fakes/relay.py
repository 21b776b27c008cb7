"""A TCP relay on loopback that does to a connection what networks do: by order, or by lot.

By order: ``losing(b"COMMIT")`` lets what a client says pass, and ends the connection instead of
handing on the answer to what holds those bytes. ``freeze`` swallows, ``cut`` ends what there is.
By lot: ``odds`` of a chunk to be delayed, cut short, swallowed, or to end the connection.
"""

import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from select import select
from types import TracebackType
from typing import Self

from tests.fakes.ports import free_port

FAULTS = ("delayed", "cut", "truncated", "swallowed")


class Relay:
    """Forwards from its own port to a target."""

    def __init__(self, target: int, odds: float = 0.0, seed: int = 0) -> None:
        self.port = free_port()
        self.swap = (b"", b"")
        """Bytes in what the target says, and others of the same length in their place."""
        self.done: Counter[str] = Counter()
        """How often which fault came about, and ``connections``."""
        self.odds = odds
        self.target = target
        self._random = random.Random(seed)
        self._losing = b""
        self._frozen = False
        self._generation = 0
        self._stop = threading.Event()
        self._listening = True
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    @contextmanager
    def losing(self, mark: bytes) -> Iterator[None]:
        """While it lasts, what answers ``mark`` is lost."""
        self._losing = mark
        yield
        self._losing = b""

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """While it lasts, everything is swallowed and nothing ends."""
        self._frozen = True
        yield
        self._frozen = False
        self.cut()

    def cut(self) -> None:
        """End the connections there are."""
        self._generation += 1

    def away(self, *, on: bool) -> None:
        """End every connection as soon as it is made, and those there are."""
        self._listening = not on
        self.cut()

    def _accept(self) -> None:
        while not self._stop.is_set():
            if not select([self._listener], [], [], 0.02)[0]:
                continue
            near, _ = self._listener.accept()
            if not self._listening:
                near.close()
                continue
            self.done["connections"] += 1
            thread = threading.Thread(target=self._serve, args=(near,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, near: socket.socket) -> None:
        with near, suppress(OSError), socket.create_connection(("127.0.0.1", self.target)) as far:
            for sock in (near, far):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._forward(near, far, self._generation)

    def _forward(self, near: socket.socket, far: socket.socket, generation: int) -> None:
        marked = False
        while not self._stop.is_set() and generation == self._generation:
            for sock in select([near, far], [], [], 0.02)[0]:
                data = sock.recv(65_536)
                if not data:
                    return
                if self._frozen:
                    continue
                if sock is near and self._losing:
                    marked = marked or self._losing in data
                elif marked:
                    self.done["lost"] += 1
                    return
                if sock is far and self.swap[0]:
                    data = data.replace(*self.swap)
                if not self._pass(data, far if sock is near else near):
                    return

    def _pass(self, data: bytes, to: socket.socket) -> bool:
        """Hand it on, or not quite; False: that was all."""
        fault = self._fault()
        if fault == "delayed":
            time.sleep(self._random.uniform(0.01, 0.2))
        elif fault == "truncated":
            to.sendall(data[: self._random.randrange(len(data))])
        elif fault == "swallowed":
            return True
        if fault in ("cut", "truncated"):
            with suppress(OSError):  # with a reset, not with an orderly end
                to.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return False
        to.sendall(data)
        return True

    def _fault(self) -> str:
        if self._random.random() >= self.odds:
            return ""
        fault = self._random.choice(FAULTS)
        self.done[fault] += 1
        return fault
