"""``edge-gateway receiver``: the cloud side; ``edge-gateway receiver status``: what it holds."""

import socket
import time
import zlib
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import click

from gateway.adapters.mqtt_settings import Broker, Tls
from gateway.cli.lazy import LazyGroup

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_OPTIONS = {"ca_file", "cert_file", "key_file", "password_file", "client_id"}


class _Commands(LazyGroup):
    """Imports ``gateway.cli.receiver_<name>`` and takes its ``command``."""

    modules = "gateway.cli.receiver_"
    names = ("status",)


@click.group("receiver", cls=_Commands, invoke_without_command=True)
@click.option("--listen", default="127.0.0.1:8480", show_default=True, help="HOST:PORT, or none.")
@click.option("--store", default="receiver.db", show_default=True, help="A file, or postgresql://")
@click.option("--mqtt", multiple=True, help="A broker, HOST:PORT or mqtts://user@host:port?...")
@click.option("--topic", default="edge-sync", show_default=True, help="First levels over MQTT.")
@click.option("--token-file", type=FILE, help="Bearer tokens, one per line [TOKEN [GATEWAY]].")
@click.option("--tls-cert", type=FILE, help="PEM file: speak HTTPS.")
@click.option("--tls-key", type=FILE, help="PEM file of its key, if it is another.")
@click.option("--client-ca", type=FILE, help="PEM file: only clients with its certificates.")
@click.option("--rows-per-s", type=click.FloatRange(min=1), help="Shared by all who send.")
@click.option("--json", "as_json", is_flag=True, help="Log as JSON, also on a terminal.")
@click.pass_context
def command(
    ctx: click.Context,
    *,
    listen: str,
    store: str,
    mqtt: tuple[str, ...],
    topic: str,
    token_file: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    client_ca: Path | None,
    rows_per_s: float | None,
    as_json: bool,
) -> None:
    """Take what gateways send by HTTP and MQTT, store each row once, say how far it is."""
    if ctx.invoked_subcommand is not None:
        return
    from gateway.adapters import logs  # before all that imports structlog
    from gateway.receiver.serve import serve
    from gateway.receiver.settings import Http, Settings

    logs.configure("json" if as_json else "auto")
    http = None
    if listen != "none":
        http = Http(*_place(listen, 8480), token_file, tls_cert, tls_key, client_ca)
    brokers = tuple(_broker(one, _name(store, topic)) for one in mqtt)
    if http is None and not brokers:
        raise click.UsageError("--listen none needs --mqtt: else nothing could come")
    settings = Settings(store, http, brokers, topic.strip("/"), rows_per_s)
    serve(settings, lambda: time.time_ns() // 1_000_000, lambda: time.monotonic_ns() // 1_000_000)


def _place(words: str, port: int) -> tuple[str, int]:
    """HOST, HOST:PORT or [HOST]:PORT.

    Raises:
        UsageError: it is none of them.
    """
    try:
        parts = urlsplit(f"//{words}")
        given = parts.port
    except ValueError as error:
        raise click.UsageError(f"{words}: {error}") from error
    return parts.hostname or "", port if given is None else given


def _name(store: str, topic: str) -> str:
    """The client id: the same after a restart, and nobody else's."""
    whole = "\n".join((socket.gethostname(), str(Path(store).absolute()), topic))
    return f"edge-receiver-{zlib.crc32(whole.encode()):08x}"


def _broker(words: str, name: str) -> Broker:
    """A broker as a URL: ``mqtt://`` or ``mqtts://``, options behind the question mark.

    Raises:
        UsageError: it is none.
    """
    url = urlsplit(words if "://" in words else f"mqtt://{words}")
    given = dict(parse_qsl(url.query))
    unknown = given.keys() - _OPTIONS
    if url.scheme not in ("mqtt", "mqtts") or not url.hostname or unknown or url.password:
        raise click.UsageError(
            f"--mqtt {words}: write HOST:PORT or mqtts://user@host:8883?password_file=...; "
            f"options: {', '.join(sorted(_OPTIONS))}"
        )
    tls = Tls(*(given.get(name, "") for name in ("ca_file", "cert_file", "key_file")))
    secure = url.scheme == "mqtts"
    host, port = _place(url.netloc.rpartition("@")[2], 8883 if secure else 1883)
    return Broker(
        name=f"{host}:{port}",
        host=host,
        port=port,
        tls=tls if secure else None,
        username=unquote(url.username or ""),
        password_file=given.get("password_file", ""),
        client_id=given.get("client_id", name),
        receive_maximum=100,
    )
