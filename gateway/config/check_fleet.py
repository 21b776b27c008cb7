"""Fleet: is this gateway a member, and can every command be fenced?"""

from collections.abc import Iterator

from gateway.config.findings import Findings
from gateway.config.fleet import FleetSection
from gateway.config.problems import Problem, choices


def problems(found: Findings) -> Iterator[Problem]:
    """What would let two gateways command, or none."""
    fleet = found.root.fleet
    if fleet is None:
        return
    yield from _members(found, fleet)
    brokers = found.names("brokers")
    broker = found.root.gateway.broker or next(iter(brokers), "")
    for id_, asset in found.root.assets.items():
        for name, action in asset.actions.items():
            source = found.root.sources.get(action.to.source)
            where = source.broker or next(iter(brokers), "") if source is not None else broker
            if where != broker:
                message = f"{where!r} is not the broker of the fleet ({broker!r})"
                hint = "a command that leaves elsewhere cannot be fenced: see docs/fleet.md"
                yield found.at(("assets", id_, "actions", name, "to"), message, hint)


def _members(found: Findings, fleet: FleetSection) -> Iterator[Problem]:
    me, members = found.root.gateway.id, fleet.members
    if me not in members:
        message = f"this gateway ({me!r}) is not a member"
        yield found.at(("fleet", "members"), message, f"there are {choices(members)}")
    for at, member in enumerate(members):
        if member in members[:at]:
            yield found.at(("fleet", "members", at), f"{member!r} stands there twice")
    for name in fleet.weights:
        yield from found.unknown(("fleet", "weights", name), "member", name, members)
