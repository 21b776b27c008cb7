"""The process: uvicorn on a socket of its own, and the wire to the daemon.

It ends when the daemon does, or with SIGTERM. What happens here goes out as lines: an ``event``
for the daemon's log, an ``ask``, and ``figures`` when they change.
"""

import asyncio
import logging
import os
import resource
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn

from gateway.errors import GatewayError
from gateway.web.accounts import Accounts
from gateway.web.app import application
from gateway.web.board import Board
from gateway.web.desk import Desk
from gateway.web.guard import Guard
from gateway.web.protocol import MOST_HEAD, Protocol
from gateway.web.spec import Spec
from gateway.web.wire import Wire

SPARE: Final = 64
"""Connections beside those of the pages that listen: files and requests."""
BACKLOG: Final = 128
UNREAD_MS: Final = 30_000
"""A connection whose other side reads nothing for so long is ended by the kernel (tcp(7))."""
SEND_BYTES: Final = 128 * 1024
KEEP_S: Final = 20
FIGURES_S: Final = 2.0


def run(spec: Spec) -> None:
    """Serve until told to stop.

    Raises:
        ConfigError: the file of people is wrong.
        GatewayError: it cannot listen.
    """
    board = Board(spec.assets)
    wire = Wire(board)
    accounts = Accounts(
        spec.accounts, spec.guest, lambda kind, keys: wire.tell({"event": kind, **keys})
    )
    desk = Desk(spec, board, wire, accounts)
    server = _server(spec, desk)
    with _bound(spec) as listening:
        asyncio.run(_serve(desk, server, listening))


def _server(spec: Spec, desk: Desk) -> uvicorn.Server:
    guarded = Guard(application(desk), spec.hosts, tls=bool(spec.cert_file))
    tls: dict[str, Any] = {}
    if spec.cert_file:
        tls = {"ssl_certfile": spec.cert_file, "ssl_keyfile": spec.key_file or None}
    config = uvicorn.Config(
        guarded,
        http=Protocol,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_S,
        timeout_graceful_shutdown=1,
        limit_concurrency=spec.clients + SPARE,
        h11_max_incomplete_event_size=MOST_HEAD,
        **tls,
    )
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # not of each request that is none
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise GatewayError(f"web.tls: {error}") from error
    return _Server(config)


def _bound(spec: Spec) -> socket.socket:
    """The socket; what it sets holds for every connection it accepts."""
    family = socket.AF_INET6 if ":" in spec.host else socket.AF_INET
    try:
        bound = socket.create_server((spec.host, spec.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise GatewayError(f"cannot listen on {spec.host}:{spec.port}: {error.strerror}") from error
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
    return bound


class _Server(uvicorn.Server):
    """Leaves signals alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """They are heard by ``_serve``."""
        yield


async def _serve(desk: Desk, server: uvicorn.Server, bound: socket.socket) -> None:
    wire, stop = desk.wire, asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    wire.tell({"listening": bound.getsockname()[1]})
    works = [
        asyncio.create_task(wire.run(), name="wire"),
        asyncio.create_task(desk.ticks.run(), name="ticks"),
        asyncio.create_task(_figures(desk), name="figures"),
        asyncio.create_task(server.serve([bound]), name="http"),
        asyncio.create_task(stop.wait(), name="stop"),
    ]
    done, _ = await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
    for one in done:
        one.result()  # raises what ended it
    os._exit(0)  # pages that are open, and a read that hangs, are not waited for


async def _figures(desk: Desk) -> None:
    """How many are here, for health."""
    told: dict[str, int] = {}
    while True:
        now = {"clients": desk.audience.count, "dropped": desk.audience.dropped}
        if now != told:
            desk.wire.tell({"figures": now})
            told = now
        await asyncio.sleep(FIGURES_S)


def make_room(clients: int) -> None:
    """A connection is a file; of these a process may have 1,024 unless it asks for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * (clients + SPARE) + 64
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
