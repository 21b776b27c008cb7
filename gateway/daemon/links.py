"""Links: one MQTT client per broker of the file, and what becomes of each publish."""

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import structlog

from gateway.adapters.mqtt import Client
from gateway.config.settings import Settings
from gateway.core.ports import Outgoing, Subscription
from gateway.daemon.clock import Clock

Done = Callable[[bool, str], None]
"""Called on the loop with (delivered, reason) once the broker answered or the link was lost."""

log = structlog.get_logger()


@dataclass(slots=True)
class Link:
    """A broker and our connection to it."""

    name: str
    client: Client
    _tickets: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _waiting: dict[int, Done] = field(default_factory=dict)
    seen: tuple[bool, int] = (False, 0)
    """Whether, and since when, it was connected when it was last looked at."""
    own: Sequence[Subscription] = ()
    """Topics of ours that this link listens to."""
    on_connected: Callable[[], None] = lambda: None
    """Called on the loop before the first message of a connection is taken."""

    def subscribe(self, subscriptions: Sequence[Subscription]) -> None:
        """Declare what the sources want from this broker."""
        self.client.subscribe([*self.own, *subscriptions])

    @property
    def connected(self) -> bool:
        """Publishing is possible now."""
        return self.client.state.connected

    def publish(
        self,
        outgoing: Outgoing,
        *,
        expires_s: float | None = None,
        done: Done,
        at_once: bool = False,
    ) -> None:
        """Hand a message over; ``at_once``: it is on its way before anything else is done here.

        Raises:
            NotConnectedError: nothing was sent, and ``done`` will not be called.
        """
        ticket = next(self._tickets)
        self._waiting[ticket] = done
        try:
            self.client.publish(outgoing, expires_s=expires_s, ticket=ticket, at_once=at_once)
        except BaseException:
            del self._waiting[ticket]
            raise

    def settle(self) -> None:
        """Tell each publish that has ended."""
        for outcome in self.client.take_outcomes():
            done = self._waiting.pop(outcome.ticket, None)
            if done is not None:
                done(outcome.ok, outcome.reason)


def ignore(delivered: bool, reason: str) -> None:  # noqa: FBT001  # the shape of Done
    """For messages whose fate changes nothing: the next one replaces them."""
    del delivered, reason


class Links:
    """All links, and what their threads have to say, on the loop."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Nothing is connected before ``start``."""
        self._loop = asyncio.get_running_loop()
        self._failures: asyncio.Queue[BaseException] = asyncio.Queue()
        self.connected: asyncio.Queue[str] = asyncio.Queue()
        """Names of brokers, as they come (back)."""
        self.wake = asyncio.Event()
        """There may be messages to take."""
        self._leaving = False
        self.by_name: Mapping[str, Link] = {
            name: Link(name, self._client(name, settings, clock)) for name in settings.brokers
        }

    def _client(self, name: str, settings: Settings, clock: Clock) -> Client:
        announces = name == settings.announce_broker
        return Client(
            settings.brokers[name],
            on_wake=partial(self._call, name),
            wall_ms=clock.now_ms,
            mono_ms=clock.mono_ms,
            availability=f"{settings.base}/availability" if announces else "",
        )

    def _call(self, name: str) -> None:
        """Called from a network thread; the loop may be gone when the daemon ends."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._woken, name)

    def _woken(self, name: str) -> None:
        """A link has messages, outcomes or a new state."""
        link = self.by_name[name]
        if link.client.failure is not None:
            self._failures.put_nowait(link.client.failure)
        link.settle()
        self._note_state(link)
        self.wake.set()

    def _note_state(self, link: Link) -> None:
        state = link.client.state
        if (now := (state.connected, state.since_mono_ms)) == link.seen:
            return
        # A loss that was over before it was looked at is a connection anew.
        was_connected, link.seen = link.seen[0], now
        if state.connected:
            log.info(
                "broker_connected",
                broker=link.name,
                protocol=state.protocol,
                session_present=state.session_present,
            )
            link.on_connected()
            self.connected.put_nowait(link.name)
        elif was_connected and not self._leaving:
            log.warning("broker_lost", broker=link.name, error=state.last_error)

    async def watch_threads(self) -> None:
        """Raise what ended a network thread: a deaf gateway must not look alive."""
        raise await self._failures.get()

    async def stop(self) -> None:
        """Say goodbye to every broker."""
        self._leaving = True
        stops = [
            self._loop.run_in_executor(None, link.client.stop) for link in self.by_name.values()
        ]
        await asyncio.gather(*stops)
