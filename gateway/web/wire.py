"""The wire to the daemon: documents come in, what people ask for goes out, answers come back.

A line in is a topic, a space and JSON; of an answer the topic is ``answer/<number>``. A line out is
one JSON object.
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from itertools import count
from typing import Any, Final

from gateway.web.board import Board

MOST_LINE: Final = 4 * 1024**2
ANSWER_S: Final = 20.0
MOST_ASKED: Final = 16
"""Requests that wait for an answer."""


class BusyError(Exception):
    """Too much is asked, or nobody answers."""


class Wire:
    """Both ways."""

    def __init__(self, board: Board) -> None:
        """Documents go to the board."""
        self._board = board
        self._numbers = count(1)
        self._asked: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self.changed = asyncio.Event()

    async def run(self) -> None:
        """Hear the daemon until it is gone."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=MOST_LINE)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
        async for line in reader:
            self._hear(line.decode().rstrip("\n"))

    def _hear(self, line: str) -> None:
        topic, _, text = line.partition(" ")
        if not topic.startswith("answer/"):
            self._board.take(topic, text)
            self.changed.set()
            return
        asked = self._asked.pop(topic.removeprefix("answer/"), None)
        if asked is not None and not asked.done():
            asked.set_result(json.loads(text))

    async def ask(self, name: str, asset: str, fields: Mapping[str, object]) -> dict[str, Any]:
        """Have something done; ``data`` or ``error``.

        Raises:
            BusyError: nobody answers, or too many wait.
        """
        if len(self._asked) >= MOST_ASKED:
            raise BusyError("too many requests wait: ask again")
        number = str(next(self._numbers))
        asked: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[number] = asked
        self.tell({"ask": number, "name": name, "asset": asset, "fields": dict(fields)})
        try:
            async with asyncio.timeout(ANSWER_S):
                return await asked
        except TimeoutError:
            raise BusyError(
                "no answer yet: look whether it was done before you ask again"
            ) from None
        finally:
            self._asked.pop(number, None)

    def tell(self, what: Mapping[str, object]) -> None:
        """A line to the daemon."""
        sys.stdout.write(json.dumps(what, ensure_ascii=False) + "\n")
        sys.stdout.flush()
