"""Ingest: message -> decode -> reading -> journal -> window.

Whatever the bytes, a message ends in one of four ways, and is then acknowledged: its readings are
stored, it changed what we know of a bridge, it was without news, or it is a counted, kept reject.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence

import structlog

from gateway.core.messages import (
    Event,
    Message,
    Presence,
    Reject,
    Result,
    Roster,
    Uplink,
)
from gateway.core.seen import Seen, delivery_key
from gateway.core.source_limits import Over
from gateway.daemon.clock import Clock
from gateway.daemon.decide import Decide
from gateway.daemon.docket import Docket
from gateway.daemon.guard import IDENTITY, Guard
from gateway.daemon.journal import Journal
from gateway.daemon.links import Link
from gateway.daemon.pulse import Pulse
from gateway.daemon.requests import Requests
from gateway.daemon.site import Feed, Site
from gateway.daemon.uplinks import Uplinks
from gateway.store.batch import RejectRow

log = structlog.get_logger()


class Ingest:
    """Takes the messages of all brokers, in order per broker."""

    def __init__(
        self,
        site: Site,
        links: Mapping[str, Link],
        pulses: Mapping[str, Pulse],
        requests: Requests,
        journal: Journal,
        seen: Seen,
        docket: Docket,
        decide: Decide,
        guard: Guard,
        clock: Clock,
    ) -> None:
        """Nothing is taken before ``run``."""
        self._site = site
        self._links = links
        self._pulses = pulses
        self._requests = requests
        self._journal = journal
        self._seen = seen
        self._docket = docket
        self._guard = guard
        self.taken = 0
        shown = (docket, decide, guard)
        self.uplinks = Uplinks(site, pulses, journal, seen, *shown, clock_ok=clock.ok())
        self.others: Callable[[Message], bool] = lambda _message: False
        """Takes what is neither a source's nor a pulse; a request otherwise."""
        self.heard: Callable[[Sequence[Message]], object] = lambda _messages: None
        self._closed = False
        self._draining = asyncio.Lock()

    @property
    def site(self) -> Site:
        """Whose messages it takes."""
        return self._site

    @site.setter
    def site(self, site: Site) -> None:
        self._site = self.uplinks.site = site

    async def run(self, wake: asyncio.Event) -> None:
        """Take what arrives, until it is closed."""
        while not self._closed:
            await wake.wait()
            wake.clear()
            if not self._closed:
                await self._drain()

    async def close(self) -> None:
        """Take what is here now, to its end, and nothing after it: that stays with the broker."""
        self._closed = True
        await self._drain()

    async def _drain(self) -> None:
        async with self._draining:
            size = self.site.settings.limits.batch_messages
            taken = [(link, _chunks(link.client.take(), size)) for link in self._links.values()]
            while taken:  # in turns: no broker waits for all that another one has
                taken = [one for one in taken if await self._turn(*one)]

    async def _turn(self, link: Link, chunks: Iterator[Sequence[Message]]) -> bool:
        """Take the next messages of a link; false when there are none."""
        chunk = next(chunks, None)
        if chunk is None:
            return False
        await self._journal.room()
        self.heard(chunk)
        await self._take(link, chunk)
        # The decisions of this chunk come before the readings of the next.
        await asyncio.sleep(0)
        return True

    async def _take(self, link: Link, messages: Sequence[Message]) -> None:
        """Take messages to their end.

        Uplinks are taken together; anything else is taken when those before it are at their end.
        """
        for message in messages:
            self.taken += 1
            feed = self.site.feed(message.broker, message.topic)
            if feed is None:
                await self.uplinks.finish(link)
                self._aside(link, message)
            elif self._admits(feed, link, message):
                await self._read(feed, link, message)
        await self.uplinks.finish(link)

    def _aside(self, link: Link, message: Message) -> None:
        """Take what no source says."""
        if not self._pulses[link.name].heard(message) and not self.others(message):
            self._requests.heard(message, live=self._pulses[link.name].current)
        self._journal.message(link.client, message.receipt)

    def _admits(self, feed: Feed, link: Link, message: Message) -> bool:
        """Whether a message is within its source's limits; else it is dropped unread."""
        feed.messages += 1
        if feed.rhythm.beat(message.received_mono_ms):
            log.info("source_resumed", source=feed.source.name)
        over = feed.gate.admit(message)
        if over is None or not self._drops(feed, message, over):
            return True
        self._journal.dropped(link.client, message.receipt)
        return False

    async def _read(self, feed: Feed, link: Link, message: Message) -> None:
        """Read a message of a source."""
        key = delivery_key(message)
        if self._seen.add(key, only_if_dup=True, dup=message.dup):
            self._guard.repeated(feed)
            events: Sequence[Event] = ()
        else:
            events = feed.bridge.decode(message)
        if len(events) == 1 and type(events[0]) is Uplink:
            self.uplinks.hear(feed, message, key, events[0])
            return
        await self.uplinks.finish(link)
        for event in events:
            if type(event) is Uplink:
                self.uplinks.hear(feed, message, key, event, whole=False)
                await self.uplinks.finish(link)
            elif not self._guard.silences(feed, event):
                self._event(feed, event, message)
        self._journal.message(link.client, message.receipt)

    def _event(self, feed: Feed, event: Event, message: Message) -> None:
        """Take one thing that a message says beside readings."""
        match event:
            case Reject():
                self._reject(feed, event, message)
            case Result():
                live = self._pulses[message.broker].live
                self._docket.on_result(feed, event, message, live=live)
            case Presence():
                self._presence(feed, event, message)
            case Roster():
                self._guard.roster(feed, event, message)

    def _drops(self, feed: Feed, message: Message, over: Over) -> bool:
        # what the broker kept for us is no flood
        if over is Over.RATE and not self._pulses[message.broker].current:
            return False
        self._guard.over(feed, message, over)
        return True

    def _reject(self, feed: Feed, reject: Reject, message: Message) -> None:
        feed.rejects += 1
        feed.gate.tally.rejects += 1
        self._journal.batch.counts[feed.source.name, reject.reason] += 1
        if reject.reason == IDENTITY:
            self._guard.claims(feed, reject.device, reject.detail)
        self._journal.reject(
            RejectRow(
                feed.source.name,
                message.broker,
                message.topic,
                message.payload,
                reject.reason,
                reject.detail,
                message.received_at_ms,
            )
        )

    def _presence(self, feed: Feed, presence: Presence, message: Message) -> None:
        if not presence.device:
            if presence.online is not feed.bridge_online:
                feed.bridge_online = presence.online
                log.info("bridge_changed", source=feed.source.name, online=presence.online)
            return
        was = presence.device in feed.offline
        if presence.online is False and not was:
            feed.offline.add(presence.device)
            if self._pulses[message.broker].live:
                self._docket.on_gone(feed, presence.device, message)
        elif presence.online is not False and was:
            feed.offline.discard(presence.device)
        else:
            return
        log.info(
            "device_changed",
            source=feed.source.name,
            device=presence.device,
            online=presence.online,
        )


def _chunks(messages: Sequence[Message], size: int) -> Iterator[Sequence[Message]]:
    for start in range(0, len(messages), size):
        yield messages[start : start + size]
