"""Showing: what the page asks for and nobody has to be an operator for."""

import time
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway import __version__
from gateway.web import history, learnt
from gateway.web.board import ASSETS, GATEWAY
from gateway.web.desk import Desk, refusal
from gateway.web.events import Stream

LONGEST_S: Final = 7 * 86_400
SHORTEST_S: Final = 60
SPAN_S: Final = 3_600


async def alive(_request: Request) -> Response:
    """It runs."""
    return JSONResponse({"status": "ok"})


async def missing(_request: Request, error: Exception) -> Response:
    """There is no such route."""
    return refusal(getattr(error, "status_code", 404), "there is nothing here")


async def me(desk: Desk, request: Request) -> Response:
    """Who asks, and what he has to bring."""
    who, spec = desk.who(request), desk.spec
    told = {"id": spec.gateway, "name": spec.name, "version": __version__} if who.role else {}
    return JSONResponse({**who._asdict(), "sign_in": desk.accounts.closed, "gateway": told})


async def events(desk: Desk, request: Request) -> Any:
    """What changes, for as long as the page is open."""
    view = request.query_params.get("view", ASSETS)
    if not desk.board.knows(view):
        return refusal(404, "there is no such view")
    if desk.audience.full:
        return refusal(503, "too many pages are open: this one tries again")

    def welcome() -> bool:
        return bool(desk.who(request).role)

    return Stream(desk.board, view, desk.ticks, desk.audience, welcome)


def _json(text: str) -> Response:
    return Response(text or "{}", media_type="application/json")


async def assets(desk: Desk, _request: Request) -> Response:
    """All assets at a glance."""
    return _json(desk.board.frame(ASSETS, -1))


async def gateway(desk: Desk, _request: Request) -> Response:
    """Everything about the gateway."""
    return _json(desk.board.frame(GATEWAY, -1))


async def asset(desk: Desk, request: Request) -> Response:
    """What the file says of one asset."""
    id_ = request.path_params["asset"]
    if id_ not in desk.spec.assets:
        return refusal(404, "there is no such asset")
    return JSONResponse({"asset": id_, **desk.spec.assets[id_]})


async def trends(desk: Desk, request: Request) -> Response:
    """Its curves."""
    word = request.query_params.get("span", "3600")
    asked_s = int(word) if word.isdecimal() and len(word) < len(str(LONGEST_S)) + 1 else SPAN_S
    span_s = min(max(asked_s, SHORTEST_S), LONGEST_S)
    until_ms = time.time_ns() // 1_000_000 + 1
    since_ms = until_ms - span_s * 1000
    id_ = request.path_params["asset"]
    if id_ not in desk.spec.assets:
        return refusal(404, "there is no such asset")
    return JSONResponse(await desk.read(history.trends, id_, since_ms, until_ms))


async def timeline(desk: Desk, request: Request) -> Response:
    """What was decided and commanded, and why."""
    return JSONResponse(await desk.read(history.timeline, request.path_params["asset"]))


async def models(desk: Desk, _request: Request) -> Response:
    """The versions of all models."""
    return JSONResponse(await desk.read(learnt.versions))


async def rejects(desk: Desk, _request: Request) -> Response:
    """Messages that could not be taken."""
    return JSONResponse(await desk.read(history.rejects))
