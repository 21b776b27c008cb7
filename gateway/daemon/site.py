"""The site: the sources and assets of one configuration, built and ready to take messages."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway import registry
from gateway.config.settings import Settings, Source
from gateway.core import topics
from gateway.core.assets import Asset, model_rungs
from gateway.core.gates import Gates
from gateway.core.ids import RANDOM_BYTES, new_id
from gateway.core.latest import Latest
from gateway.core.mapping import Mapper
from gateway.core.policy import Policy
from gateway.core.ports import Bridge, Subscription
from gateway.core.rhythm import Rhythm
from gateway.core.source_limits import Gate
from gateway.core.spans import spans
from gateway.core.watch import Watch
from gateway.daemon.clock import Clock
from gateway.daemon.states import model_state, spare
from gateway.models.package import Package

ROUTES = 10_000
"""Topics whose source is remembered; beyond that all are looked up again."""


@dataclass(slots=True)
class Feed:
    """One source: its bridge, its mapping, and how it has been."""

    source: Source
    bridge: Bridge
    mapper: Mapper
    subscriptions: Sequence[Subscription]
    gate: Gate
    """What the source may send."""
    rhythm: Rhythm = field(default_factory=Rhythm)
    bridge_online: bool | None = None
    offline: set[str] = field(default_factory=set)
    """Devices that announced that they are gone."""
    addresses: dict[str, str] = field(default_factory=dict)
    """Mapped device -> its address, as the bridge's registry said last."""
    messages: int = 0
    readings: int = 0
    rejects: int = 0
    warnings: tuple[str, ...] = ()
    """What the bridge's own settings make impossible."""

    def take_over(self, before: "Feed") -> None:
        """Go on with the bridge, and what it knows, of an unchanged source."""
        self.bridge, self.rhythm = before.bridge, before.rhythm
        self.gate.take_over(before.gate)
        self.bridge_online, self.offline = before.bridge_online, before.offline
        self.messages, self.readings = before.messages, before.readings
        self.addresses = before.addresses
        self.rejects, self.warnings = before.rejects, before.warnings


@dataclass(slots=True)
class Site:
    """Everything that follows from one configuration file."""

    settings: Settings
    feeds: Mapping[str, Feed]
    watches: Mapping[str, Watch]
    gates: Gates
    _routes: dict[tuple[str, str], Feed | None] = field(default_factory=dict)

    def feed(self, broker: str, topic: str) -> Feed | None:
        """The source that a topic belongs to; None when it is nobody's."""
        key = (broker, topic)
        try:
            return self._routes[key]
        except KeyError:
            if len(self._routes) >= ROUTES:
                self._routes.clear()
            found = self._routes[key] = self._find(broker, topic)
            return found

    def _find(self, broker: str, topic: str) -> Feed | None:
        if topic.startswith(self.settings.base + "/"):
            return None
        for feed in self.feeds.values():
            if feed.source.broker == broker and any(
                topics.matches(subscription.filter, topic) for subscription in feed.subscriptions
            ):
                return feed
        return None

    def subscriptions(self, broker: str) -> list[Subscription]:
        """Everything to subscribe to on one broker."""
        return [
            subscription
            for feed in self.feeds.values()
            if feed.source.broker == broker
            for subscription in feed.subscriptions
        ]


def build(settings: Settings, packages: Mapping[str, Package], clock: Clock) -> Site:
    """Build the site of a configuration.

    Args:
        settings: what ``gateway.config.load`` returned.
        packages: the verified model packages, by the model's name in the file; a model that is
            missing here abstains.
        clock: where ids and start times come from.
    """
    feeds = {name: _feed(source, settings) for name, source in settings.sources.items()}
    watches = {
        asset.id: _watch(asset, packages, clock, settings) for asset in settings.assets.values()
    }
    gates = Gates(settings.assets.values(), _flatlines(settings, packages))
    return Site(settings, feeds, watches, gates)


def _flatlines(settings: Settings, packages: Mapping[str, Package]) -> dict[str, int]:
    """The shortest flatline that a model names for each metric, by the metric's key."""
    shortest: dict[str, int] = {}
    for asset in settings.assets.values():
        for rung in model_rungs(asset.ladder):
            if rung.model not in packages:
                continue
            for channel in packages[rung.model].shape.channels:
                metric = asset.metrics.get(rung.channels.get(channel.name, channel.name))
                if metric is not None and channel.flatline_ms is not None:
                    known = shortest.get(metric.key, channel.flatline_ms)
                    shortest[metric.key] = min(known, channel.flatline_ms)
    return shortest


def _feed(source: Source, settings: Settings) -> Feed:
    bridge: Bridge = registry.find("bridges", source.kind)(source.name, source.settings)
    metrics = [
        metric
        for asset in settings.assets.values()
        for metric in asset.metrics.values()
        if metric.source == source.name
    ]
    mapper = Mapper(source.name, metrics, discover=source.keep == "all")
    devices = [metric.device for metric in metrics]
    devices += [
        action.device
        for asset in settings.assets.values()
        for action in asset.actions.values()
        if action.source == source.name
    ]
    gate = Gate(source.limits, devices)
    return Feed(source, bridge, mapper, tuple(bridge.subscriptions()), gate)


def _watch(
    asset: Asset, packages: Mapping[str, Package], clock: Clock, settings: Settings
) -> Watch:
    models = {
        rung.model: model_state(rung, packages[rung.model], asset)
        for rung in model_rungs(asset.ladder)
        if rung.model in packages
    }
    return Watch(
        asset=asset,
        latest=Latest(asset.metrics, spans(asset)),
        policy=Policy(asset, ids(clock)),
        models=models,
        spare=spare(asset, models, settings.models),
        started_mono_ms=clock.mono_ms(),
    )


class ids:  # noqa: N801  # called like the function it stands for
    """Makes ids at the clock's time."""

    def __init__(self, clock: Clock) -> None:
        """Ids of this clock."""
        self._clock = clock

    def __call__(self) -> str:
        """A new id."""
        return new_id(self._clock.now_ms(), os.urandom(RANDOM_BYTES))
