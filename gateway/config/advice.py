"""Warnings: what is allowed, and may be meant otherwise."""

from collections.abc import Iterator, Mapping

from gateway.config.problems import Problem
from gateway.config.settings import Settings
from gateway.config.tree import Document, Place
from gateway.core import durations
from gateway.core.assets import Asset, ModelRung, model_rungs
from gateway.core.verdicts import Mode
from gateway.models.package import Package

STALE_HOLDS = 2
"""A sensor that is well speaks a few times before its value is stale."""
_LOCAL = ("localhost", "127.0.0.1", "::1")


def warnings(settings: Settings, doc: Document) -> Iterator[Problem]:
    """Give every warning, with its place."""
    yield from _brokers(settings, doc)
    yield from _unused(settings, doc)
    for asset in settings.assets.values():
        yield from _asset(asset, doc)


def paces(settings: Settings, packages: Mapping[str, Package], doc: Document) -> Iterator[Problem]:
    """Sensors that may be silent longer than a model's channel waits; said where ``stale`` is."""
    for asset in settings.assets.values():
        for rung in model_rungs(asset.ladder):
            if rung.model in packages:
                yield from _pace(asset, rung, packages[rung.model], doc)


def _pace(asset: Asset, rung: ModelRung, package: Package, doc: Document) -> Iterator[Problem]:
    metrics = {
        channel: asset.metrics.get(rung.channels.get(channel.name, channel.name))
        for channel in package.shape.channels
    }
    blocks = {metric.device for metric in metrics.values() if metric and metric.signal}
    for channel, metric in metrics.items():
        if metric is None or channel.fill is not None:
            continue
        if package.shape.of_signals and metric.device in blocks:
            continue  # a block is held as its metric says, and brings what lies beside it
        if metric.stale_ms <= STALE_HOLDS * channel.hold_ms:
            continue
        place: Place = ("assets", asset.id, "metrics", metric.name, "stale")
        if doc.node(place) is not None:  # the default says nothing about the sensor
            held, period = map(durations.render, (channel.hold_ms, package.shape.period_ms))
            message = (
                f"{metric.name!r} may be silent for {durations.render(metric.stale_ms)}, and"
                f" channel {channel.name!r} of model {rung.model!r} (a row every {period}) gives up"
                f" on a value after {held}: until the next it does not answer"
            )
            yield doc.problem(place, message, f"let the sensor report every {held} or more often")


def _brokers(settings: Settings, doc: Document) -> Iterator[Problem]:
    for name, broker in settings.brokers.items():
        if broker.username and broker.tls is None and broker.host not in _LOCAL:
            message = f"{name!r}: the password crosses the network in clear"
            yield doc.problem(("brokers", name), message, "add tls: true", key=True)


def _unused(settings: Settings, doc: Document) -> Iterator[Problem]:
    metrics = [metric for asset in settings.assets.values() for metric in asset.metrics.values()]
    for name, source in settings.sources.items():
        place: Place = ("sources", name)
        if source.keep == "mapped" and all(metric.source != name for metric in metrics):
            message = f"{name!r}: no asset uses it and it keeps mapped values only: nothing is kept"
            yield doc.problem(place, message, "map a metric, or set keep: all", key=True)
        if getattr(source.settings, "availability", None) == "":
            message = f"{name!r}: no availability: silence is noticed only when metrics are stale"
            yield doc.problem(place, message, "set availability, if devices announce it", key=True)
    ladders = [asset.ladder for asset in settings.assets.values()]
    asked = {rung.model for ladder in ladders for rung in model_rungs(ladder)}
    for name in settings.models:
        if name not in asked:
            message = f"{name!r}: no asset asks this model"
            yield doc.problem(("models", name), message, key=True)


def _asset(asset: Asset, doc: Document) -> Iterator[Problem]:
    place: Place = ("assets", asset.id)
    if asset.ladder and not asset.policy:
        message = f"{asset.id!r}: it is judged, and nothing follows"
        yield doc.problem(place, message, "add a policy", key=True)
    for at, rule in enumerate(asset.policy):
        if rule.mode is Mode.ACT and rule.action:
            yield from _acting(asset, rule.action, (*place, "policy", at), doc)
    yield from _gated(asset, doc)
    safe = asset.fail_safe
    if safe is not None and safe.mode is Mode.ACT and safe.action:
        yield from _acting(asset, safe.action, (*place, "fail_safe"), doc)
        yield from _blind(asset, safe.action, (*place, "fail_safe"), doc)


def _blind(asset: Asset, action: str, place: Place, doc: Document) -> Iterator[Problem]:
    """A fail-safe is for when nothing is known; what is unknown forbids."""
    guard = asset.actions[action].guard
    own = {name for rule in (*guard.only_if, *guard.unless) for name in rule.metrics}
    own &= asset.metrics.keys()
    if own:
        message = (
            f"it does {action!r}, whose interlocks need {', '.join(sorted(own))}: when they are"
            " silent, the fail-safe is refused"
        )
        hint = "use an action without these interlocks, or metrics of another sensor"
        yield doc.problem((*place, "do"), message, hint)


def _gated(asset: Asset, doc: Document) -> Iterator[Problem]:
    """A proof takes good readings only, and a machine that stops is what a gate may refuse."""
    proofs = [action.proof.metric for action in asset.actions.values() if action.proof]
    for name in sorted(set(proofs) & asset.metrics.keys()):
        metric = asset.metrics[name]
        if metric.max_rate is not None or metric.rail is not None:
            place: Place = ("assets", asset.id, "metrics", name)
            message = f"{name!r} proves a command, and a gate may refuse the reading that shows it"
            yield doc.problem(
                place, message, "prove by a metric without max_rate and rail", key=True
            )


def _acting(asset: Asset, action: str, place: Place, doc: Document) -> Iterator[Problem]:
    if asset.actions[action].proof is None:
        message = f"it acts, and {action!r} has no proof: only the bridge's word will confirm it"
        yield doc.problem((*place, "do"), message, "add proof: {metric: ..., within: ...}")
