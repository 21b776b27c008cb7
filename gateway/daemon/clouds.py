"""Clouds: the models elsewhere that a file names, what is spent on them, what left for them."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from gateway.adapters.pseudonym_key import NAME, open_pseudonyms
from gateway.config.settings import CloudModel
from gateway.core.audit import Kind, Record
from gateway.core.messages import Message
from gateway.core.topic_tree import Document
from gateway.daemon.clock import Clock
from gateway.daemon.cloud import Cloud, Way
from gateway.daemon.cloud_http import checked
from gateway.daemon.cloud_mqtt import MqttWay
from gateway.daemon.journal import Journal
from gateway.daemon.links import Link
from gateway.daemon.site import Site

ROOM: Final = "inference"
"""Room of the store: cloud -> what is spent of today's budget."""
RECORD_S: Final = 3_600.0
"""What left is put on record so often, where anything did."""


class Clouds:
    """All of a file."""

    def __init__(
        self,
        site: Site,
        links: Mapping[str, Link],
        kept: Mapping[str, str],
        journal: Journal,
        clock: Clock,
    ) -> None:
        """``kept``: the store's room.

        Raises:
            ConfigError: a library is not installed.
        """
        self._links = links
        self._kept = dict(kept)
        self._journal = journal
        self._clock = clock
        self._gone: set[asyncio.Task[None]] = set()
        self.by_name: dict[str, Cloud] = {}
        self.site = site

    @property
    def site(self) -> Site:
        """Whose clouds these are."""
        return self._site

    @site.setter
    def site(self, site: Site) -> None:
        self._site = site
        before = self.by_name
        self.by_name = {
            name: self._same(before.get(name), settings) or self._made(name, settings)
            for name, settings in site.settings.clouds.items()
        }
        self._listen()
        gone = [one for name, one in before.items() if self.by_name.get(name) is not one]
        self._gone |= {asyncio.ensure_future(cloud.way.close()) for cloud in gone}

    def _same(self, cloud: Cloud | None, settings: CloudModel) -> Cloud | None:
        if cloud is None or cloud.settings != settings:
            return None
        cloud.forgive()
        return cloud

    def _made(self, name: str, settings: CloudModel) -> Cloud:
        privacy, store = self._site.settings.privacy, self._site.settings.store
        names = partial(open_pseudonyms, privacy.key_file, store.path.with_name(NAME))
        cloud = Cloud(settings, self._way(settings), names, self._clock)
        cloud.purse.restore(self._kept.get(name, ""))
        return cloud

    def _way(self, settings: CloudModel) -> Way:
        if settings.url:
            return checked(settings)
        answers = f"{self._site.settings.base}/inference/{settings.name}"
        late = partial(self.count, settings.name, "late")
        return MqttWay(self._links[settings.broker], settings.topic, answers, late)

    def _listen(self) -> None:
        ours = f"{self._site.settings.base}/inference/"
        for link in self._links.values():
            ways = [one.way for one in self.by_name.values() if one.settings.broker == link.name]
            wanted = [way.subscription for way in ways if isinstance(way, MqttWay)]
            others = [one for one in link.own if not one.filter.startswith(ours)]
            link.own = (*others, *wanted)

    def hear(self, others: Callable[[Message], bool]) -> Callable[[Message], bool]:
        """Who takes answers that come over MQTT, before ``others``."""

        def heard(message: Message) -> bool:
            ways = [one.way for one in self.by_name.values()]
            return any(isinstance(way, MqttWay) and way.hear(message) for way in ways) or others(
                message
            )

        return heard

    # -- the record, and the end ---------------------------------------------------------------

    async def run(self) -> None:
        """Put on record what left, for ever."""
        while True:
            await asyncio.sleep(RECORD_S)
            self.record()

    def record(self) -> None:
        """What left since the last time: how often, how much, its digest; not what it was."""
        for name, cloud in self.by_name.items():
            left, settings = cloud.egress.take(), cloud.settings
            if left:
                told: Document = {
                    "model": settings.model,
                    "to": settings.url or f"{settings.broker}/{settings.topic}",
                    "egress": settings.egress,
                    "fields": list(settings.fields),
                    "pseudonyms": settings.pseudonyms,
                }
                self._journal.batch.records.append(Record(Kind.EGRESS, name, told | left))
                self._journal.changed()

    def keep(self, cloud: Cloud) -> None:
        """Store what is spent of its budget."""
        name = cloud.settings.name
        self._kept[name] = self._journal.batch.kept[ROOM, name] = cloud.purse.to_json()
        self._journal.changed()

    def count(self, name: str, reason: str) -> None:
        """Count what became of a question, for health and for ever."""
        if name in self.by_name:
            self.by_name[name].counts[reason] += 1
        self._journal.batch.counts[f"cloud:{name}", reason] += 1

    async def close(self) -> None:
        """Let the connections go."""
        ways = [cloud.way.close() for cloud in self.by_name.values()]
        await asyncio.gather(*ways, *self._gone, return_exceptions=True)

    # -- health --------------------------------------------------------------------------------

    def problems(self) -> list[str]:
        """One line each."""
        return [why for cloud in self.by_name.values() if (why := cloud.problem())]

    def documents(self) -> Document:
        """By name."""
        return {name: cloud.document() for name, cloud in self.by_name.items()}
