"""The application: files, what is shown, what is asked, by starlette.

Everything the page shows comes from these routes, which docs/page.md describes: nothing is private.
"""

from functools import partial
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from gateway.web import asking, proofreading, showing, signing_in
from gateway.web.desk import Desk, done, operated, shown

HERE: Final = Path(__file__).parent / "static"


def application(desk: Desk) -> Starlette:
    """The routes."""
    seen, decided = partial(shown, desk), partial(done, desk)
    return Starlette(
        routes=[
            Route("/", _index),
            Route("/healthz", showing.alive),
            Route("/api/me", partial(showing.me, desk)),
            Route("/api/sign-in", partial(signing_in.sign_in, desk), methods=["POST"]),
            Route("/api/sign-out", partial(signing_in.sign_out, desk), methods=["POST"]),
            Route("/api/events", seen(showing.events)),
            Route("/api/assets", seen(showing.assets)),
            Route("/api/assets/{asset}", seen(showing.asset)),
            Route("/api/assets/{asset}/trends", seen(showing.trends)),
            Route("/api/assets/{asset}/timeline", seen(showing.timeline)),
            Route("/api/assets/{asset}/{name}", decided(asking.ask), methods=["POST"]),
            Route("/api/gateway", seen(showing.gateway)),
            Route("/api/gateway/models", seen(showing.models)),
            Route("/api/gateway/rejects", seen(showing.rejects)),
            Route("/api/gateway/{name}", decided(asking.ask), methods=["POST"]),
            Route("/api/configuration", partial(operated, desk, proofreading.show)),
            Route("/api/configuration/check", decided(proofreading.check), methods=["POST"]),
            Mount("/static", StaticFiles(directory=HERE)),
        ],
        exception_handlers={404: showing.missing, 405: showing.missing},
    )


async def _index(_request: Request) -> Response:
    return FileResponse(HERE / "index.html", headers={"cache-control": "no-cache"})
