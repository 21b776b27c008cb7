"""Ward: the devices in quarantine: taken in, told, recorded, shown, and let go.

Events and records of it are few however many devices there are: a flood must not fill the store
through the reports about it.
"""

from collections.abc import Mapping
from typing import Final

import structlog

from gateway.core import quarantine
from gateway.core.quarantine import Quarantine, Quarantined, Why
from gateway.core.requests import Request, RequestError
from gateway.core.source_limits import Bucket
from gateway.core.topic_tree import Document, rfc3339
from gateway.daemon.announce import Announce
from gateway.daemon.clock import Clock
from gateway.daemon.journal import Journal
from gateway.daemon.site import Feed, Site

ROOM: Final = "quarantine"
"""Room of the store: ``<source>/<device>`` -> why and until when, as JSON."""
TOLD: Final = 20
"""Devices whose quarantine is told and recorded at once; then one every three seconds."""

log = structlog.get_logger()


class Ward:
    """Who is in quarantine."""

    def __init__(self, site: Site, journal: Journal, announce: Announce, clock: Clock) -> None:
        """Nobody is."""
        self.site = site
        self.held = Quarantine()
        self._journal = journal
        self._announce = announce
        self._clock = clock
        self._telling = Bucket(TOLD, clock.mono_ms())

    def restore(self, kept: Mapping[str, str]) -> None:
        """Take up who was in quarantine; room ``quarantine``."""
        for text in kept.values():
            one = quarantine.restored(text, self._clock.boot, self._clock.mono_ms())
            if one is not None:
                self.held.put(one)

    def take(self, feed: Feed, device: str, why: Why, detail: str) -> None:
        """Put a device in quarantine, if it is not there."""
        name, clock = feed.source.name, self._clock
        if self.held.get(name, device) is not None:
            return
        for_ms = self.site.settings.security.quarantine_ms
        times = (clock.now_ms(), clock.mono_ms(), clock.boot, for_ms)
        one = Quarantined(name, device, why, detail[:256], *times)
        gone = self.held.put(one)
        if gone is not None:
            self._keep(gone, None)
        self._keep(one, quarantine.to_json(one))
        self._journal.batch.counts[f"quarantine:{name}", why.value] += 1
        if not self._telling.take(1 / 3_000, TOLD, clock.mono_ms()):
            return
        told = {"source": name, "device": device[:256], "why": why.value, "detail": one.detail}
        log.warning("device_quarantined", **told)
        self._announce.event("security_device_quarantined", **told, for_s=for_ms // 1000)

    def _keep(self, one: Quarantined, text: str | None) -> None:
        self._journal.batch.kept[ROOM, one.name] = text
        self._journal.changed()

    def release(self, source: str, device: str, by: str, reason: str = "") -> bool:
        """Let a device go; whether it was there."""
        one = self.held.release(source, device)
        if one is None:
            return False
        self._keep(one, None)
        feed = self.site.feeds.get(source)
        if feed is not None:
            feed.gate.unmute(device)
        told = {"source": source, "device": device, "by": by, "reason": reason}
        log.info("device_released", **told)
        self._announce.event("security_device_released", **told)
        return True

    # -- who asks -------------------------------------------------------------------------------

    def look(self) -> None:
        """Release those whose time is over."""
        for one in self.held.over(self._clock.mono_ms()):
            self.release(one.source, one.device, "time")

    def problems(self) -> list[str]:
        """One line each."""
        held = list(self.held)
        found = [f"device {one.name}: quarantined, {one.detail}" for one in held[:TOLD]]
        if len(held) > TOLD:
            found.append(f"{len(held) - TOLD} more devices are quarantined")
        return found

    def documents(self) -> list[Document]:
        """Who is in quarantine."""
        mono_ms, now_ms = self._clock.mono_ms(), self._clock.now_ms()
        return [
            {
                "source": one.source,
                "device": one.device,
                "why": one.why.value,
                "detail": one.detail,
                "since": rfc3339(one.at_ms),
                "until": rfc3339(now_ms + max(0, one.left_ms(mono_ms))),
            }
            for one in self.held
        ]

    async def answer(self, request: Request) -> Mapping[str, object]:
        """``request/quarantine``: list, or release a device.

        Raises:
            RequestError: it is not there, or something else is asked.
        """
        action = request.fields.get("action", "list")
        if action == "list":
            return {"quarantined": self.documents()}
        if action != "release":
            raise RequestError("action should be list or release")
        source, _, device = str(request.fields.get("device", "")).partition("/")
        author = str(request.fields.get("author") or "somebody")[:64]
        reason = str(request.fields.get("reason") or "")[:256]
        if not self.release(source, device, author, reason):
            raise RequestError(f"{source}/{device} is not in quarantine")
        return {"released": f"{source}/{device}"}

    def forget(self, source: str, device: str) -> None:
        """Remember nothing of a device."""
        one = self.held.release(source, device)
        if one is not None:
            self._keep(one, None)
