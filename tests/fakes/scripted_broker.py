"""A broker that says what it is told to say: for what a real one does only in bad weather."""

import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

CONNACK_5 = bytes.fromhex("20 03 00 00 00")
REFUSED_5 = bytes.fromhex("20 03 00 84 00")
REFUSED_3 = bytes.fromhex("20 02 00 01")
CONNACK_3 = bytes.fromhex("20 02 00 00")
TAKEN_OVER = bytes.fromhex("e0 02 8e 00")


class ScriptedBroker:
    """Answers the n-th connection's CONNECT with the n-th script, then waits or hangs up.

    A script is bytes to send; None means to stay mute. The last script serves all that follow.
    """

    def __init__(self, *scripts: bytes | None, hang_up: bool = False) -> None:
        self.connects: list[bytes] = []
        """The CONNECT of each connection."""
        self.said: list[bytes] = []
        """Everything that clients said after it."""
        self._scripts: Sequence[bytes | None] = scripts
        self._hang_up = hang_up
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
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
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        for sock in self._open:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    @property
    def versions(self) -> list[int]:
        """The protocol level of each CONNECT."""
        return [connect[connect.index(b"MQTT") + 4] for connect in self.connects]

    def _run(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError):
            self.connects.append(sock.recv(65_536))
            script = self._scripts[min(len(self.connects), len(self._scripts)) - 1]
            if script:
                sock.sendall(script)
            if self._hang_up:
                sock.shutdown(socket.SHUT_RDWR)
            while data := sock.recv(65_536):
                self.said.append(data)
