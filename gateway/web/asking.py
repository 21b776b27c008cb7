"""Asking: what an operator decides goes to the daemon, and its answer to the page."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.web import acting
from gateway.web.desk import Desk, body, refusal
from gateway.web.wire import BusyError


async def ask(desk: Desk, request: Request) -> Response:
    """A request of people: the daemon reads it as if it had come on its ``set`` topic."""
    name, asset = request.path_params["name"], request.path_params.get("asset", "")
    if name not in acting.ACTS:
        return refusal(404, f"there are {', '.join(acting.ACTS)}")
    try:
        fields = acting.fields_of(name, await body(request), desk.who(request))
    except ValueError as error:
        return refusal(400, str(error))
    if isinstance(fields, str):
        return refusal(400, fields)
    try:
        answer = await desk.wire.ask(name, asset, fields)
    except BusyError as error:
        return refusal(503, str(error))
    return JSONResponse(answer, 409 if answer.get("error") else 200)
