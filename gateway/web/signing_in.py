"""Signing in and out."""

from typing import Final

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.web.desk import COOKIE, Desk, body, refusal
from gateway.web.guard import proven

GUESSING: Final = anyio.CapacityLimiter(1)
"""A guess is 16 MiB for a moment: one at a time."""
MOST_WAITING: Final = 4


async def sign_in(desk: Desk, request: Request) -> Response:
    """Look at a name and a password."""
    if not proven(desk.who(request), request.headers):
        return refusal(403, "the page is out of date: load it again")
    try:
        told = await body(request)
        name, password = str(told["name"]), str(told["password"])
    except (ValueError, KeyError, TypeError) as error:
        return refusal(400, f"name and password, please: {error}")
    busy = GUESSING.statistics().tasks_waiting >= MOST_WAITING
    if busy or not desk.accounts.may_guess(name):
        return refusal(429, "too many tries: wait a minute")
    session = await anyio.to_thread.run_sync(
        desk.accounts.sign_in, name, password, limiter=GUESSING
    )
    if not session:
        return refusal(403, "the name or the password is wrong")
    answer = JSONResponse({"status": "ok"})
    secure = bool(desk.spec.cert_file)
    answer.set_cookie(COOKIE, session, httponly=True, samesite="strict", secure=secure, path="/")
    return answer


async def sign_out(desk: Desk, request: Request) -> Response:
    """End the session."""
    if not proven(desk.who(request), request.headers):
        return refusal(403, "the page is out of date: load it again")
    desk.accounts.sign_out(request.cookies.get(COOKIE, ""))
    answer = JSONResponse({"status": "ok"})
    answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return answer
