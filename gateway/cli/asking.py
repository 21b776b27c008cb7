"""Asking the running gateway, over MQTT, on the broker that its own topics are on."""

import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from gateway import config
from gateway.adapters.mqtt import Client
from gateway.config.settings import Settings
from gateway.core import documents
from gateway.core.ports import Outgoing, Subscription
from gateway.errors import BrokerError, DecodeError, NotConnectedError

WAIT_S: Final = 30.0


class NoAnswerError(BrokerError):
    """The gateway did not answer."""


class RefusedError(BrokerError):
    """The gateway said no; the message says why."""


def ask(path: Path, name: str, fields: dict[str, object], wait_s: float = WAIT_S) -> Any:
    """Ask ``request/<name>`` and wait for its answer's data.

    Raises:
        ConfigError: the user's file is wrong.
        BrokerError: no connection, no answer, or the gateway said no.
    """
    settings = config.load(path)
    transaction = os.urandom(8).hex()
    woken = threading.Event()
    client = Client(
        _visitor(settings, transaction),
        on_wake=woken.set,
        wall_ms=lambda: time.time_ns() // 1_000_000,
    )
    client.subscribe([Subscription(f"{settings.base}/response/{name}")])
    until = time.monotonic() + wait_s
    client.start()
    try:
        _connected(client, woken, until)
        payload = json.dumps(fields | {"transaction": transaction}).encode()
        request = Outgoing(f"{settings.base}/request/{name}", payload)
        client.publish(request, expires_s=wait_s, ticket=1)
        return _answer(client, woken, until, transaction)
    finally:
        client.stop(farewell=None)


def _visitor(settings: Settings, transaction: str) -> Any:
    """The same broker under a name of our own, which it forgets when we leave."""
    broker = settings.brokers[settings.announce_broker]
    return replace(broker, client_id=f"edge-ask-{transaction}", session_expiry_s=0)


def _connected(client: Client, woken: threading.Event, until: float) -> None:
    while not client.state.subscribed:
        left = until - time.monotonic()
        if left <= 0:
            raise NotConnectedError(f"no connection: {client.state.last_error or 'no answer'}")
        woken.wait(min(left, 0.1))
        woken.clear()


def _answer(client: Client, woken: threading.Event, until: float, transaction: str) -> Any:
    while (left := until - time.monotonic()) > 0:
        woken.wait(min(left, 0.1))
        woken.clear()
        messages = client.take()
        client.acknowledge([message.receipt for message in messages])
        for message in messages:
            try:
                said = documents.load(message.payload)
            except DecodeError:
                continue
            if isinstance(said, dict) and said.get("transaction") == transaction:
                if said.get("status") != "ok":
                    raise RefusedError(str(said.get("error")))
                return said.get("data")
    raise NoAnswerError("the gateway did not answer: does it run, with this file?")
