"""Lookout: the connection on which a member of a fleet hears the others, apart from all readings.

Its session outlives the connection, so what was said while we were away comes, in order. Our own
*hello* shows that everything published before it has been heard.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from gateway.adapters.mqtt import Client
from gateway.adapters.mqtt_settings import Broker
from gateway.core import fleet_topics
from gateway.core.fleet import Fleet
from gateway.core.messages import Message
from gateway.core.ports import Outgoing, Subscription
from gateway.daemon.clock import Clock
from gateway.errors import NotConnectedError

SESSION_S: Final = 86_400
"""How long the broker keeps for us what the others say."""
HELLO_MS: Final = 5_000
"""A hello that did not come back is said again."""


class Lookout:
    """What the others say, message by message, on the loop."""

    def __init__(
        self, fleet: Fleet, broker: Broker, clock: Clock, heard: Callable[[Message], None]
    ) -> None:
        """``heard`` is told every message, oldest first."""
        self._clock = clock
        self._heard = heard
        self._hello = fleet_topics.hello_topic(fleet.site, fleet.me)
        self._nonce = b""
        self._said_ms = 0
        self._loop = asyncio.get_running_loop()
        self._failed: asyncio.Future[None] = self._loop.create_future()
        self._wanted: Sequence[Subscription] = ()
        self.synced_ms: int | None = None
        """Since when everything is heard; None: it is not."""
        self.client = Client(
            replace(
                broker,
                client_id=f"{fleet.site}-lookout-{fleet.me}",
                session_expiry_s=SESSION_S,
                reconnect_max_s=2.0,
            ),
            on_wake=self._call,
            wall_ms=clock.now_ms,
            mono_ms=clock.mono_ms,
        )

    def start(self, filters: Sequence[str]) -> None:
        """Connect, and listen to these topics."""
        self.listen(filters)
        self.client.start()

    def listen(self, filters: Sequence[str]) -> None:
        """Listen to these topics from now on."""
        wanted = [Subscription(one) for one in (self._hello, *sorted(set(filters)))]
        if wanted != self._wanted:
            self._wanted = wanted
            self.client.subscribe(wanted)

    async def failed(self) -> None:
        """Raise what ended the connection for ever: another gateway is this member, too."""
        await self._failed

    async def stop(self) -> None:
        """Leave; the broker keeps what is said from now on."""
        await self._loop.run_in_executor(None, lambda: self.client.stop(None))

    def _call(self) -> None:
        """Called from the network thread; the loop may be gone when the daemon ends."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._woken)

    def _woken(self) -> None:
        failure = self.client.failure
        if failure is not None and not self._failed.done():
            self._failed.set_exception(failure)
        self.client.take_outcomes()
        self.look()
        messages = self.client.take()
        for message in messages:
            if message.topic == self._hello:
                if message.payload == self._nonce and self.client.state.connected:
                    self.synced_ms = self._clock.mono_ms()
            else:
                self._heard(message)
        self.client.acknowledge([one.receipt for one in messages if one.receipt])

    def look(self) -> None:
        """Note a lost connection; say hello on a new one."""
        now_ms = self._clock.mono_ms()
        if not self.client.state.subscribed:
            self._nonce, self.synced_ms = b"", None
        elif not self._nonce or (self.synced_ms is None and now_ms - self._said_ms >= HELLO_MS):
            self._nonce, self._said_ms = os.urandom(8).hex().encode(), now_ms
            with suppress(NotConnectedError):
                self.client.publish(Outgoing(self._hello, self._nonce), expires_s=60.0, ticket=1)
