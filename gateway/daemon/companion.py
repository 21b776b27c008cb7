"""A companion: a program of ours beside the daemon, as the daemon holds it while it lives.

It reads lines on its standard input, the first of which is its spec, and says lines on its output.
"""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final, Protocol, Self

from gateway.adapters.processes import environment, resident_bytes

SEEN: Final = ("TZ", "TZDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "CREDENTIALS_DIRECTORY")
"""Of our environment it sees these beside what every process of ours does: no notify socket."""
MOST_LINE: Final = 4 * 1024**2
END_S: Final = 2.0
WORDS: Final = 2_000
"""Bytes of its last words that are kept."""


class Spec(Protocol):
    """What it is told at its start."""

    def line(self) -> bytes:
        """As one line."""
        ...


class Companion:
    """One life of the process: started, told, heard, ended."""

    def __init__(self, process: Process) -> None:
        """Use ``start``."""
        self._process = process
        self._last = bytearray()
        self._errors = asyncio.create_task(self._overhear(), name="companion_errors")

    @classmethod
    async def start(cls, spec: Spec, module: str) -> Self:
        """Start it, from the thread that outlives it.

        Raises:
            OSError: it cannot be started.
        """
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", module),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            limit=MOST_LINE,
            env=environment(*SEEN, MALLOC_ARENA_MAX="2"),
            start_new_session=True,  # a Ctrl-C on the terminal is for the daemon
        )
        child = cls(process)
        assert process.stdin is not None  # noqa: S101 - asked for above
        process.stdin.write(spec.line())
        return child

    def tell(self, what: dict[str, object]) -> None:
        """Say something to it; it may be gone."""
        self.send(json.dumps(what).encode() + b"\n")

    def send(self, lines: bytes) -> None:
        """Lines that are written already; it may be gone."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.write(lines)

    @property
    def unread(self) -> int:
        """Bytes that it was told and did not take yet."""
        pipe = self._process.stdin
        return 0 if pipe is None else pipe.transport.get_write_buffer_size()

    async def lines(self) -> AsyncIterator[bytes]:
        """What it says, until it ends."""
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        with suppress(ValueError):  # a line that is too long: it is out of its mind
            async for line in self._process.stdout:
                yield line

    async def _overhear(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - asked for above
        while heard := await self._process.stderr.read(65_536):
            self._last = (self._last + heard)[-WORDS:]

    async def ended(self) -> str:
        """Wait for its end; why that came."""
        await self.end()
        await self._errors
        code = self._process.returncode or 0
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        last = bytes(self._last).decode(errors="replace").strip().rpartition("\n")[2]
        return f"{how}: {last}"[:300].removesuffix(": ")

    async def end(self) -> None:
        """End it: politely, after two seconds by force."""
        if self._process.returncode is None:
            self._signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(END_S):
                    await self._process.wait()
            except TimeoutError:
                self._signal(signal.SIGKILL)
                await self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        """Not by ``terminate``: it reaps what has just died, and nobody learns the exit code."""
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, number)

    @property
    def rss_bytes(self) -> int:
        """Resident memory; 0 when it is gone."""
        return resident_bytes(self._process.pid)
