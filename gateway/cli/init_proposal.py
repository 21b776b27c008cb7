"""What is proposed: sources, and of their devices assets with metrics, actions and a policy."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import floor, log10
from typing import Any, Final

from gateway.adapters.mqtt import Broker
from gateway.cli import init_metrics
from gateway.cli.init_listen import Heard
from gateway.cli.init_metrics import Deed, Found, slug
from gateway.cli.init_sight import Seen, Sight
from gateway.core import durations

STALE_MS: Final = {"chirpstack": 10_800_000, "thethings": 10_800_000}
"""LoRaWAN devices speak every few minutes to hours."""
STALE_ELSE_MS: Final = 3_600_000
"""Zigbee sensors report hourly when nothing changes."""
SILENCES: Final = 10
"""So many missed reports make a metric unknown, where the rhythm was heard."""
_STEPS_MS: Final = (300_000, 900_000, 1_800_000, 3_600_000, 10_800_000, 21_600_000, 86_400_000)


@dataclass(slots=True)
class Part:
    """What one device brings into an asset."""

    source: str
    kind: str
    seen: Seen
    metrics: list[Found]
    deeds: list[Deed]

    @property
    def stale_ms(self) -> int:
        """By the rhythm that was heard, else by the kind of radio."""
        default = STALE_MS.get(self.kind, STALE_ELSE_MS)
        every_ms = self.seen.every_ms
        if every_ms is None:
            return default
        return next((step for step in _STEPS_MS if step >= SILENCES * every_ms), _STEPS_MS[-1])


@dataclass(slots=True)
class Asset:
    """A machine: one device, or several that belong together."""

    id: str
    name: str
    parts: list[Part] = field(default_factory=list)

    @property
    def metrics(self) -> Iterator[tuple[Part, Found]]:
        """Every metric, with whose it is."""
        return ((part, metric) for part in self.parts for metric in part.metrics)

    @property
    def power(self) -> str:
        """The metric that shows whether it runs; empty where there is none."""
        return next((one.name for _, one in self.metrics if _watts(one)), "")

    @property
    def threshold(self) -> float | None:
        """Twice the power that was heard, in round figures; None when none was heard."""
        value = next((one.value for _, one in self.metrics if _watts(one)), None)
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            return None
        unit = 10.0 ** (floor(log10(2 * value)) - 1)
        return float(f"{round(2 * value / unit) * unit:.6g}")


def _watts(one: Found) -> bool:
    return one.unit.symbol == "W" and not one.settings.get("words")


@dataclass(frozen=True, slots=True)
class Place:
    """One broker, what it said, and what the bridges made of it."""

    broker: Broker
    heard: Heard
    sights: Sequence[Sight]


@dataclass(slots=True)
class Proposal:
    """The whole file to be."""

    gateway_id: str
    places: list[Place]
    assets: dict[str, Asset] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    """Devices of which nothing is proposed, with the reason."""
    beside: bool = False
    """The database lies beside the file: this machine has no folder of the service."""


def parts(place: Place) -> Iterator[Part]:
    """Every device of a broker with what can be measured and done."""
    for sight in place.sights:
        source = sight.source
        for _, seen in sorted(sight.devices.items()):
            found = init_metrics.metrics(source.kind, seen)
            done = init_metrics.deeds(source.kind, seen)
            yield Part(source.name, source.kind, seen, found, done)


def add(proposal: Proposal, part: Part, id_: str = "") -> None:
    """Take a device into the asset of that id, or make it one of its own."""
    if not part.metrics and not part.deeds:
        proposal.left_out.append(f"{part.source}/{part.seen.device}: {_why(part)}")
        return
    chosen = id_ or own_id(proposal, part)
    asset = proposal.assets.setdefault(chosen, Asset(chosen, part.seen.name))
    used = {one.name for _, one in asset.metrics}
    done = {deed.name for other in asset.parts for deed in other.deeds}
    prefix = f"{slug(part.seen.name)}_"
    part.metrics = [_renamed(one, used, prefix) for one in part.metrics]
    part.deeds = [
        Deed(f"{prefix}{one.name}" if one.name in done else one.name, one.set, off=one.off)
        for one in part.deeds
    ]
    asset.parts.append(part)


def own_id(proposal: Proposal, part: Part) -> str:
    """The id of an asset that is this device alone."""
    plain = slug(part.seen.name, "-")
    names = (plain, *(f"{plain}-{number}" for number in range(2, len(proposal.assets) + 3)))
    return next(name for name in names if name not in proposal.assets)


def _renamed(one: Found, used: set[str], prefix: str) -> Found:
    """A name that another device of the asset has not taken; the path stays what it is."""
    if one.name not in used:
        return one
    return Found(f"{prefix}{one.name}"[:64], one.path, one.unit, one.settings, one.value)


def _why(part: Part) -> str:
    codecs = {"chirpstack": "object", "thethings": "decoded_payload"}
    if part.kind in codecs and part.seen.uplinks:
        return f"its uplinks have no {codecs[part.kind]}: give its device profile a codec"
    if part.seen.uplinks or part.seen.values:
        return "none of its values is a number or a switch"
    return "it was not heard, and nothing says what it measures"


def stale(part: Part) -> str:
    """As the file says it."""
    return durations.render(part.stale_ms)


def report(proposal: Proposal) -> dict[str, Any]:
    """The same for programs."""
    return {
        "gateway": proposal.gateway_id,
        "brokers": {place.broker.name: _place(place) for place in proposal.places},
        "assets": {id_: _asset(asset) for id_, asset in proposal.assets.items()},
        "left_out": proposal.left_out,
    }


def _place(place: Place) -> dict[str, Any]:
    return {
        "host": place.broker.host,
        "port": place.broker.port,
        "protocol": place.heard.protocol,
        "messages": place.heard.messages,
        "topics": len(place.heard.topics),
        "hears_everything": not place.heard.refused,
        "sources": {
            sight.source.name: {
                "bridge": sight.source.kind,
                **sight.source.settings,
                "devices": sorted(sight.devices),
                "messages": sight.messages,
                "rejects": sight.rejects,
                "warnings": list(sight.warnings),
            }
            for sight in place.sights
        },
    }


def _asset(asset: Asset) -> dict[str, Any]:
    return {
        "name": asset.name,
        "devices": [f"{part.source}/{part.seen.device}" for part in asset.parts],
        "metrics": {
            one.name: {"path": one.path, "unit": one.unit.symbol, "value": one.value}
            | ({"unit_guessed": True} if one.unit.guessed and one.unit.symbol else {})
            for _, one in asset.metrics
        },
        "actions": [deed.name for part in asset.parts for deed in part.deeds],
    }
