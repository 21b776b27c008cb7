"""Wakes a thread that waits in poll()."""

import select
import socket
from contextlib import suppress


class Waker:
    """A flag with a file descriptor: any thread sets it, one thread waits on it."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.settimeout(0)
        self._writer.settimeout(0)
        self._is_set = False

    def fileno(self) -> int:
        """The descriptor that becomes readable."""
        return self._reader.fileno()

    def set(self) -> None:
        """Wake the waiting thread; cheap while it is still waking up."""
        if self._is_set:
            return
        self._is_set = True
        try:
            self._writer.send(b"\0")
        except OSError:  # closed, or the buffer is full: then it is readable already
            return

    def clear(self) -> None:
        """Forget the flag; call it before looking at what the flag announces."""
        with suppress(BlockingIOError):
            self._reader.recv(64)
        self._is_set = False

    def wait(self, timeout_s: float) -> None:
        """Wait until the flag is set or the time is over, and clear it."""
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        if poll.poll(max(0, timeout_s) * 1000):
            self.clear()

    def close(self) -> None:
        """Release both descriptors; later calls of ``set`` do nothing."""
        self._reader.close()
        self._writer.close()
