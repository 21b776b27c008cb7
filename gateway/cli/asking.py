"""Asking the running gateway, over MQTT, on the broker that its own topics are on."""

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from gateway import config
from gateway.adapters.mqtt import Client
from gateway.config.settings import Settings
from gateway.core import documents, requests
from gateway.core.ports import Outgoing, Subscription
from gateway.errors import BrokerError, DecodeError, NotConnectedError

WAIT_S: Final = 30.0
OFFLINE_S: Final = 5.0
"""So long a gateway may be offline, as during a restart, before nobody waits for it any longer."""
STARTING_S: Final = 10.0
"""A gateway that has just connected cannot tell news from backlog yet: it is asked again."""
AVAILABILITY: Final = "availability"

Heard = Callable[[str, dict[str, Any]], bool]
"""Topic below the base and document: whether it is what is waited for."""


class NoAnswerError(BrokerError):
    """The gateway did not answer."""


class RefusedError(BrokerError):
    """The gateway said no; the message says why."""


def ask(
    path: Path, name: str, fields: dict[str, object], wait_s: float = WAIT_S, topic: str = ""
) -> Any:
    """Ask ``request/<name>``, or on another topic, and wait for its answer's data.

    Raises:
        ConfigError: the user's file is wrong.
        BrokerError: no connection, no answer, or the gateway said no.
    """
    with Visit(path, f"response/{name}", wait_s=wait_s) as visit:
        return visit.ask(name, fields, topic)


class Visit:
    """A connection of our own to the gateway's broker, for as long as the ``with`` block lasts."""

    def __init__(self, path: Path, *topics: str, wait_s: float = WAIT_S) -> None:
        """``topics`` below the gateway's base are listened to.

        Raises:
            ConfigError: the user's file is wrong.
        """
        settings = config.load_part(path, "gateway", "brokers")
        self._base = settings.base
        self._wait_s = wait_s
        self._transaction = os.urandom(8).hex()
        self._woken = threading.Event()
        self._client = Client(
            _visitor(settings, self._transaction),
            on_wake=self._woken.set,
            wall_ms=lambda: time.time_ns() // 1_000_000,
        )
        heard = (*topics, AVAILABILITY)
        self._client.subscribe([Subscription(f"{self._base}/{one}") for one in heard])
        self._offline_since: float | None = None
        self._left: list[tuple[str, dict[str, Any]]] = []

    def __enter__(self) -> Self:
        """Connect.

        Raises:
            NotConnectedError: that cannot be done.
        """
        self._client.start()
        until = time.monotonic() + self._wait_s
        while not self._client.state.subscribed:
            if time.monotonic() > until:
                self._client.stop(farewell=None)
                why = self._client.state.last_error or "no answer"
                raise NotConnectedError(f"no connection: {why}")
            self._pause(until)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.stop(farewell=None)

    def ask(self, name: str, fields: dict[str, object], topic: str = "") -> Any:
        """Ask and wait for the answer's data; its response topic must be listened to.

        Raises:
            BrokerError: no answer, or the gateway said no.
        """
        payload = json.dumps(fields | {"transaction": self._transaction}).encode()
        outgoing = Outgoing(f"{self._base}/{topic or f'request/{name}'}", payload)
        until = time.monotonic() + STARTING_S
        said = self._asked(outgoing, name)
        while said and said.get("error") == requests.LATE and time.monotonic() < until:
            self._pause(time.monotonic() + 0.1)  # it has just connected, and asks to be asked again
            said = self._asked(outgoing, name)
        if said is None:
            raise NoAnswerError(self._unheard())
        if said.get("status") != "ok":
            raise RefusedError(str(said.get("error")))
        return said.get("data")

    def _asked(self, outgoing: Outgoing, name: str) -> dict[str, Any] | None:
        self._client.publish(outgoing, expires_s=self._wait_s, ticket=1)
        return self.wait(
            lambda at, one: at == f"response/{name}" and one.get("transaction") == self._transaction
        )

    @property
    def offline(self) -> bool:
        """The gateway said that it goes, or its broker did; what is retained is of before."""
        return self._offline_since is not None

    def _unheard(self) -> str:
        """Why nobody answered, as far as the broker told."""
        for outcome in self._client.take_outcomes():
            if outcome.reason == "not_authorized":
                return "the broker does not let us ask that: see its access list"
        if self._offline_since is not None:
            return "the gateway is offline: it does not run, or has lost the broker"
        return "the gateway did not answer: does it run, with this file?"

    def wait(self, wanted: Heard, wait_s: float | None = None) -> dict[str, Any] | None:
        """The first document that is wanted; None when none came in time, or nobody is there."""
        until = time.monotonic() + (self._wait_s if wait_s is None else wait_s)
        while True:
            for at, (topic, one) in enumerate(self._left):
                if wanted(topic, one):
                    del self._left[: at + 1]
                    return one
            now = time.monotonic()
            if now > until or now - (self._offline_since or now) > OFFLINE_S:
                return None
            self._pause(until)
            self._left += self._take()

    def _take(self) -> list[tuple[str, dict[str, Any]]]:
        messages = self._client.take()
        self._client.acknowledge([message.receipt for message in messages])
        found = []
        for message in messages:
            if message.topic == f"{self._base}/{AVAILABILITY}":
                self._offline_since = time.monotonic() if message.payload == b"offline" else None
                continue
            try:
                said = documents.load(message.payload)
            except DecodeError:
                continue
            if isinstance(said, dict):
                found.append((message.topic.removeprefix(f"{self._base}/"), said))
        return found

    def _pause(self, until: float) -> None:
        self._woken.wait(max(0.0, min(until - time.monotonic(), 0.1)))
        self._woken.clear()


def _visitor(settings: Settings, transaction: str) -> Any:
    """The same broker under a name of our own, which it forgets when we leave."""
    broker = settings.brokers[settings.announce_broker]
    return replace(broker, client_id=f"edge-ask-{transaction}", session_expiry_s=0)
