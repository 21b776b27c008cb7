"""One child process with a socket: started, asked, watched, killed. Knows nothing about models."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from gateway.core.frames import Frame, FrameError, decode
from gateway.errors import WorkerError

log = structlog.get_logger()

REAP_S: Final = 0.5
"""How long a killed child may take to disappear; one stuck in the kernel is left behind."""
READ_BYTES: Final = 1 << 20
MAX_LINES: Final = 200
"""Lines of its standard error that are logged over its whole life; the rest is dropped."""
MAX_LINE_CHARACTERS: Final = 500


class Child:
    """A running child; everything that goes wrong with it kills it and raises WorkerError.

    Used from one thread, and started from one that outlives it (``PR_SET_PDEATHSIG``).
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start ``command``; its socket's descriptor and our pid replace ``{fd}``, ``{parent}``."""
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):  # the kernel grants about 400 kB: 64 windows in one go
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, READ_BYTES)
        places = {"{fd}": str(theirs.fileno()), "{parent}": str(os.getpid())}
        words = [places.get(word, word) for word in command]
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and words
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    pass_fds=(theirs.fileno(),),
                    env=dict(environment),
                    start_new_session=True,  # a Ctrl-C on the terminal is for the daemon
                )
            except OSError as error:
                ours.close()
                raise WorkerError("died", f"cannot start: {error.strerror}") from error
        ours.settimeout(0)
        self._socket = ours
        assert self._process.stderr is not None  # noqa: S101  # asked for three lines above
        self._stderr = self._process.stderr
        os.set_blocking(self._stderr.fileno(), False)
        self._lines, self._hears = 0, True

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def running(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def ask(self, frame: bytes, deadline_s: float, descriptors: Sequence[int] = ()) -> Frame:
        """Send a frame, with open files if there are any, and wait for one.

        Blocks for at most ``deadline_s`` + ``REAP_S`` seconds.

        Raises:
            WorkerError: died, hung or garbage; the child has been killed.
        """
        until = time.monotonic() + deadline_s
        unsent, received = memoryview(frame), bytearray()
        try:
            if descriptors:  # nothing else is under way: the socket takes at least a few bytes
                unsent = unsent[socket.send_fds(self._socket, [unsent], descriptors) :]
            while (answer := decode(received)) is None:
                self._wait(until, writing=len(unsent) > 0)
                unsent = self._send(unsent)
                self._receive(received)
        except FrameError as error:
            self.kill()
            raise WorkerError("garbage", str(error)) from error
        except TimeoutError as error:
            self.kill()
            raise WorkerError("hung", f"no answer in {deadline_s:g} s") from error
        except ConnectionError as error:
            raise WorkerError("died", self._last_words()) from error
        return answer

    def hang_up(self, wait_s: float) -> None:
        """End it: politely by closing the socket, after ``wait_s`` by force."""
        self._socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(wait_s)
        self.kill()

    def kill(self) -> None:
        """End it now, and log what it last said."""
        self._process.kill()
        try:
            self._process.wait(REAP_S)
        except subprocess.TimeoutExpired:
            log.warning("worker_unkillable", pid=self.pid)
        self._listen()
        self._socket.close()
        self._stderr.close()

    def _wait(self, until: float, *, writing: bool) -> None:
        poll = select.poll()
        poll.register(self._socket, select.POLLIN | (select.POLLOUT if writing else 0))
        if self._hears:
            poll.register(self._stderr, select.POLLIN)
        left = until - time.monotonic()
        if left <= 0 or not (events := poll.poll(left * 1000)):
            raise TimeoutError
        if any(descriptor != self._socket.fileno() for descriptor, _ in events):
            self._listen()

    def _send(self, unsent: memoryview) -> memoryview:
        try:
            return unsent[self._socket.send(unsent) :] if unsent else unsent
        except BlockingIOError:
            return unsent

    def _receive(self, received: bytearray) -> None:
        try:
            data = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            raise ConnectionResetError
        received += data

    def _listen(self) -> None:
        """Log its standard error, so that the pipe never fills."""
        if self._stderr.closed:
            return
        try:
            said = os.read(self._stderr.fileno(), 65_536)
        except BlockingIOError:
            return
        self._hears = bool(said)  # a closed pipe is readable for ever
        for line in said.decode("utf-8", "replace").splitlines():
            self._lines += 1
            if self._lines <= MAX_LINES:
                log.warning("worker_spoke", pid=self.pid, text=line[:MAX_LINE_CHARACTERS])
            elif self._lines == MAX_LINES + 1:
                log.warning("worker_silenced", pid=self.pid, count=MAX_LINES)

    def _last_words(self) -> str:
        """How it ended, in words; it is reaped."""
        try:
            code = self._process.wait(REAP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return "it hung up"
        self.kill()
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"
