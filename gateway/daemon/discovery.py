"""Discovery: Home Assistant is told which devices there are, retained, and again when it starts.

A document is built when the file or a model's version changed, and published when it is other than
before. A component that is gone is taken back by naming its platform alone once; which ones there
were is kept in the store (room ``discovery``), so that a restart with another file takes them back,
too. Devices that are gone are taken back by ``Bulletin``, as every retained topic is.
"""

import json
import os
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Final

import structlog

from gateway import __version__
from gateway.core import discovery, discovery_gateway
from gateway.core.assets import Asset, model_rungs
from gateway.core.discovery import Gauge
from gateway.core.discovery_place import Place
from gateway.core.interventions import Kind
from gateway.core.messages import Message
from gateway.core.ports import Subscription
from gateway.core.topic_tree import Document, encode
from gateway.daemon.announce import Announce
from gateway.daemon.clock import Clock
from gateway.daemon.journal import Journal
from gateway.daemon.links import Link
from gateway.daemon.site import Site
from gateway.daemon.versions import Versions

ROOM: Final = "discovery"
"""Room of the store: topic -> the platform of each component, as JSON."""
JITTER_MS: Final = 5_000
"""Home Assistant starts for everybody at once: each answers at a moment of its own."""
AT_ONCE: Final = 50
"""Documents per second."""

log = structlog.get_logger()


def chance() -> float:
    """A number in [0, 1)."""
    return int.from_bytes(os.urandom(2)) / 65_536


class Discovery:
    """What Home Assistant knows of us; nothing while the file does not ask for it."""

    def __init__(
        self,
        kept: Mapping[str, str],
        link: Link,
        versions: Versions,
        journal: Journal,
        announce: Announce,
        clock: Clock,
        jitter: Callable[[], float] = chance,
    ) -> None:
        """``kept``: what the store holds of the room."""
        self._platforms: dict[str, dict[str, str]] = {
            topic: json.loads(text) for topic, text in kept.items()
        }
        self._link = link
        self._versions = versions
        self._journal = journal
        self._announce = announce
        self._clock = clock
        self._jitter = jitter
        self._births: list[Subscription] = []
        self._site: Site | None = None
        self._files = 0
        """Configurations that were taken."""
        self._made: dict[str, bytes] = {}
        """Topic -> the document that holds now."""
        self._built_of: object = None
        self._to_send: deque[str] = deque()
        self._again_ms: int | None = None
        self.built = 0
        """Documents that were built since the start."""

    def adopt(self, site: Site) -> None:
        """Announce this one; listen for Home Assistant's start where its file asks for it."""
        self._site, self._files = site, self._files + 1
        place = self._place()
        own = [wanted for wanted in self._link.own if wanted not in self._births]
        self._births = [Subscription(place.birth)] if place else []
        self._link.own = (*own, *self._births)

    def topics(self) -> Collection[str]:
        """Where something of ours is to be found; empty when it is off."""
        self._refresh()
        return self._made.keys()

    def heard(self, message: Message) -> bool:
        """Take Home Assistant's birth; True when the message is one of its status."""
        if not any(message.topic == wanted.filter for wanted in self._births):
            return False
        if message.payload == b"online" and not message.retain:
            self._again_ms = self._clock.mono_ms() + int(self._jitter() * JITTER_MS)
            log.info("home_assistant_started", topic=message.topic)
        return True

    def on_connected(self) -> None:
        """The broker may have forgotten everything."""
        self._again_ms = self._clock.mono_ms()

    def look(self) -> None:
        """Once a second: build what changed, send what is due."""
        self._refresh()
        if self._again_ms is not None and self._clock.mono_ms() >= self._again_ms:
            self._again_ms = None
            self._to_send = deque(self._made)
        for _ in range(min(AT_ONCE, len(self._to_send))):
            topic = self._to_send.popleft()
            if topic in self._made and not self._send(topic):
                self._to_send.clear()  # sent again when connected
                return

    def _send(self, topic: str) -> bool:
        """Send a document; components that are gone are named once with their platform alone."""
        payload = self._made[topic]
        document = json.loads(payload)
        platforms = {key: one["platform"] for key, one in document["components"].items()}
        before = self._platforms.get(topic, {})
        gone = {key: {"platform": one} for key, one in before.items() if platforms.get(key) != one}
        if gone:
            document["components"] |= gone
            if not self._announce.publish(topic, encode(document)):
                return False
        if not self._announce.publish(topic, payload):
            return False
        if before != platforms:
            self._platforms[topic] = platforms
            self._journal.batch.kept[ROOM, topic] = json.dumps(platforms)
            self._journal.changed()
        return True

    # -- building -------------------------------------------------------------------------------

    def _place(self) -> Place | None:
        settings = self._site.settings if self._site else None
        if settings is None or settings.homeassistant is None:
            return None
        most_ms = [
            settings.people[kind].most_ms for kind in (Kind.HOLD, Kind.MODE, Kind.MAINTENANCE)
        ]
        home = settings.homeassistant
        return Place(
            replace(home, hold_ms=min(home.hold_ms, *most_ms)),
            settings.base,
            settings.gateway_id,
            settings.gateway_name,
            __version__,
        )

    def _refresh(self) -> None:
        """Build everything when the file, or a version that judges, is another one than before."""
        actives = tuple(
            (model, lineage.active.hash if lineage.active else "")
            for model, lineage in self._versions.lineages.items()
        )
        if self._built_of != (self._files, actives):
            self._built_of = self._files, actives
            self._build()

    def _build(self) -> None:
        place, before = self._place(), self._made
        documents = dict(self._documents(place)) if place else {}
        self._made = {topic: encode(document) for topic, document in documents.items()}
        self.built += len(documents)
        self._to_send += [topic for topic in self._made if before.get(topic) != self._made[topic]]
        for topic in self._platforms.keys() - self._made.keys():
            del self._platforms[topic]
            self._journal.batch.kept[ROOM, topic] = None
            self._journal.changed()
        if before or documents:
            log.info("discovery_built", devices=len(documents))

    def _documents(self, place: Place) -> Iterator[tuple[str, Document]]:
        assert self._site is not None  # noqa: S101  # there is a place
        settings = self._site.settings
        whole = discovery_gateway.gateway(place, settings.sources, settings.models)
        yield place.topic(place.uid), whole
        for asset in settings.assets.values():
            one = discovery.asset(place, asset, self._gauges(asset))
            yield place.topic(place.uid_of(asset.id)), one

    def _gauges(self, asset: Asset) -> Iterator[Gauge]:
        for model in dict.fromkeys(rung.model for rung in model_rungs(asset.ladder)):
            manifest = self._versions.manifest(model)
            if manifest is None:
                yield Gauge(model)
            else:
                unit = manifest.scored.unit
                yield Gauge(model, remaining=manifest.task == "rul", unit=unit)
