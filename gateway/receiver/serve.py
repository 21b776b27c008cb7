"""The receiver as a process: opens the store, listens on HTTP and at brokers, stops in order."""

import resource
import signal
import socket
import ssl
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

import structlog

from gateway.errors import ConfigError, GatewayError
from gateway.receiver.credit import Credit
from gateway.receiver.desk import Desk
from gateway.receiver.mqtt import Listener
from gateway.receiver.settings import Http, Settings
from gateway.receiver.stores import open_store
from gateway.receiver.tokens import Tokens

if TYPE_CHECKING:
    from uvicorn import Server

MOST_CONNECTIONS = 2_000
KEEP_S = 120
"""A connection that is silent for longer is closed: a gateway that sends each minute keeps it."""
STOP_S = 10
log = structlog.get_logger()

Clock = Callable[[], int]


class ReceiverError(GatewayError):
    """It cannot listen, or a part of it has ended."""


def serve(settings: Settings, wall_ms: Clock, mono_ms: Clock) -> None:
    """Run until SIGTERM or SIGINT.

    Raises:
        ConfigError: a file or a library that is asked for is missing.
        GatewayError: it cannot begin, or cannot go on.
    """
    stopping = threading.Event()
    server = _server(settings.http, stopping) if settings.http is not None else None
    store = open_store(settings.store)
    desk = Desk(store, Credit(settings.rows_per_s), wall_ms, mono_ms)

    def end(*_: object) -> None:
        stopping.set()
        if server is not None:
            server.should_exit = True

    _make_room()
    listeners = [Listener(one, settings.topic, desk, wall_ms, end) for one in settings.brokers]
    _heed(end)
    try:
        for listener in listeners:
            listener.start()
        if server is None or settings.http is None:
            log.info("receiver_started", store=_shown(settings.store))
            stopping.wait()
        else:
            _listen(server, settings.http, settings.store, desk)
    finally:
        for listener in listeners:
            listener.stop()
        store.close()
    _complain([one.failure for one in listeners])
    log.info("receiver_stopped")


def _heed(end: Callable[..., None]) -> None:
    def heard(number: int, frame: FrameType | None) -> None:
        end(number, frame)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, heard)


def _make_room() -> None:
    """A connection is a file; of these a process may have 1,024 unless it asks for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MOST_CONNECTIONS
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _server(http: Http, stopping: threading.Event) -> "Server":
    """Uvicorn, not started yet.

    Raises:
        ConfigError: it is not installed, or would let anybody write.
    """
    if http.token_file is None and http.client_ca_file is None and not _is_loopback(http.host):
        raise ConfigError(
            f"--listen {http.host}: anybody who reaches it could write: give --token-file, "
            "or listen on 127.0.0.1"
        )
    try:
        import uvicorn

        from gateway.adapters.http_patience import Protocol
    except ImportError as error:
        raise ConfigError(f"{error}: pip install 'edge-gateway[receiver]'") from error

    class _Server(uvicorn.Server):
        """Ends, too, when it was told to before it began."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            self.should_exit = self.should_exit or stopping.is_set()

    return _Server(
        uvicorn.Config(
            "",
            http=Protocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_S,
            timeout_graceful_shutdown=STOP_S,
            limit_concurrency=MOST_CONNECTIONS,
            **_tls(http),
        )
    )


def _tls(http: Http) -> dict[str, Any]:
    tls: dict[str, Any] = {}
    if http.cert_file is not None:
        tls = {"ssl_certfile": http.cert_file, "ssl_keyfile": http.key_file}
    if http.client_ca_file is not None:
        tls |= {"ssl_ca_certs": str(http.client_ca_file), "ssl_cert_reqs": ssl.CERT_REQUIRED}
    return tls


def _listen(server: "Server", http: Http, store: str, desk: Desk) -> None:
    from gateway.receiver.http import application

    server.config.app = application(desk, Tokens(http.token_file))
    try:
        server.config.load()
        bound = socket.create_server((http.host, http.port), backlog=512, family=_family(http.host))
    except (OSError, ssl.SSLError) as error:
        raise ReceiverError(f"cannot listen on {http.host}:{http.port}: {error}") from error
    with bound:
        port = bound.getsockname()[1]
        tls = http.cert_file is not None
        log.info("receiver_started", port=port, tls=tls, store=_shown(store))
        server.run([bound])


def _complain(failures: list[BaseException | None]) -> None:
    for failure in failures:
        if failure is not None:
            raise ReceiverError(f"a listener ended: {failure}") from failure


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _shown(store: str) -> str:
    """Without a password."""
    head, at, tail = store.rpartition("@")
    return f"{head.partition('://')[0]}://...{at}{tail}" if at else store
