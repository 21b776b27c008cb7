"""Health: what works less than it should, and the document that says so."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol

from gateway.config.keypaths import shown as shown_keys
from gateway.core import topic_tree
from gateway.core.interventions import GATEWAY, Standing
from gateway.core.interventions_told import mode_override, shown
from gateway.core.topic_tree import Document
from gateway.daemon.audit import Audit
from gateway.daemon.clock import Clock
from gateway.daemon.clouds import Clouds
from gateway.daemon.guard import Guard
from gateway.daemon.inference import Inference
from gateway.daemon.ingest import Ingest
from gateway.daemon.journal import Journal
from gateway.daemon.links import Link
from gateway.daemon.maintenance import Maintenance
from gateway.daemon.page import Page
from gateway.daemon.periods import Periods
from gateway.daemon.pulse import Pulse
from gateway.daemon.site import Feed, Site
from gateway.daemon.sync import Sync
from gateway.daemon.traffic import Traffic
from gateway.daemon.updates import Updates
from gateway.store.batch import StoreHealth


class Fellow(Protocol):
    """A member of a fleet."""

    def problems(self) -> list[str]:
        """What works less than it should, one line each."""
        ...

    def document(self) -> Document:
        """Its part of the health document."""
        ...


SAFE_MODE: Final = "configuration: safe mode: "
"""How the problem begins that says so."""


def state_of(problems: Sequence[str]) -> str:
    """``running``, ``degraded`` while there are problems, or ``safe_mode``."""
    if any(one.startswith(SAFE_MODE) for one in problems):
        return "safe_mode"
    return "degraded" if problems else "running"


class Health:
    """Looks at every part; changes none."""

    def __init__(
        self,
        site: Site,
        links: Mapping[str, Link],
        pulses: Mapping[str, Pulse],
        journal: Journal,
        ingest: Ingest,
        inference: Inference,
        maintenance: Maintenance,
        periods: Periods,
        standing: Standing,
        clock: Clock,
    ) -> None:
        """What is looked at."""
        self.site = site
        self._links = links
        self._pulses = pulses
        self._journal = journal
        self._ingest = ingest
        self._inference = inference
        self._maintenance = maintenance
        self._periods = periods
        self._standing = standing
        self._clock = clock
        self.failing: Mapping[str, str] = MappingProxyType({})
        """Route of alerts -> why its last letter did not arrive."""
        self.guard: Guard | None = None
        """Attached before the first look, as ``traffic`` and ``audit``."""
        self.traffic: Traffic | None = None
        self.updates: Updates | None = None
        self.clouds: Clouds | None = None
        self.sync: Sync | None = None
        self.page: Page | None = None
        self.audit: Audit | None = None
        """Attached before the first look."""
        self.restart_required: tuple[str, ...] = ()
        """Keys of the file that hold at the next start."""
        self.more: list[Callable[[], list[str]]] = []
        """What else may work less than it should."""
        self.fleet: Fellow | None = None
        """The fleet as this gateway sees it; None: it is alone."""

    def problems(self) -> list[str]:
        """What works less than it should, one line each."""
        found = [
            f"broker {link.name}: {link.client.state.last_error or 'not connected'}"
            for link in self._links.values()
            if not link.connected
        ]
        found += [
            f"broker {link.name} refused {topic}: {reason}"
            for link in self._links.values()
            for topic, reason in link.client.state.refused.items()
        ]
        found += [
            f"broker {name}: connected, but our own messages do not come back"
            for name, pulse in self._pulses.items()
            if pulse.deaf
        ]
        if self._journal.trouble:
            found.append(f"store: {self._journal.trouble}")
        if self._inference.state == "down":
            found.append(": ".join(filter(None, ("worker: down", self._inference.failed))))
        found += [f"model {name}: {why}" for name, why in self._inference.refused.items()]
        found += self._periods.problems()
        for feed in self.site.feeds.values():
            if feed.rhythm.silent:
                found.append(f"source {feed.source.name}: silent")
            if feed.bridge_online is False:
                found.append(f"source {feed.source.name}: its bridge is offline")
        for watch in self.site.watches.values():
            found += [str(slow) for slow in watch.slow()]
        found += [f"{route}: {why}" for route, why in self.failing.items()]
        found += self._trust()
        if not self._ingest.uplinks.clock_ok:
            found.append("clock: not synchronised")
        stop = self._standing.stop(self._clock.mono_ms())
        if stop is not None and stop is self._standing.safe_mode:
            found.append(f"{SAFE_MODE}{stop.reason}: nothing is commanded")
        elif stop is not None:
            found.append(f"gateway: stopped by {stop.author}: {stop.reason}".removesuffix(": "))
        return found

    def _trust(self) -> list[str]:
        """What cannot be relied on."""
        found = self.guard.problems() if self.guard is not None else []
        found += self.traffic.problems() if self.traffic is not None else []
        found += self.updates.problems() if self.updates is not None else []
        found += self.clouds.problems() if self.clouds is not None else []
        found += self.sync.problems() if self.sync is not None else []
        found += self.page.problems() if self.page is not None else []
        found += self.fleet.problems() if self.fleet is not None else []
        found += [line for tell in self.more for line in tell()]
        why = self.audit.problem() if self.audit is not None else ""
        return [*found, why] if why else found

    def document(self, store: StoreHealth, counters: Mapping[tuple[str, str], int]) -> Document:
        """The health document, ``<base>/health``."""
        times = (self._clock.now_ms(), self._clock.mono_ms())
        problems = self.problems()
        parts: Document = {
            "problems": problems,
            "restart_required": shown_keys(self.restart_required),
            "brokers": {name: _link(link) for name, link in self._links.items()},
            "sources": {name: self._feed(feed) for name, feed in self.site.feeds.items()},
            "store": {
                "state": self._journal.trouble or store.state,
                "bytes": store.bytes,
                "max_bytes": self.site.settings.store.max_bytes,
                "full_in_s": store.full_in_s,
                "free_disk_bytes": store.free_disk_bytes,
                "rows": dict(store.rows),
            },
            "worker": {
                "state": self._inference.state,
                "restarts": self._inference.restarts,
                "rss_bytes": self._inference.rss_bytes,
            },
            "inference": self.clouds.documents() if self.clouds else {},
            "sync": self.sync.document() if self.sync else {},
            "models": self._maintenance.abstentions.rates(),
            "calibrations": self._periods.documents(),
            "clock_ok": self._ingest.uplinks.clock_ok,
            "stop": shown(self._standing.stop(times[1]), *times),
            "mode_override": mode_override(self._standing, GATEWAY, *times),
            "quarantine": self.guard.ward.documents() if self.guard else [],
            "audit": self.audit.document() if self.audit else {},
            "counters": {f"{scope}/{reason}": n for (scope, reason), n in counters.items()},
        }
        parts |= {"fleet": self.fleet.document()} if self.fleet is not None else {}
        if self.updates is not None and (updates := self.updates.document()):
            parts["updates"] = updates
        if self.page is not None and (page := self.page.document()):
            parts["page"] = page
        return topic_tree.health(state_of(problems), self._clock.now_ms(), parts)

    def _feed(self, feed: Feed) -> Document:
        last = feed.rhythm.last_mono_ms
        return {
            "messages": feed.messages,
            "readings": feed.readings,
            "rejects": feed.rejects,
            "silent": feed.rhythm.silent,
            "bridge_online": feed.bridge_online,
            "offline": sorted(feed.offline),
            "last_s": None if last is None else (self._clock.mono_ms() - last) // 1000,
            "advice": list(feed.warnings),
        }


def _link(link: Link) -> Document:
    state = link.client.state
    return {
        "connected": state.connected,
        "protocol": state.protocol,
        "session_present": state.session_present,
        "error": state.last_error or None,
        "counters": dict(link.client.counters),
    }
