"""Pulse: a message of our own that comes back through the broker.

It proves the whole path, which nothing else does: a network thread can be connected and deaf, and a
broker can accept a subscription and deliver nothing.

And it tells news from backlog. A broker that kept our session delivers what it queued while we were
away before anything that is published later, our own message included (MQTT 5, 4.6). Zigbee2MQTT
messages carry no time, so hours-old readings look fresh; what comes before the first pulse after a
long absence is therefore stored as ``late`` and never decided on.
"""

import os
from collections.abc import Mapping
from typing import Final

import structlog

from gateway.core.interventions import Alive
from gateway.core.messages import Message
from gateway.core.ports import Outgoing, Subscription
from gateway.core.times import LATE_MS
from gateway.daemon.clock import Clock
from gateway.daemon.links import Link
from gateway.errors import NotConnectedError

EVERY_MS: Final = 15_000
DEAF_MS: Final = 45_000
"""Three pulses that did not come back."""
PATIENCE_MS: Final = 60_000
"""Where no pulse ever came back (the broker may not let us), a backlog ends by time instead."""

log = structlog.get_logger()


class Pulse:
    """The pulse of one link."""

    def __init__(self, base: str, link: Link, clock: Clock, away_ms: int) -> None:
        """``away_ms``: how long nobody listened before this start."""
        self.topic = f"{base}/pulse/{link.name}"
        self._link = link
        self._clock = clock
        self._nonce = b""
        self._sent_ms = 0
        self._heard_ms: int | None = None
        self._left_ms = clock.mono_ms() - away_ms
        self._connected_ms = 0
        self.live = True
        """What arrives is news."""
        self._refused = False
        self._kept = False

    @property
    def current(self) -> bool:
        """What arrives was not queued for us, however short we were away: for people's wishes.

        Whatever a broker kept for us comes before our own first message of a connection.
        """
        if not self.live or not self._kept or self._refused:
            return self.live
        waited = self._clock.mono_ms() - self._connected_ms >= PATIENCE_MS
        heard = self._heard_ms is not None and self._heard_ms >= self._connected_ms
        return heard or waited

    @property
    def subscription(self) -> Subscription:
        """Our own topic."""
        return Subscription(self.topic)

    @property
    def deaf(self) -> bool:
        """Connected, and yet our own messages do not come back."""
        if not self._link.connected or self._refused or self._heard_ms is None:
            return False
        return self._clock.mono_ms() - max(self._heard_ms, self._connected_ms) > DEAF_MS

    def connected(self) -> None:
        """The link is there (again): is what comes first a backlog?"""
        now_ms = self._clock.mono_ms()
        self._connected_ms = now_ms
        kept = self._kept = self._link.client.state.session_present
        self.live = not kept or now_ms - self._left_ms <= LATE_MS
        self._send()

    def beat(self) -> None:
        """Once a second: send when it is due, and end a backlog that is too long."""
        if not self._link.connected:
            return
        now_ms = self._clock.mono_ms()
        self._left_ms = now_ms
        waited = now_ms - self._connected_ms >= PATIENCE_MS
        if not self.live and (self._refused or (waited and self._heard_ms is None)):
            self._end_backlog("time")
        if now_ms - self._sent_ms >= EVERY_MS:
            self._send()

    def heard(self, message: Message) -> bool:
        """Take a message if it is ours; True when it is."""
        if message.topic != self.topic:
            return False
        if message.payload == self._nonce:
            self._heard_ms = message.received_mono_ms
            if not self.live:
                self._end_backlog("pulse")
        return True

    def _end_backlog(self, by: str) -> None:
        self.live = True
        log.info("backlog_taken", broker=self._link.name, by=by)

    def _send(self) -> None:
        self._nonce = os.urandom(8).hex().encode()
        self._sent_ms = self._clock.mono_ms()
        try:
            self._link.publish(Outgoing(self.topic, self._nonce), expires_s=60.0, done=self._done)
        except NotConnectedError:
            return

    def _done(self, delivered: bool, reason: str) -> None:  # noqa: FBT001  # the shape of Done
        """The broker's own word, where it gives one."""
        self._refused = not delivered and reason == "not_authorized"


def make_pulses(
    base: str, links: Mapping[str, Link], clock: Clock, away_ms: int
) -> Mapping[str, Pulse]:
    """One pulse per link, told when its link connects."""
    made = {name: Pulse(base, link, clock, away_ms) for name, link in links.items()}
    for name, link in links.items():
        link.own = (*link.own, made[name].subscription)
        link.on_connected = made[name].connected
    return made


def alive_text(clock: Clock) -> str:
    """What is kept now and then, so that the next start knows how long nobody listened."""
    return f"{clock.boot} {clock.mono_ms()} {clock.now_ms()}"


def away_ms(text: str | None, clock: Clock) -> int:
    """How long ago ``text`` was kept; when that cannot be told, long enough to be a backlog."""
    if text is None:
        return LATE_MS + 1
    boot, mono, wall = text.split()
    if boot == clock.boot:
        return clock.mono_ms() - int(mono)
    return clock.now_ms() - int(wall) if clock.ok() else LATE_MS + 1


def alive(text: str | None) -> Alive | None:
    """When ``text`` was kept, on the clock of its boot."""
    if text is None:
        return None
    boot, mono, _ = text.split()
    return Alive(boot, int(mono))
