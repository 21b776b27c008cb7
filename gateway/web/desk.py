"""Desk: what every route works on, and who may use which.

A viewer sees; an operator decides, too, and only from our own page.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.core import documents
from gateway.errors import DecodeError, StoreError
from gateway.web.accounts import Accounts, Who
from gateway.web.board import Board
from gateway.web.events import Audience, Ticks
from gateway.web.guard import proven
from gateway.web.spec import Spec
from gateway.web.wire import Wire

COOKIE: Final = "edge-session"
MOST_BODY: Final = 16_384
READERS: Final = 2
"""Reads of the database at once; more wait."""
BODY_S: Final = 10.0

T = TypeVar("T")
Answer = Callable[[Request], Awaitable[Response]]


def refusal(status: int, error: str) -> Response:
    """Why something is not done."""
    return JSONResponse({"error": error}, status)


class Desk:
    """What the routes work on."""

    def __init__(self, spec: Spec, board: Board, wire: Wire, accounts: Accounts) -> None:
        """Nobody is here yet."""
        self.spec = spec
        self.board = board
        self.wire = wire
        self.accounts = accounts
        self.ticks = Ticks(wire.changed)
        self.audience = Audience(spec.clients)
        self._readers = anyio.CapacityLimiter(READERS)

    def who(self, request: Request) -> Who:
        """Who asks."""
        return self.accounts.who(request.cookies.get(COOKIE, ""))

    async def read(self, work: Callable[..., T], *given: Any) -> T:
        """Read the database in a thread.

        Raises:
            StoreError: it cannot be read.
        """
        call = partial(work, Path(self.spec.database), *given)
        return await anyio.to_thread.run_sync(call, limiter=self._readers)


# -- who may -------------------------------------------------------------------------------------


def shown(desk: Desk, endpoint: Callable[[Desk, Request], Awaitable[Any]]) -> Answer:
    """For viewers and operators."""

    async def answer(request: Request) -> Response:
        if not desk.who(request).role:
            return refusal(401, "sign in")
        try:
            found: Response = await endpoint(desk, request)
        except StoreError as error:
            return refusal(503, str(error))
        return found

    return answer


async def operated(
    desk: Desk, endpoint: Callable[[Desk, Request], Awaitable[Response]], request: Request
) -> Response:
    """For operators."""
    who = desk.who(request)
    if not who.role:
        return refusal(401, "sign in")
    if who.role != "operator":
        return refusal(403, "this is for operators")
    return await endpoint(desk, request)


def done(desk: Desk, endpoint: Callable[[Desk, Request], Awaitable[Response]]) -> Answer:
    """For operators, from our own desk."""

    async def answer(request: Request) -> Response:
        if not proven(desk.who(request), request.headers):
            return refusal(403, "the page is out of date: load it again")
        return await operated(desk, endpoint, request)

    return answer


async def body(request: Request, most: int = MOST_BODY) -> Any:
    """The JSON of a request.

    Raises:
        ValueError: it is none, is too long, or does not come.
    """
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise ValueError("should be application/json")
    found = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.stream():
                found += chunk
                if len(found) > most:
                    raise ValueError("too long")
    except TimeoutError:
        raise ValueError("the body came too slowly") from None
    try:
        return documents.load(bytes(found), max_bytes=most) if found else {}
    except DecodeError as error:
        raise ValueError(f"not JSON: {error}") from error
