"""Uplinks: from what devices said to readings in the journal and in the windows.

Messages go through in steps, each for all that came together before the next step begins: what the
steps need of a processor's caches does not fit there at once, and message by message they take
twice as long. Within a step they go in the order of their arrival.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.core.messages import Message, Origin, Reason, Uplink
from gateway.core.readings import Report
from gateway.core.seen import Seen, uplink_key
from gateway.daemon.decide import Decide
from gateway.daemon.docket import Docket
from gateway.daemon.guard import Guard
from gateway.daemon.journal import Journal
from gateway.daemon.judging import observe
from gateway.daemon.links import Link
from gateway.daemon.pulse import Pulse
from gateway.daemon.roll import Roll
from gateway.daemon.site import Feed, Site
from gateway.store.batch import StoredReport

_OK = Reason.OK
_QUARANTINED = Reason.QUARANTINED
_UNTIMED = frozenset({Origin.NONE, Origin.LAST_SEEN})


@dataclass(slots=True)
class Heard:
    """An uplink on its way."""

    feed: Feed
    message: Message
    key: int
    """For the store: so that a delivery is known again."""
    uplink: Uplink | None
    """None: it says nothing new, or its device is not heard."""
    whole: bool
    """It is all that its message says, which ends with it."""
    report: Report | None = None
    """Its readings; None where there are none."""


class Uplinks:
    """Takes the uplinks of all sources."""

    def __init__(
        self,
        site: Site,
        pulses: Mapping[str, Pulse],
        journal: Journal,
        seen: Seen,
        docket: Docket,
        decide: Decide,
        guard: Guard,
        *,
        clock_ok: bool,
    ) -> None:
        """None are on their way."""
        self.site = site
        self.roll = Roll()
        self.clock_ok = clock_ok
        """Our clock is right; whoever knows better says so."""
        self._pulses = pulses
        self._journal = journal
        self._seen = seen
        self._docket = docket
        self._decide = decide
        self._guard = guard
        self._heard: list[Heard] = []

    def hear(
        self, feed: Feed, message: Message, key: int, uplink: Uplink, *, whole: bool = True
    ) -> None:
        """Take an uplink up; ``finish`` brings it to its end."""
        self._heard.append(Heard(feed, message, key, uplink, whole))

    async def finish(self, link: Link) -> None:
        """Bring those that were taken up to their end: stored with the open batch, and judged."""
        heard, self._heard = self._heard, []
        for one in heard:
            self._identify(one)
        for one in heard:
            self._map(one)
        for one in heard:
            self._record(one)
            if one.whole:
                self._journal.message(link.client, one.message.receipt)
            if self._decide.hasty:
                await self._judged()

    def _identify(self, one: Heard) -> None:
        """Find out whether it is new, and whether its device may be heard."""
        feed, message, uplink = one.feed, one.message, one.uplink
        assert uplink is not None  # noqa: S101  # so it was taken up
        if uplink.dedup is not None:
            one.key = uplink_key(feed.source.name, uplink.dedup)
            if self._seen.add(one.key, only_if_dup=False, dup=message.dup):
                self._guard.repeated(feed)
                one.uplink = None
                return
        known = self._guard.heard(feed, uplink, message)
        if known is not None and known.origin in _UNTIMED and not self._pulses[message.broker].live:
            # Queued while we were away, and nothing in it tells how old it is.
            known = known._replace(reason=Reason.LATE) if known.reason is _OK else known
        one.uplink = known

    def _map(self, one: Heard) -> None:
        """Find the readings that the user asked for, and what they are worth."""
        if one.uplink is None:
            return
        report = one.feed.mapper.report(one.uplink, one.message, clock_ok=self.clock_ok)
        one.report = None if report is None else self.site.gates.judge(report)

    def _record(self, one: Heard) -> None:
        """Show it to the commands, the journal and the assets it is about."""
        feed, message, uplink, report = one.feed, one.message, one.uplink, one.report
        if uplink is None:
            return
        if uplink.reason is not _QUARANTINED:
            self._docket.on_uplink(feed, uplink, message)
        self.roll.note(feed.source.name, uplink.device, message.received_at_ms)
        if report is None:
            return
        feed.readings += len(report.readings.metrics)
        self._journal.report(StoredReport(report, one.key, self.clock_ok), volatile=not message.qos)
        observe(report, self.site.watches, self._decide)
        self._docket.on_report(report)

    async def _judged(self) -> None:
        """Let a rule look at the values of now before the next report changes them.

        So each report is a vote of its own. While judging waits for a commit or for the worker,
        reports are not held up by it: those that come meanwhile are one vote.
        """
        self._decide.hasty = False
        await asyncio.sleep(0)
