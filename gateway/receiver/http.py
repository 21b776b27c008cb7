"""HTTP: two routes by starlette, on uvicorn.

``async`` as starlette wants it, and nothing else here is: a handler reads the body, within bounds
of size and time, and hands it to a thread. Only so many threads work at once, since what a batch
unpacks to is the memory of this process.
"""

import gzip
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import anyio
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.core.batch_answers import key, response
from gateway.core.batches import Answer, Cursor, Header, Stream
from gateway.errors import DecodeError, SinkGapError, SinkUnavailableError, StoreError
from gateway.receiver.desk import Desk, rejected
from gateway.receiver.names import is_sound
from gateway.receiver.tokens import Tokens

MOST_BYTES: Final = 8 * 1024 * 1024
"""Of a request's body."""
WORKERS: Final = 2
"""Batches that are unpacked and stored at once; the interpreter does not work on more anyway."""
MOST_HELD: Final = 128 * 1024 * 1024
"""Bytes of bodies that are here, or announced; more are sent away with 503."""
LEAST_BYTES_PER_S: Final = 512
"""A body that comes slower holds its place for nothing."""
BODY_S: Final = 30.0
GZIP: Final = b"\x1f\x8b"
BUSY_S: Final = 1
STORE_S: Final = 15
"""When to try again after the store failed."""


class _RequestError(Exception):
    """What ends a request before it is looked at."""

    def __init__(self, status: int, error: str, **headers: str) -> None:
        super().__init__(error)
        self.answer = _refusal(status, error, **headers)


def application(desk: Desk, tokens: Tokens) -> Starlette:
    """The routes."""
    room = _Room()

    async def batches(request: Request) -> Response:
        try:
            allowed = _allowed(request, tokens)
            size = _announced(request)
            with room.of(size):
                body = await _body(request, size)
                given = request.headers.get("idempotency-key", "")
                return await _in_thread(_take, desk, body, given, allowed)
        except _RequestError as error:
            return error.answer
        except ClientDisconnect:
            return _refusal(400, "the body ended early")

    async def cursor(request: Request) -> Response:
        try:
            allowed = _allowed(request, tokens)
            stream = Stream(*(request.query_params.get(name, "") for name in Stream._fields))
            if not is_sound(stream):
                return _refusal(400, "gateway, epoch and lane are needed")
            if why := _stranger(allowed, stream):
                return _refusal(403, why)
            return await _in_thread(_ask, desk, stream)
        except _RequestError as error:
            return error.answer

    routes = [
        Route("/v1/batches", batches, methods=["POST"]),
        Route("/v1/cursor", cursor, methods=["GET"]),
    ]
    return Starlette(routes=routes, exception_handlers={404: _not_found, 405: _not_found})


class _Room:
    """How much of bodies is held; slow lines hold little, so many of them fit."""

    def __init__(self) -> None:
        self._held = 0

    @contextmanager
    def of(self, size: int) -> Iterator[None]:
        """Room for a body.

        Raises:
            _RequestError: there is none now.
        """
        if self._held + size > MOST_HELD:
            raise _RequestError(503, "busy", retry_after=str(BUSY_S))
        self._held += size
        try:
            yield
        finally:
            self._held -= size


def _take(desk: Desk, body: bytes, given: str, allowed: str) -> Response:
    """Store a batch; what happens to it as a response.

    Args:
        desk: takes it.
        body: of the request.
        given: its Idempotency-Key; a refusal names it, so that no proxy's can be taken for ours.
        allowed: the gateway it speaks for; empty: any.
    """

    def check(header: Header) -> str:
        if given and given != key(header.id):
            raise DecodeError("key", f"Idempotency-Key is {given}, the batch is {key(header.id)}")
        return _stranger(allowed, header.stream)

    if not body.startswith(GZIP):  # a proxy on the way has unpacked it
        body = gzip.compress(body, 1)
    try:
        _, answer = desk.take(body, check)
    except DecodeError as error:
        rejected(body, error, "http")
        status = 413 if error.reason == "size" else 400
        return JSONResponse({"error": str(error), "batch": given}, status)
    except PermissionError as error:
        return _refusal(403, str(error))
    except SinkUnavailableError as error:
        return _refusal(429, str(error), retry_after=str(math.ceil(error.wait_s)))
    except SinkGapError as gap:
        return _said(Answer(Cursor(gap.seq, gap.position)), 409)
    except StoreError as error:
        return _refusal(503, str(error), retry_after=str(STORE_S))
    return _said(answer)


def _ask(desk: Desk, stream: Stream) -> Response:
    try:
        return _said(Answer(desk.cursor(stream)))
    except StoreError as error:
        return _refusal(503, str(error), retry_after=str(STORE_S))


_THREADS: dict[str, anyio.CapacityLimiter] = {}


async def _in_thread(work: Callable[..., Response], *arguments: Any) -> Response:
    limiter = _THREADS.setdefault(work.__name__, anyio.CapacityLimiter(WORKERS))
    return await anyio.to_thread.run_sync(lambda: work(*arguments), limiter=limiter)


def _allowed(request: Request, tokens: Tokens) -> str:
    """For which gateway the request speaks; empty: for any.

    Raises:
        _RequestError: for none.
    """
    gateway = tokens.gateway_of(request.headers.get("authorization", ""))
    if gateway is None:
        raise _RequestError(401, "no token, or an unknown one", www_authenticate="Bearer")
    return gateway


def _stranger(allowed: str, stream: Stream) -> str:
    return f"the token is for gateway {allowed}" if allowed not in ("", stream.gateway) else ""


def _announced(request: Request) -> int:
    """How long the body will be; without a word of it, as long as one may be.

    Raises:
        _RequestError: too long.
    """
    length = request.headers.get("content-length", "")
    size = int(length) if length.isdecimal() and length.isascii() else MOST_BYTES
    if size > MOST_BYTES:
        raise _too_long()
    return size


async def _body(request: Request, size: int) -> bytes:
    """The whole body.

    Raises:
        _RequestError: it is too long, or too slow.
    """
    found = bytearray()
    with anyio.move_on_after(BODY_S + size / LEAST_BYTES_PER_S) as span:
        async for chunk in request.stream():
            found += chunk
            if len(found) > MOST_BYTES:
                raise _too_long()
    if span.cancelled_caught:
        raise _RequestError(408, "the body came too slowly", connection="close")
    return bytes(found)


def _too_long() -> _RequestError:
    return _RequestError(413, f"a batch has at most {MOST_BYTES} bytes", connection="close")


def _said(answer: Answer, status: int = 200) -> Response:
    return Response(response(answer), status, media_type="application/json")


def _refusal(status: int, error: str, **headers: str) -> Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return JSONResponse({"error": error}, status, names)


def _not_found(_request: Request, error: Exception) -> Response:
    return _refusal(getattr(error, "status_code", 404), "POST /v1/batches, GET /v1/cursor")
