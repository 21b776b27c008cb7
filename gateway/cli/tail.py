"""``edge-gateway tail``: what happens now, as it comes over MQTT."""

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from gateway import config
from gateway.adapters.mqtt import Client
from gateway.cli.spans import SPAN
from gateway.cli.tail_lines import Lines, document, rendered
from gateway.cli.user_file import config_option
from gateway.config.settings import Settings
from gateway.core.messages import Message
from gateway.core.ports import Subscription
from gateway.errors import NotConnectedError

CONNECT_S: Final = 15.0
LOOK_S: Final = 0.05


@click.command("tail")
@click.argument("wanted", metavar="[ASSET|TOPIC]", default="")
@click.option("--raw", is_flag=True, help="Messages as they come, and nothing made of them.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.option("--for", "for_ms", type=SPAN, help="End after so long, e.g. 30s; default: never.")
@click.option("--count", type=click.IntRange(1), help="End after so many lines.")
@config_option()
def command(
    wanted: str, for_ms: int | None, count: int | None, path: Path, *, raw: bool, as_json: bool
) -> None:
    """Follow readings, verdicts, decisions and commands until Ctrl-C.

    Listens at the brokers of the file under a name of its own, so it needs no running gateway to
    show readings. ASSET is one of the file; anything else is a topic, or a filter such as
    zigbee2mqtt/+.
    """
    settings = config.load(path)
    lines = Lines(settings, wanted, raw=raw)
    colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    shown = 0
    try:
        for message in _messages(settings, wanted, for_ms, raw=raw):
            for line in lines.of(message):
                at_ms = message.received_at_ms
                click.echo(
                    document(line, at_ms) if as_json else rendered(line, at_ms, colours=colours)
                )
                shown += 1
                if shown == count:
                    return
    except KeyboardInterrupt:
        return  # the way it ends


def _messages(
    settings: Settings, wanted: str, for_ms: int | None, *, raw: bool
) -> Iterator[Message]:
    """What all brokers say, until the time is over.

    Raises:
        NotConnectedError: one of them cannot be reached.
    """
    clients = [_client(settings, name, wanted, raw=raw) for name in settings.brokers]
    until = time.monotonic() + for_ms / 1000 if for_ms else float("inf")
    try:
        for client in clients:
            client.start()
        for client in clients:
            _connect(client)
        while time.monotonic() < until:
            time.sleep(LOOK_S)
            for client in clients:
                messages = client.take()
                client.acknowledge([one.receipt for one in messages if one.receipt])
                yield from messages
    finally:
        for client in clients:
            client.stop(farewell=None)


def _client(settings: Settings, name: str, wanted: str, *, raw: bool) -> Client:
    broker = replace(
        settings.brokers[name],
        client_id=f"edge-tail-{os.urandom(6).hex()}",
        session_expiry_s=0,
    )
    client = Client(broker, on_wake=lambda: None, wall_ms=lambda: time.time_ns() // 1_000_000)
    filters = list(_filters(settings, name))
    if raw and wanted and wanted not in settings.assets:
        filters = [wanted if set(wanted) & set("+#") else f"{wanted.rstrip('/')}/#"]
    client.subscribe([Subscription(one) for one in filters])
    return client


def _filters(settings: Settings, name: str) -> Iterator[str]:
    from gateway.cli.decode import decoded

    for source in decoded(settings):
        if settings.sources[source.name].broker == name:
            yield from (one.filter for one in source.bridge.subscriptions())
    if name == settings.announce_broker:
        yield from (f"{settings.base}/asset/+/+", f"{settings.base}/event")


def _connect(client: Client) -> None:
    until = time.monotonic() + CONNECT_S
    while not client.state.subscribed:
        if time.monotonic() > until or (client.state.last_error and not client.state.connected):
            why = client.state.last_error or "no answer"
            raise NotConnectedError(f"broker {client.broker.name}: {why}")
        time.sleep(LOOK_S)
