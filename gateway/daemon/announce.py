"""Announce: what subscribers see, under ``edge/<gateway id>/``.

Events (decisions, commands, alerts) are rows of the outbox, stored with what they tell about. State
and health are only worth their newest value: they are published when they change and again after
each reconnect.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog

from gateway.core import topic_tree, topic_tree_sizes
from gateway.core.commands import Command
from gateway.core.ports import Outgoing
from gateway.core.topic_tree import Document
from gateway.core.verdicts import Decision, Mode
from gateway.core.watch import Watch
from gateway.daemon.clock import Clock
from gateway.daemon.ear import Ear
from gateway.daemon.journal import Journal
from gateway.daemon.links import Link, ignore
from gateway.daemon.retained import Retained
from gateway.errors import NotConnectedError
from gateway.store.batch import OutboxRow

LATER: Final = ("alert", "explanation")
"""What an asset retains once it has had an alarm. Noted when the asset is first spoken of: an
alarm's commit, which a command waits for, would be some pages longer."""

log = structlog.get_logger()


class Announce:
    """Our own topics, on one broker."""

    def __init__(self, base: str, link: Link, clock: Clock) -> None:
        """``base`` is ``edge/<gateway id>``."""
        self._base = base
        self._link = link
        self._clock = clock
        self._journal: Journal | None = None
        self.ears: list[Ear] = []
        """Who else is told of decisions, commands and events."""
        self.screen: Callable[[str, bytes], None] | None = None
        """Shown every document, by its topic below the base; whether or not a broker is there."""
        self.shown_ms: dict[str, int] = {}
        """When each asset's state was published last, monotonic ms."""

    def attach(self, journal: Journal, retained: Retained) -> None:
        """Events go into this journal's batches; what is retained is remembered."""
        self._journal = journal
        self.retained = retained

    # -- events ---------------------------------------------------------------------------------

    def decision(self, made: Decision) -> None:
        """A decision; a shadow policy is recorded only."""
        if made.mode is Mode.SHADOW:
            return
        for ear in self.ears:
            ear.decision(made)
        document = topic_tree.decision(made, self._clock.now_ms())
        self._event(f"asset/{made.asset}/decision", document)

    def alerts(self, decisions: Sequence[Decision], watches: Mapping[str, Watch]) -> None:
        """What is raised now on the assets where it changed, once each."""
        told = (one for one in decisions if one.event in ("raised", "cleared"))
        for asset in dict.fromkeys(one.asset for one in told if one.mode is not Mode.SHADOW):
            if asset in watches:
                self.alert(watches[asset])

    def alert(self, watch: Watch) -> None:
        """What is raised on an asset has changed, or who has seen it."""
        now_ms = self._clock.now_ms()
        raised = topic_tree.seen(watch, now_ms, self._clock.mono_ms())
        document = topic_tree.alert(watch.asset.id, raised, now_ms)
        self._event(f"asset/{watch.asset.id}/alert", document, retain=True)

    def explanation(self, made: Decision, tree: Document) -> None:
        """Why a decision was made; of a shadow policy it is recorded only."""
        if made.mode is not Mode.SHADOW:
            document = topic_tree.explanation(tree, self._clock.now_ms())
            self._event(f"asset/{made.asset}/explanation", document, retain=True)

    def command(self, order: Command) -> None:
        """A command has a new state."""
        for ear in self.ears:
            ear.command(order)
        document = topic_tree.command(order, self._clock.now_ms())
        self._event(f"asset/{order.asset}/command", document)

    def maintenance(self, asset: str, causes: list[Document]) -> None:
        """What a person should look at; retained until it is over, and an event each time."""
        document = topic_tree.maintenance(asset, causes, self._clock.now_ms())
        self._event(f"asset/{asset}/maintenance", document, retain=True)
        self.event("drift_changed", asset=asset, causes=causes)

    def event(self, kind: str, /, **keys: object) -> None:
        """Something happened to the gateway itself: ``event``, not retained."""
        for ear in self.ears:
            ear.event(kind, keys)
        document = topic_tree.head(self._clock.now_ms()) | {"event": kind} | keys
        self._event("event", document)

    def _event(self, topic: str, document: Document, *, retain: bool = False) -> None:
        payload = topic_tree_sizes.payload(topic, document)
        self._show(topic, payload)
        self._keep(OutboxRow(f"{self._base}/{topic}", payload, retain=retain))

    def _keep(self, row: OutboxRow) -> None:
        assert self._journal is not None  # noqa: S101  # attached before the first message
        if row.retain and row.payload:
            self.retained.note(row.topic)
        self._journal.batch.outbox.append(row)
        self._journal.changed()

    def _show(self, topic: str, payload: bytes) -> None:
        if self.screen is not None:
            self.screen(topic, payload)

    def take_back(self, topic: str) -> None:
        """Nobody renews this retained topic any more: empty it, and forget it, in one commit."""
        self._keep(OutboxRow(topic, b"", retain=True))
        self.retained.forget(topic)
        log.info("topic_cleared", topic=topic)

    # -- state ----------------------------------------------------------------------------------

    def asset(self, watch: Watch) -> None:
        """The state of one asset."""
        document = topic_tree.asset_state(watch, self._clock.now_ms(), self._clock.mono_ms())
        self.shown_ms[watch.asset.id] = self._clock.mono_ms()
        self.now(f"asset/{watch.asset.id}/state", document)

    def availability(self, asset: str, *, fresh: bool) -> None:
        """Whether anything fresh is known of an asset."""
        for ear in self.ears:
            ear.fresh(asset, fresh=fresh)
        word = b"online" if fresh else b"offline"
        self._show(f"asset/{asset}/availability", word)
        for later in LATER:
            self.retained.note(f"{self._base}/asset/{asset}/{later}")
        self.publish(f"{self._base}/asset/{asset}/availability", word)

    def health(self, document: Document) -> None:
        """The health document."""
        self.now("health", document)

    def now(self, topic: str, document: Document) -> None:
        """A document that is only worth its newest value; retained."""
        payload = topic_tree_sizes.payload(topic, document)
        self._show(topic, payload)
        self.publish(f"{self._base}/{topic}", payload)

    def publish(self, topic: str, payload: bytes, qos: int = 1, *, retain: bool = True) -> bool:
        """Publish now or not at all; whether it was handed over."""
        if retain:
            self.retained.note(topic)
        try:
            self._link.publish(Outgoing(topic, payload, qos, retain=retain), done=ignore)
        except NotConnectedError:
            return False  # published again when connected
        return True
