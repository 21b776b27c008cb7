"""Commander: one slot of a fleet as this gateway sees it, and the connection it commands on.

``core.slots`` decides; this connects, publishes and tells what came of it.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

import structlog

from gateway.adapters.mqtt import Client
from gateway.adapters.mqtt_settings import Broker
from gateway.core import fleet_topics
from gateway.core.fleet import Fleet
from gateway.core.ports import Outgoing
from gateway.core.slots import Phase, Seat, Step, Told
from gateway.daemon.clock import Clock
from gateway.daemon.links import Link, ignore
from gateway.errors import NotConnectedError

CONNECT_S: Final = 3.0
LEAVE_S: Final = 3.0

log = structlog.get_logger()


def commanding(broker: Broker, fleet: Fleet, client_id: str) -> Broker:
    """The same broker for those who may command: under another name, and with its password."""
    if not fleet.username:
        return replace(broker, client_id=client_id)
    own = (fleet.username, fleet.password_file)
    return replace(broker, client_id=client_id, username=own[0], password_file=own[1])


class Commander:
    """One slot."""

    def __init__(self, fleet: Fleet, slot: str, broker: Broker, clock: Clock) -> None:
        """Only watched at first."""
        self.seat = Seat(fleet, slot)
        self.slot = slot
        self.link: Link | None = None
        """Where commands leave; None while we do not even try."""
        self.on_held: Callable[[Commander], None] = lambda _slot: None
        self.on_lost: Callable[[Commander], None] = lambda _slot: None
        self._fleet = fleet
        self._broker = replace(
            commanding(broker, fleet, fleet.client_id(slot)),
            fenced=True,
            keepalive_s=max(1, fleet.silent_ms // 2_000),
            connect_timeout_s=CONNECT_S,
        )
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._epoch = 0
        """Of the present connection."""
        self._nonce = b""
        self._beat = 0
        self._beat_ms = 0
        self._leaving: set[asyncio.Future[None]] = set()

    @property
    def held(self) -> bool:
        """Commands may leave."""
        return self.seat.holding and self.link is not None and self.link.connected

    # -- what is heard on the lookout -----------------------------------------------------------

    def heard(self, name: str, payload: bytes) -> None:
        """The state or a fence of the slot."""
        now_ms = self._clock.mono_ms()
        told = fleet_topics.read_state(payload) if name == "state" else None
        if told is not None:
            before = self.seat.holder
            self.seat.hear(told, now_ms)
            if self.seat.holder != before:
                log.info("slot_changed", slot=self.slot, holder=self.seat.holder, epoch=told.epoch)
            if told.up and (told.who, told.epoch) == (self._fleet.me, self._epoch):
                self._raised(now_ms)
            elif told.up and told.epoch > self._epoch and self.link is not None:
                self._drop()  # our connection is gone, and we have not noticed yet
                self._end(taken=True, why="another gateway holds it")
        elif name == "fence" and payload == self._nonce and self.seat.phase is Phase.FENCING:
            self._fenced(now_ms)

    def _fenced(self, now_ms: int) -> None:
        """Everything that the holder before us got through has been heard."""
        if self.seat.next_epoch != self._epoch:
            self.seat.again(now_ms)
            self._drop()
            return
        self.seat.step(Step.FENCE, now_ms)
        self._say(up=True)

    def _raised(self, now_ms: int) -> None:
        if self.seat.phase is Phase.RAISING:
            self.seat.step(Step.RAISE, now_ms)
            self._beat_ms = now_ms
            log.info("slot_taken", slot=self.slot, epoch=self._epoch)
            self.on_held(self)

    # -- in time --------------------------------------------------------------------------------

    def look(self, synced_ms: int | None, protocol: str) -> None:
        """Do what is due now; ``protocol``: of the lookout's connection."""
        now_ms, seat = self._clock.mono_ms(), self.seat
        seat.look(now_ms)
        seat.synced(synced_ms)
        if self.link is not None and not self.link.client.alive():
            self._ended(self.link.client)
        if seat.due(now_ms):
            self._connect(now_ms, protocol)
        elif seat.overdue(now_ms):
            self._drop()
            self._end(taken=False, why="not done in time")
        elif seat.holding and now_ms - self._beat_ms >= self._fleet.beat_ms:
            self._beat_ms = now_ms
            self._say(up=True)

    def _connect(self, now_ms: int, protocol: str) -> None:
        self._epoch, self._nonce = self.seat.next_epoch, os.urandom(8).hex().encode()
        will = self._state(up=False)
        broker = replace(self._broker, protocol="3.1.1" if protocol == "3.1.1" else "5")
        client = Client(
            broker,
            on_wake=lambda: self._call(client),
            wall_ms=self._clock.now_ms,
            mono_ms=self._clock.mono_ms,
            will=will,
        )
        self.link = Link(self._fleet.client_id(self.slot), client)
        self.seat.step(Step.TRY, now_ms)
        log.info("slot_tried", slot=self.slot, epoch=self._epoch, before=self.seat.told)
        client.start()

    def _call(self, client: Client) -> None:
        """Called from the network thread; the loop may be gone when the daemon ends."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._woken, client)

    def _woken(self, client: Client) -> None:
        link = self.link
        if link is None or link.client is not client:
            client.take_outcomes()
            return
        link.settle()
        if not client.alive():
            self._ended(client)
        elif client.state.connected and self.seat.phase is Phase.CONNECTING:
            self.seat.step(Step.CONNECT, self._clock.mono_ms())
            self._publish("fence", self._nonce, retain=False)

    def _ended(self, client: Client) -> None:
        """The connection is gone: it never comes back by itself."""
        self.link, state = None, client.state
        self._end(taken=state.taken, why=state.last_error or "closed")

    def _end(self, *, taken: bool, why: str) -> None:
        was = self.seat.holding
        self.seat.lost(self._clock.mono_ms(), taken=taken, epoch=self._epoch)
        log.warning("slot_lost", slot=self.slot, epoch=self._epoch, held=was, error=why)
        if was:
            self.on_lost(self)

    def _drop(self) -> None:
        """End the connection without a word; its will is not published."""
        link, self.link = self.link, None
        if link is not None:
            ending = self._loop.run_in_executor(None, lambda: link.client.stop(None, LEAVE_S))
            self._leaving.add(ending)
            ending.add_done_callback(self._leaving.discard)

    def wanted(self, present_ms: Mapping[str, int]) -> bool:
        """Somebody who stands before us in the line is there again."""
        return self.seat.wanted(present_ms, self._clock.mono_ms())

    def give_back(self) -> None:
        """Say that the slot is free, and end the connection."""
        was = self.seat.holding
        if was:
            self._say(up=False)
            log.info("slot_given", slot=self.slot, epoch=self._epoch)
        self.seat.given(self._clock.mono_ms())
        self._drop()
        if was:
            self.on_lost(self)

    async def close(self) -> None:
        """The daemon stops."""
        self.give_back()
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=LEAVE_S)

    # -- what is said ---------------------------------------------------------------------------

    def _state(self, *, up: bool) -> Outgoing:
        told = Told(up, self._fleet.me, self._epoch, self._beat)
        payload = fleet_topics.state(told, self._clock.now_ms())
        topic = fleet_topics.slot_topic(self._fleet.site, self.slot, "state")
        return Outgoing(topic, payload, 1, retain=True)

    def _say(self, *, up: bool) -> None:
        self._beat += 1
        outgoing = self._state(up=up)
        self._send(outgoing)

    def _publish(self, name: str, payload: bytes, *, retain: bool = True) -> None:
        topic = fleet_topics.slot_topic(self._fleet.site, self.slot, name)
        self._send(Outgoing(topic, payload, 1, retain=retain))

    def publish(self, name: str, payload: bytes) -> None:
        """A retained document of the slot; nothing when the connection is gone."""
        self._publish(name, payload)

    def _send(self, outgoing: Outgoing) -> None:
        if self.link is not None:
            with suppress(NotConnectedError):
                self.link.publish(outgoing, done=ignore)
