"""Actions: their device's source, what its bridge can say, and what proves them."""

from collections.abc import Iterator, Mapping

from gateway.config import guards
from gateway.config.assets import ActionSection, AssetSection
from gateway.config.findings import Findings
from gateway.config.problems import Problem
from gateway.config.tree import Place
from gateway.core.ports import Bridge, Order
from gateway.errors import EncodeError

_ANY_ID = "00000000-0000-7000-8000-000000000000"
_ANY_TIME_MS = 4_102_444_800_000
_BY_FILE = {
    "empty": "set",
    "no_command_topic": "to",
    "not_settable": "set",
    "port": "options",
    "size": "set",
    "toggle": "set",
    "topic": "to",
    "value": "set",
}
"""Refusals that the file alone causes, and the key to look at. The others (a device that is
unknown, offline or being flashed) depend on what the bridge will say."""


def problems(
    found: Findings, id_: str, asset: AssetSection, bridges: Mapping[str, Bridge]
) -> Iterator[Problem]:
    """What is wrong with the actions of an asset."""
    sources = found.names("sources")
    for name, action in asset.actions.items():
        place: Place = ("assets", id_, "actions", name)
        yield from found.unknown((*place, "to"), "source", action.to.source, sources)
        yield from found.spelling((*place, "to"), action.to.source, action.to.device)
        yield from _proof(found, place, action)
        if action.to.source in bridges:
            yield from _said(found, place, action, bridges[action.to.source])


def _said(
    found: Findings, place: Place, action: ActionSection, bridge: Bridge
) -> Iterator[Problem]:
    """Let the bridge say it once: what it can never say is found now, not when it is needed."""
    for said in _sets(action):
        order = Order(_ANY_ID, action.to.device, said, _ANY_TIME_MS, options=action.options)
        try:
            bridge.encode(order)
        except EncodeError as error:
            if error.reason in _BY_FILE:
                at = (*place, _BY_FILE[error.reason])
                yield found.at(at, f"{place[-1]!r} cannot be sent: {error.detail}", key=True)
                return


def _sets(action: ActionSection) -> Iterator[Mapping[str, object]]:
    """What is set; of a value both ends."""
    if action.value is None:
        yield action.set
        return
    for end in action.value.range:
        yield {**action.set, **dict.fromkeys(guards.told(action.set), end)}


def _proof(found: Findings, place: Place, action: ActionSection) -> Iterator[Problem]:
    proof = action.proof
    if proof is None:
        return
    at = (*place, "proof")
    metrics = found.names("assets", place[1], "metrics")
    yield from found.unknown((*at, "metric"), "metric", proof.metric, metrics)
    limits = (proof.below, proof.above)
    said = {"below", "above", "equals"}.intersection(found.names(*at))
    if not said:
        yield found.at(at, "'proof' says nothing: give below, above or equals", key=True)
    elif proof.equals is not None and limits != (None, None):
        yield found.at((*at, "equals"), "'equals' stands alone: no below, no above", key=True)
