"""Guard: what is over a source's limits, who is in quarantine, and that everybody can see it.

What is dropped by a limit is counted by its reason and acknowledged, so that it does not come
again. Rows, events and records of it are few however many messages there are: a flood must not fill
the store through the reports about it.
"""

import re
from collections.abc import Mapping
from typing import Final

import structlog

from gateway.core.messages import Event, Message, Presence, Reason, Result, Roster, Uplink
from gateway.core.quarantine import Why
from gateway.core.source_limits import Bucket, Over
from gateway.daemon.announce import Announce
from gateway.daemon.clock import Clock
from gateway.daemon.journal import Journal
from gateway.daemon.pulse import Pulse
from gateway.daemon.site import Feed, Site
from gateway.daemon.ward import Ward
from gateway.store.batch import RejectRow

IDENTITY: Final = "identity"
"""Reason of a bridge's reject: a message claims to be of another device than its topic."""
QUIET_MS: Final = 60_000
"""A source that was within its limits for so long is within them again."""
ROWS: Final = 10
"""Refused messages of a source kept per minute, for people to look at."""
ADDRESSES: Final = 10_000
_UNIQUE: Final = re.compile(r"(0x)?[0-9a-f]{16}")
"""IEEE address or devEUI: nobody else has it."""

log = structlog.get_logger()


class Guard:
    """The limits and the quarantine of a site."""

    def __init__(
        self,
        site: Site,
        pulses: Mapping[str, Pulse],
        journal: Journal,
        announce: Announce,
        clock: Clock,
    ) -> None:
        """Nobody is in quarantine."""
        self.ward = Ward(site, journal, announce, clock)
        self._held = self.ward.held.by_device
        self._site = site
        self._pulses = pulses
        self._journal = journal
        self._announce = announce
        self._clock = clock
        self._owners: dict[str, tuple[str, str]] = {}
        """Address -> source and device that were heard first under it."""
        self._over: dict[tuple[str, Over], int] = {}
        """Which limits are being passed, and when that happened last."""
        self._rows: dict[str, Bucket] = {}

    @property
    def site(self) -> Site:
        """Whose sources it guards."""
        return self._site

    @site.setter
    def site(self, site: Site) -> None:
        self._site = self.ward.site = site

    # -- the hot path ---------------------------------------------------------------------------

    def heard(self, feed: Feed, uplink: Uplink, message: Message) -> Uplink | None:
        """What remains of an uplink: itself, itself as bad, or nothing."""
        gate, device = feed.gate, uplink[0]
        heard = gate.devices.get(device)
        if heard is None:
            heard = gate.welcome(device, message[7])
            if heard is None:
                self.over(feed, message, Over.DEVICES)
                return None
            self._first(feed, device)
        elif gate.floods(heard, message[7]):
            self._flooded(feed, device, message)
        if uplink.frame is not None:
            gate.frame(heard, uplink.frame, uplink.link.get("missed_frames"))
        if not self._held:
            return uplink
        return self._as_held(feed, uplink, message)

    def _as_held(self, feed: Feed, uplink: Uplink, message: Message) -> Uplink | None:
        name, device = feed.source.name, uplink.device
        one = self.ward.held.get(name, device)
        if one is None:
            return uplink
        self._journal.batch.counts[f"quarantine:{name}", Over.MUTED.value] += 1
        if one.why is Why.FLOOD:
            if f"/{device}/" in f"/{message.topic}/":  # the topic is the device's own
                feed.gate.mute(message.topic, device)
            return None
        return uplink._replace(reason=Reason.QUARANTINED)

    def silences(self, feed: Feed, event: Event) -> bool:
        """The event is a device's word, beside its readings, that does not count."""
        if not self._held or not isinstance(event, Presence | Result) or not event.device:
            return False
        return self.ward.held.get(feed.source.name, event.device) is not None

    def repeated(self, feed: Feed) -> None:
        """What was delivered before came again."""
        feed.gate.tally.repeats += 1
        self._journal.batch.counts[feed.source.name, "duplicate"] += 1

    # -- limits ---------------------------------------------------------------------------------

    def over(self, feed: Feed, message: Message, over: Over) -> None:
        """A message is over a limit: count it; show it, if not too many were shown."""
        name, mono_ms = feed.source.name, message.received_mono_ms
        if over is Over.MUTED:
            self._journal.batch.counts[f"quarantine:{name}", over.value] += 1
            return
        feed.rejects += 1
        self._journal.batch.counts[name, over.value] += 1
        if (name, over) not in self._over:
            limits = str(over).removeprefix("over_")
            log.warning("source_limited", source=name, limit=limits, topic=message.topic[:256])
            self._announce.event(
                "security_source_limited", source=name, limit=limits, topic=message.topic[:256]
            )
        self._over[name, over] = mono_ms
        rows = self._rows.setdefault(name, Bucket(ROWS, mono_ms))
        if rows.take(ROWS / 60_000, ROWS, mono_ms):
            kept = (message.topic[:512], message.payload, over.value, "over a limit of its source")
            self._journal.reject(RejectRow(name, message.broker, *kept, message.received_at_ms))

    # -- quarantine -----------------------------------------------------------------------------

    def claims(self, feed: Feed, device: str, detail: str) -> None:
        """A message on a device's topic claims to be of another."""
        if device:
            self.ward.take(feed, device, Why.IDENTITY, detail)

    def roster(self, feed: Feed, roster: Roster, message: Message) -> None:
        """Take a bridge's registry; a broker without persistence forgets it, so it is kept.

        Another device under a name that is mapped is told.
        """
        if roster.warnings != feed.warnings and roster.warnings:
            feed.warnings = roster.warnings
            for warning in roster.warnings:
                log.warning("bridge_limited", source=feed.source.name, advice=warning)
        text = message.payload.decode("utf-8", "replace")
        self._journal.batch.kept["roster", f"{feed.source.name}\n{message.topic}"] = text
        self._journal.changed()
        for one in roster.devices:
            if not (one.address and feed.gate.names(one.device)):
                continue
            before = feed.addresses.get(one.device)
            feed.addresses[one.device] = one.address
            if before not in (None, one.address):
                told = {"source": feed.source.name, "device": one.device}
                log.warning("device_replaced", **told, address=one.address, before=before)
                self._announce.event(
                    "security_device_replaced", **told, address=one.address, before=before
                )

    def _first(self, feed: Feed, device: str) -> None:
        """A device is heard for the first time: does its address belong to another source?"""
        known = feed.bridge.device(device)
        address = (known.address if known is not None else "") or device
        if not _UNIQUE.fullmatch(address.lower()):
            return
        address, name = address.lower().removeprefix("0x"), feed.source.name
        if address not in self._owners and len(self._owners) >= ADDRESSES:
            return
        source, other = self._owners.setdefault(address, (name, device))
        before = self._site.feeds.get(source)
        if source == name or before is None:
            return
        if not feed.gate.names(device):
            self.ward.take(feed, device, Why.IDENTITY, f"its address was heard on {source} before")
        elif not before.gate.names(other):
            self._owners[address] = (name, device)
            self.ward.take(before, other, Why.IDENTITY, f"its address belongs to {name}")

    def _flooded(self, feed: Feed, device: str, message: Message) -> None:
        if self._pulses[message.broker].current:
            limit = feed.gate.limits.device_per_second
            self.ward.take(feed, device, Why.FLOOD, f"more than {limit:g} messages a second")

    # -- once a second --------------------------------------------------------------------------

    def look(self) -> None:
        """A source that is quiet is within its limits; quarantine ends by time."""
        self.ward.look()
        mono_ms = self._clock.mono_ms()
        for key in [key for key, at_ms in self._over.items() if mono_ms - at_ms > QUIET_MS]:
            del self._over[key]
            log.info("source_within_limits", source=key[0], limit=key[1].removeprefix("over_"))

    def problems(self) -> list[str]:
        """One line each."""
        found = [
            f"source {name}: over its limit of {over.removeprefix('over_')}"
            for name, over in self._over
        ]
        return found + self.ward.problems()

    def forget(self, source: str, device: str) -> None:
        """Remember nothing of a device."""
        self.ward.forget(source, device)
        self._owners = {at: own for at, own in self._owners.items() if own != (source, device)}
        feed = self._site.feeds.get(source)
        if feed is not None:
            feed.gate.forget(device)
            feed.addresses.pop(device, None)
