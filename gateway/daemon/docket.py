"""The docket: the open commands, and what each piece of news makes of them.

Every change of a command is a row, an event for subscribers and a line in the log.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog

from gateway.core.commands import Command, Step, step
from gateway.core.messages import Message, Result, Uplink
from gateway.core.orders import Orders
from gateway.core.ports import Outgoing
from gateway.core.readings import Report
from gateway.core.verdicts import Decision
from gateway.daemon.announce import Announce
from gateway.daemon.clock import Clock
from gateway.daemon.journal import Journal
from gateway.daemon.links import Link, ignore
from gateway.daemon.permits import Permits
from gateway.daemon.site import Feed
from gateway.errors import NotConnectedError

LOOK_S: Final = 1.0
"""While commands are open, their time is looked at this often."""

log = structlog.get_logger()


class Docket:
    """The commands that have not ended, on record."""

    def __init__(
        self,
        links: Mapping[str, Link],
        journal: Journal,
        announce: Announce,
        permits: Permits,
        clock: Clock,
    ) -> None:
        """No command is open."""
        self._links = links
        self._journal = journal
        self._announce = announce
        self._permits = permits
        self._clock = clock
        self.orders = Orders()
        self.on_end: Callable[[Command], None] = lambda _command: None
        """Told each command that has ended, once it is on record."""
        self._changed = asyncio.Event()

    def on_uplink(self, feed: Feed, uplink: Uplink, message: Message) -> None:
        """A device reported: it may show what was ordered."""
        if message.retain or not self.orders.about(feed.source.name, uplink.device):
            return
        moved = self.orders.on_uplink(
            feed.source.name,
            feed.bridge,
            uplink,
            message.received_mono_ms,
            self._clock.now_ms(),
        )
        for command, asks in moved:
            self.record(command)
            self.ask(feed, asks)

    def on_report(self, report: Report) -> None:
        """Readings came: a good one may prove what was ordered."""
        if not self.orders or not any(map(self.orders.awaits, report.readings.assets)):
            return
        mono_ms = report.received_mono_ms
        for reading in report.readings:
            asset = reading.metric.asset
            if self.orders.awaits(asset):
                now_ms = self._clock.now_ms()
                for command in self.orders.on_reading(asset, reading, mono_ms, now_ms):
                    self.record(command)

    def on_result(self, feed: Feed, result: Result, message: Message, *, live: bool) -> None:
        """The bridge said something about a command.

        What names no command and waited at the broker while we were away is about another one.
        """
        if message.retain or not (live or result.command_id):
            return
        mono_ms, now_ms = message.received_mono_ms, self._clock.now_ms()
        for command in self.orders.on_result(feed.source.name, result, mono_ms, now_ms):
            self.record(command)

    def on_gone(self, feed: Feed, device: str, message: Message) -> None:
        """A device announced that it is gone: what it was told is not done."""
        if message.retain or not self.orders:
            return
        mono_ms, now_ms = message.received_mono_ms, self._clock.now_ms()
        for command in self.orders.on_gone(feed.source.name, device, mono_ms, now_ms):
            self.record(command)

    def ask(self, feed: Feed, asks: Sequence[Outgoing]) -> None:
        """Ask a device for its state; when its broker is away, nobody is asked."""
        for message in asks:
            try:
                self._links[feed.source.broker].publish(message, expires_s=30.0, done=ignore)
            except NotConnectedError:
                return

    async def run(self) -> None:
        """End the commands whose time is over."""
        while True:
            self._changed.clear()
            due = self.orders.next_mono_ms()
            if due is None:
                await self._changed.wait()
                continue
            try:
                # In short waits: the loop's own clock stands still while the machine sleeps.
                left_s = (due - self._clock.mono_ms()) / 1000
                async with asyncio.timeout(min(max(0.0, left_s), LOOK_S)):
                    await self._changed.wait()
            except TimeoutError:
                self.on_time()

    def on_time(self) -> None:
        """End what is over by now."""
        for command in self.orders.on_time(self._clock.mono_ms(), self._clock.now_ms()):
            self.record(command)

    def end(self, command: Command, what: Step, reason: str) -> None:
        """End an open command; nothing happens to one that has ended."""
        current = self.orders.get(command.id)
        if current is not None and not current.ended:
            ended = step(current, what, reason=reason, ended_at_ms=self._clock.now_ms())
            self.record(self.orders.update(ended))

    def record(self, command: Command) -> None:
        """A command has a new state."""
        self._permits.note(command)
        self._journal.batch.commands.append(command)
        self._announce.command(command)
        self._journal.changed()
        self._changed.set()
        log.info(
            "command_changed",
            command_id=command.id,
            asset=command.asset,
            action=command.action,
            state=command.state.value,
            reason=command.reason,
            evidence=command.evidence,
            attempt=command.attempt,
        )
        if command.ended:
            self.on_end(command)


def log_decision(decision: Decision) -> None:
    """A line in the log for each decision."""
    log.info(
        "decision_made",
        decision_id=decision.id,
        asset=decision.asset,
        policy=decision.policy,
        change=decision.event,
        label=decision.verdict.label,
        score=decision.verdict.score,
        rung=decision.verdict.rung,
        mode=decision.mode.value,
        action=decision.action,
        refused=decision.refused,
    )
