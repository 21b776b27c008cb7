"""The site: the sources and assets of one configuration, built and ready to take messages."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway import registry
from gateway.config.settings import Settings, Source
from gateway.core import topics, units
from gateway.core.assets import Asset, ModelRung, model_rungs
from gateway.core.blocks import Blocks
from gateway.core.calibration import Calibration
from gateway.core.carried import Carried
from gateway.core.drift import Drifts
from gateway.core.ensembles import Bound, Scale
from gateway.core.gates import Gates
from gateway.core.ids import RANDOM_BYTES, new_id
from gateway.core.ladder import ModelState
from gateway.core.latest import Latest
from gateway.core.mapping import Mapper
from gateway.core.policy import Policy
from gateway.core.ports import Bridge, Subscription
from gateway.core.rhythm import Rhythm
from gateway.core.source_limits import Gate
from gateway.core.watch import Watch, spans
from gateway.core.windows import Shape, Windows
from gateway.daemon.clock import Clock
from gateway.models.contract import Manifest
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
    watches = {asset.id: _watch(asset, packages, clock) for asset in settings.assets.values()}
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


def _watch(asset: Asset, packages: Mapping[str, Package], clock: Clock) -> Watch:
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
        started_mono_ms=clock.mono_ms(),
    )


def model_state(rung: ModelRung, package: Package, asset: Asset) -> ModelState:
    """What an asset remembers of one version of a model: nothing yet."""
    shape, calibration = package.shape, package.manifest.calibration
    decision = package.manifest.decision
    levels = tuple(Bound(level.label, level.on, level.off) for level in decision.levels)
    columns = tuple(rung.channels.get(channel.name, channel.name) for channel in shape.channels)
    shape = _held(shape, columns, asset)
    return ModelState(
        rung=rung,
        windows=Blocks(shape) if shape.of_signals else Windows(shape),
        decide=decision.decide,
        scale=Scale(levels, below=decision.raises == "below"),
        version=package.manifest.version,
        hash=package.sha256,
        columns=columns,
        conversions=_conversions(shape, columns, asset),
        calibration=None
        if calibration.per_asset == "none"
        else Calibration(calibration.rows, len(columns), level=calibration.level),
        explain=package.manifest.explain,
        features=package.manifest.input.described,
        carried=_carried(package.manifest),
        trust=package.manifest.trust,
        drift=Drifts((*(channel.name for channel in shape.channels), "score")),
    )


def _held(shape: Shape, columns: Sequence[str], asset: Asset) -> Shape:
    """A block is held as long as its metric says, where the package does not."""
    if not shape.of_signals:
        return shape
    metrics = [asset.metrics.get(column) for column in columns]
    return replace(
        shape,
        channels=tuple(
            one if one.hold_ms or metric is None else replace(one, hold_ms=metric.stale_ms)
            for one, metric in zip(shape.channels, metrics, strict=True)
        ),
    )


def _carried(manifest: Manifest) -> Carried | None:
    if not manifest.memories:
        return None
    outputs = tuple((memory.output, memory.size) for memory in manifest.memories)
    step_ms = manifest.shape.period_ms * manifest.shape.stride
    return Carried(outputs, step_ms, manifest.warmup, manifest.bridge)


def _conversions(
    shape: Shape, columns: Sequence[str], asset: Asset
) -> tuple[tuple[float, float], ...]:
    """From the metrics' units to the model's; what has no way there, the checks refused."""
    metrics = [asset.metrics.get(column) for column in columns]
    return tuple(
        (metric and channel.unit and units.convert(metric.unit, channel.unit)) or (1.0, 0.0)
        for metric, channel in zip(metrics, shape.channels, strict=True)
    )


class ids:  # noqa: N801  # called like the function it stands for
    """Makes ids at the clock's time."""

    def __init__(self, clock: Clock) -> None:
        """Ids of this clock."""
        self._clock = clock

    def __call__(self) -> str:
        """A new id."""
        return new_id(self._clock.now_ms(), os.urandom(RANDOM_BYTES))
