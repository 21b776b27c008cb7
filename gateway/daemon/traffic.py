"""Traffic: the messages of each source are scored once a minute, by a model, in the worker.

It can only raise an alert: nothing that moves a machine listens to it. A minute in which a broker
connected is left out, for what it brings then is no measure of what comes otherwise.
"""

import asyncio
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import structlog

import gateway.models
from gateway.core.carried import Carried
from gateway.core.questions import Question
from gateway.core.traffic import FEATURES, PERIOD_MS, SETTLE_MS, Deviation, deviations
from gateway.daemon.announce import Announce
from gateway.daemon.clock import Clock
from gateway.daemon.inference import Inference
from gateway.daemon.journal import Journal
from gateway.daemon.links import Link
from gateway.daemon.site import Feed, Site
from gateway.errors import PackageError
from gateway.models.package import Package, verify

ROOM: Final = "traffic"
"""Room of the store: source -> what is usual there."""
MODEL: Final = "traffic-anomaly"
PLACE: Final = Path(gateway.models.__path__[0]) / MODEL
LOOK_S: Final = 1.0
DEADLINE_S: Final = 5.0
KEEP: Final = 10
"""Periods between two times that the state is stored."""
SHOWN: Final = 3

log = structlog.get_logger()


class Unusual(NamedTuple):
    """A source whose traffic is unusual now."""

    score: float
    features: tuple[Deviation, ...]
    """Those that lie farthest off."""


def resident(site: Site) -> Mapping[str, Package]:
    """The package, where the file wants it; an installation without it is told once."""
    wanted = site.settings.security.traffic
    if wanted == "never" or (wanted == "auto" and not site.settings.models):
        return {}
    try:
        return {MODEL: verify(PLACE, "")}
    except PackageError as error:
        log.warning("traffic_not_scored", error=str(error))
        return {}


class Traffic:
    """The sources of a site."""

    def __init__(
        self,
        site: Site,
        links: Mapping[str, Link],
        inference: Inference,
        journal: Journal,
        announce: Announce,
        clock: Clock,
    ) -> None:
        """Nothing is usual yet."""
        self.site = site
        self._links = links
        self._inference = inference
        self._journal = journal
        self._announce = announce
        self._clock = clock
        self._known: dict[str, Carried] = {}
        self._kept: Mapping[str, str] = {}
        self._started_ms = clock.mono_ms()
        self._due_ms = self._started_ms + PERIOD_MS
        self._connected: dict[str, int] = {}
        self.unusual: dict[str, Unusual] = {}

    def restore(self, kept: Mapping[str, str]) -> None:
        """What was usual before the daemon stopped."""
        self._kept = kept

    async def run(self) -> None:
        """Score for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            if self._clock.mono_ms() >= self._due_ms:
                await self.look()

    async def look(self) -> None:
        """A period is over: score every source."""
        mono_ms = self._clock.mono_ms()
        self._due_ms = mono_ms + PERIOD_MS
        package = self._inference.resident.get(MODEL)
        settled = mono_ms - self._started_ms >= SETTLE_MS
        questions, asked = [], []
        for name, feed in self.site.feeds.items():
            features = feed.gate.tally.close(settled=settled)
            if package is not None and self._steady(feed):
                carried = self._carried(name, package)
                carried.meet((carried.end_ms or 0) + carried.step_ms)
                asked.append((name, features, carried.values))
                values = array("d", features)
                questions.append(Question(MODEL, name, values, 1, len(FEATURES), carried))
        if not questions:
            return
        scores = await self._inference.judge(questions, DEADLINE_S)
        for (name, features, state), score in zip(asked, scores, strict=True):
            if not isinstance(score, str):
                self._judged(name, features, state, score)
            carried = self._known[name]
            if carried.steps % KEEP == 0:
                self._journal.batch.kept[ROOM, name] = carried.to_json()
                self._journal.changed()

    def _steady(self, feed: Feed) -> bool:
        """Its broker was connected all the time."""
        link = self._links[feed.source.broker]
        since = link.client.state.since_mono_ms
        before, self._connected[feed.source.name] = (
            self._connected.get(feed.source.name),
            since,
        )
        return link.connected and before == since

    def _carried(self, name: str, package: Package) -> Carried:
        known = self._known.get(name)
        if known is None:
            manifest = package.manifest
            outputs = tuple((memory.output, memory.size) for memory in manifest.memories)
            known = self._known[name] = Carried(outputs, PERIOD_MS, manifest.warmup, 0)
            known.restore(self._kept.get(name, ""))
        return known

    def _judged(
        self, name: str, features: tuple[float, ...], state: tuple[float, ...], score: float
    ) -> None:
        was = name in self.unusual
        if score < (0.5 if was else 1.0):
            if was:
                del self.unusual[name]
                log.info("traffic_usual", source=name)
            return
        found = tuple(deviations(features, state)[:SHOWN])
        self.unusual[name] = Unusual(score, found)
        if was:
            return
        first = found[0]
        told = {"source": name, "score": round(score, 2), "feature": first.feature}
        told |= {"value": first.value, "usual": first.usual}
        log.warning("traffic_anomaly", **told)
        others = [one._asdict() for one in found]
        self._announce.event("security_traffic_anomaly", **told, features=others)

    def problems(self) -> list[str]:
        """One line each."""
        return [
            f"source {name}: unusual traffic, {one.features[0].feature}"
            f" {one.features[0].value:g} a minute, usually {one.features[0].usual:g}"
            for name, one in self.unusual.items()
        ]
