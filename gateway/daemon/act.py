"""Act: from a decision to a command that is sent.

The transaction that makes a command ``sent`` is committed before the publish: what the store calls
``sent`` may have been published, and is asked about after a restart, never sent again.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import structlog

from gateway.core.assets import Action
from gateway.core.commands import Command, State, Step, step
from gateway.core.drafts import draft
from gateway.core.orders import order_of, resume
from gateway.core.ports import Outgoing
from gateway.core.verdicts import Decision, Mode
from gateway.daemon.announce import Announce
from gateway.daemon.clock import Clock
from gateway.daemon.docket import Docket, log_decision
from gateway.daemon.journal import Journal
from gateway.daemon.links import Link
from gateway.daemon.permits import Permits
from gateway.daemon.site import Feed, Site, ids
from gateway.errors import EncodeError, NotConnectedError

log = structlog.get_logger()
Ready = tuple[Command, Sequence[Outgoing]]
"""A stored command and what to publish for it."""

WAIT_FOR_STORE_S: Final = 5.0
"""A command that cannot be stored within this is refused: what is not recorded is not done."""
GONE: Final = "no longer in the configuration"


class Act:
    """Carries decisions out, within the limits of the site."""

    def __init__(
        self,
        site: Site,
        links: Mapping[str, Link],
        journal: Journal,
        announce: Announce,
        docket: Docket,
        permits: Permits,
        clock: Clock,
    ) -> None:
        """Nothing is to be done."""
        self._site = site
        self._links = links
        self._journal = journal
        self._announce = announce
        self._docket = docket
        self._permits = permits
        self._clock = clock
        self._new_id = ids(clock)
        self._to_ask: list[Command] = []
        self.commanded: Callable[[Decision, Command], None] = lambda _decision, _command: None
        """Told each command that is made, with the decision that asks for it."""
        self.way: Callable[[Command], Link | None] = self._link
        """Where a command may leave; in a fleet a fenced connection."""
        self.leaving: Callable[[Command, Sequence[Outgoing]], None] = lambda _command, _out: None
        """Told each command right before it is published."""

    @property
    def site(self) -> Site:
        """What is commanded; a reload gives another, and ends what that one does not have."""
        return self._site

    @site.setter
    def site(self, site: Site) -> None:
        self._site = site
        for command in self._docket.orders.all():
            if self._action(command) is None:
                self._docket.end(command, _gone(command), GONE)
        self._to_ask = [one for one in self._to_ask if self._action(one) is not None]

    async def carry_out(self, decisions: Sequence[Decision]) -> None:
        """Record and announce decisions, and send the commands of those that may act."""
        ready: list[Ready] = []
        for decision in map(self._permits.listed, decisions):
            self._journal.batch.decisions.append(decision)
            self._announce.decision(decision)
            log_decision(decision)
            if decision.action and decision.mode is Mode.ACT and not decision.refused:
                ready += self._propose(decision)
        self._announce.alerts(decisions, self.site.watches)
        self._permits.settle()
        self._journal.changed()
        if ready:
            await self._send(ready)

    async def again(self, decision: Decision, attempt: int, refused: str) -> None:
        """Give the command of a decision once more: a new one, through all limits."""
        ready = self._propose(decision, attempt, refused)
        if ready:
            await self._send(ready)

    def _propose(self, decision: Decision, attempt: int = 1, refused: str = "") -> list[Ready]:
        """A stored command and what to publish for it; none when it was refused."""
        asset = self.site.settings.assets[decision.asset]
        action = asset.actions[decision.action]
        feed = self.site.feeds[action.source]
        command = self._command(decision, action, feed, attempt)
        refused = refused or self._permits.decided(decision)
        if refused:
            self._close(command, Step.REFUSE, refused)
            return []
        try:
            outgoing = feed.bridge.encode(order_of(command))
        except EncodeError as error:
            self._close(command, Step.REFUSE, str(error))
            return []
        command = step(step(command, Step.CHECK), Step.STORE)
        self._permits.note(command)
        self._docket.orders.add(command, action.proof)
        self.commanded(decision, command)
        return [(command, outgoing)]

    def _command(self, decision: Decision, action: Action, feed: Feed, attempt: int) -> Command:
        return draft(
            decision,
            action,
            feed.bridge,
            command_id=self._new_id(),
            boot=self._clock.boot,
            now_ms=self._clock.now_ms(),
            mono_ms=self._clock.mono_ms(),
            attempt=attempt,
        )

    async def _send(self, ready: Sequence[Ready]) -> None:
        """Commit, then publish; commands whose broker is away stay ``stored``."""
        sent: list[Ready] = []
        for command, outgoing in ready:
            if (link := self.way(command)) is not None and link.connected:
                sent.append((self._mark_sent(command), outgoing))
            else:
                self._docket.record(command)
        try:
            async with asyncio.timeout(WAIT_FOR_STORE_S):
                await self._journal.committed()
        except TimeoutError:
            for command, _ in sent:
                self._docket.end(command, Step.FAIL, "store did not answer; nothing was published")
            return
        for command, outgoing in sent:
            self._publish(command, outgoing)

    def _mark_sent(self, command: Command) -> Command:
        sent = step(
            command,
            Step.SEND,
            sent_at_ms=self._clock.now_ms(),
            sent_mono_ms=self._clock.mono_ms(),
        )
        self._docket.record(self._docket.orders.update(sent))
        return sent

    def _publish(self, command: Command, outgoing: Sequence[Outgoing]) -> None:
        if self._docket.orders.get(command.id) is None:
            return  # it ended while it was being committed: what has an outcome is not done
        late = self._clock.mono_ms() >= command.expires_mono_ms
        refused = "not sent in time" if late else self._permits.again(command)
        link = self.way(command)
        if refused or link is None:  # something changed while it was being committed
            why = refused or "the connection was lost"
            self._docket.end(command, Step.FAIL, f"{why}; nothing was published")
            return
        self.leaving(command, outgoing)
        self._docket.orders.published(command.id, self._clock.mono_ms())
        left_s = max(1.0, (command.expires_mono_ms - self._clock.mono_ms()) / 1000)
        done = partial(self._delivered, command.id)
        try:
            for message in outgoing:
                link.publish(message, expires_s=left_s, done=done, at_once=True)
        except NotConnectedError:  # it went between the commit and here: nothing left this machine
            self._docket.end(command, Step.FAIL, "connection lost before it was published")

    def _delivered(self, command_id: str, delivered: bool, reason: str) -> None:  # noqa: FBT001
        """The broker answered; ``lost`` leaves it open whether the message arrived."""
        command = self._docket.orders.get(command_id)
        if delivered or command is None or reason == "lost":
            return
        if command.state in (State.SENT, State.ACCEPTED):
            self._docket.end(command, Step.FAIL, f"broker: {reason}")

    async def on_connected(self, broker: str) -> None:
        """A broker is back: send what waited, ask about what may have been sent."""
        self._docket.on_time()
        ready = []
        for command in self._docket.orders.waiting():
            feed = self.site.feeds[command.source]
            if feed.source.broker != broker:
                continue
            refused = self._permits.again(command)
            if refused:
                self._docket.end(command, Step.REFUSE, refused)
                continue
            try:
                ready.append((command, feed.bridge.encode(order_of(command))))
            except EncodeError as error:
                self._docket.end(command, Step.REFUSE, str(error))
        if ready:
            await self._send(ready)
        to_ask, self._to_ask = self._to_ask, []
        for command in to_ask:
            feed = self.site.feeds[command.source]
            if feed.source.broker == broker:
                self._docket.ask(feed, feed.bridge.ask(order_of(command)))
            else:
                self._to_ask.append(command)

    def restore(self, commands: Sequence[Command]) -> None:
        """Take up the commands that were open when the daemon stopped."""
        now_ms, mono_ms = self._clock.now_ms(), self._clock.mono_ms()
        for stored in commands:
            command = resume(stored, self._clock.boot, mono_ms, now_ms)
            action = self._action(command)
            if action is None:
                self._close(command, _gone(command), GONE)
                continue
            if command.state is State.STORED and stored.boot != self._clock.boot:
                # It waited for its broker when the machine went down: nobody knows for how long.
                self._close(command, Step.EXPIRE, "not sent before the machine restarted")
                continue
            self._docket.orders.add(command, action.proof)
            if command.state is not State.STORED:
                self._to_ask.append(command)
            log.info("command_resumed", command_id=command.id, state=command.state.value)

    def _close(self, command: Command, what: Step, reason: str) -> None:
        now_ms = self._clock.now_ms()
        self._docket.record(step(command, what, reason=reason, ended_at_ms=now_ms))

    def _action(self, command: Command) -> Action | None:
        asset = self.site.settings.assets.get(command.asset)
        action = None if asset is None else asset.actions.get(command.action)
        return action if command.source in self.site.feeds else None

    def _link(self, command: Command) -> Link:
        return self._links[self.site.feeds[command.source].source.broker]


def _gone(command: Command) -> Step:
    """Its action is no longer in the file: it must not be sent, and cannot be confirmed."""
    return Step.REFUSE if command.state is State.STORED else Step.DEADLINE
