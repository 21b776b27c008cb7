"""Events: what changes on the board, sent to a page for as long as it is open.

Server-sent events (HTML, 9.2). ``all`` is the whole view, ``some`` what changed; both are one JSON
object. Between two frames lies a breath, so that a busy plant costs a page no more than
1/``BREATH_S`` frames per second. Who does not read for ``SLOW_S`` is dropped: he comes back by
himself, and begins with ``all``.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.web.board import FIRST, Board
from gateway.web.guard import Receive, Scope, Send

BREATH_S: Final = 0.5
SLOW_S: Final = 5.0
QUIET_S: Final = 15.0
"""After so long without a change a comment shows that the line is alive."""


class Ticks:
    """Wakes everybody at once when something has changed, with a breath between two times."""

    def __init__(self, changed: asyncio.Event) -> None:
        """``changed`` is set by whoever changes the board."""
        self._changed = changed
        self._tick = asyncio.Event()

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            tick, self._tick = self._tick, asyncio.Event()
            tick.set()
            await asyncio.sleep(BREATH_S)

    @property
    def coming(self) -> asyncio.Event:
        """The next change: take it before looking, or one that comes meanwhile is missed."""
        return self._tick

    async def wait(self, coming: asyncio.Event) -> bool:
        """Wait for a change, but not for ever; whether there was one."""
        try:
            async with asyncio.timeout(QUIET_S):
                await coming.wait()
        except TimeoutError:
            return False
        return True


class Audience:
    """Those who are told; only so many."""

    def __init__(self, most: int) -> None:
        """Nobody is here."""
        self._most = most
        self.count = 0
        self.dropped = 0
        """Did not read."""

    @property
    def full(self) -> bool:
        """Nobody else is let in."""
        return self.count >= self._most


class Stream:
    """One page that listens: an ASGI response."""

    def __init__(
        self,
        board: Board,
        view: str,
        ticks: Ticks,
        audience: Audience,
        welcome: Callable[[], bool],
    ) -> None:
        """``welcome``: whether who listens still may."""
        self._board = board
        self._view = view
        self._ticks = ticks
        self._audience = audience
        self._welcome = welcome

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tell it until it goes, is too slow, or may not any more."""
        self._audience.count += 1
        telling = asyncio.create_task(self._tell(send), name="telling")
        leaving = asyncio.create_task(_gone(receive), name="leaving")
        try:
            await asyncio.wait({telling, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if telling.done() and isinstance(telling.exception(), TimeoutError):
                self._audience.dropped += 1
                scope["abort"]()
                await asyncio.sleep(0)  # the connection hears of its end, before this response's
                await asyncio.sleep(0)
        finally:
            self._audience.count -= 1
            telling.cancel()
            leaving.cancel()

    async def _tell(self, send: Send) -> None:
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"x-accel-buffering", b"no"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        since, name = FIRST - 1, "all"
        while self._welcome():
            seq, coming = self._board.seq, self._ticks.coming
            frame = self._board.frame(self._view, since)
            if frame or name == "all":
                await _send(send, f"event: {name}\ndata: {frame or '{}'}\n\n")
            since, name = seq, "some"
            if not await self._ticks.wait(coming):
                await _send(send, ":\n\n")
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send(send: Send, text: str) -> None:
    async with asyncio.timeout(SLOW_S):
        await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
