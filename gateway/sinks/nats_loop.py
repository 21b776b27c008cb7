"""The client of NATS is asyncio: it runs on a thread of its own, and nothing else does.

The thread is needed, for the server pings and the client has to answer, also while nothing is sent.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any, Final, TypeVar

T = TypeVar("T")
_FAREWELL_S: Final = 2.0
_END_S: Final = 0.2


class LoopError(Exception):
    """Nothing came back: it took too long, or the loop was stopped."""


class Loop:
    """An event loop on a thread."""

    def __init__(self, name: str, farewell: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """``farewell`` is the last that runs on it."""
        self._farewell = farewell
        self._loop = asyncio.new_event_loop()
        self._open = True
        self._door = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def run(self, what: Coroutine[Any, Any, T], timeout_s: float) -> T:
        """Wait for what it gives.

        Raises:
            LoopError: it took too long, or the loop was stopped.
        """
        with self._door:
            if not self._open:
                what.close()
                raise LoopError("closed")
            future = asyncio.run_coroutine_threadsafe(_within(what, timeout_s), self._loop)
        try:
            return future.result()
        except TimeoutError as error:
            raise LoopError(f"no answer within {timeout_s:g} s") from error
        except CancelledError as error:
            raise LoopError("closed") from error

    def stop(self) -> None:
        """End what runs on it, and it; from any other thread."""
        with self._door:
            if self._open:
                self._open = False
                self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._loop.run_forever()
            for last in (_within(self._farewell(), _FAREWELL_S), _end_all()):
                with suppress(TimeoutError):
                    self._loop.run_until_complete(last)
        finally:
            self._loop.close()


async def _end_all() -> None:
    """Let what is about to end do so, so that no socket is left open; cancel the rest."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for cancel in (False, True):
        if left:
            _, left = await asyncio.wait(left, timeout=_END_S)
        for task in left if not cancel else ():
            task.cancel()
    await asyncio.sleep(0)  # transports close in the loop's next turn


async def _within(what: Coroutine[Any, Any, T], timeout_s: float) -> T:
    """Not ``wait_for``: that waits on for who catches the cancellation, as the client does.

    Raises:
        TimeoutError: it took too long.
    """
    task = asyncio.ensure_future(what)
    try:
        done, _ = await asyncio.wait({task}, timeout=timeout_s)
        if not done:
            raise TimeoutError
        return task.result()
    finally:
        task.cancel()
