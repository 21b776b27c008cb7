"""The proposal as a commented file."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from gateway.adapters.mqtt import Broker
from gateway.cli import init_proposal
from gateway.cli.init_metrics import Deed, Found
from gateway.cli.init_proposal import Asset, Part, Place, Proposal
from gateway.cli.init_sight import Sight
from gateway.config.modeline import MODELINE
from gateway.core.counts import counted
from gateway.core.times import rfc3339

_PLAIN: Final = re.compile(r"[0-9]+[smhd]|[A-Za-z][A-Za-z0-9_./%+-]*(?: [A-Za-z0-9_./+-]+)*")
_HEAD: Final = """\
{modeline}
# Proposed by `edge-gateway init` from what it heard at {when}.
#
# Look through it, give the machines the names you use, and join devices that watch the same machine
# into one asset. Then:
#
#     edge-gateway check {file}
#     edge-gateway run --config {file}
#
# Nothing here commands a device: policies advise until you write `mode: act`. All keys are in
# docs/configuration.md; what to do next is in docs/first-configuration.md.
"""


def text(proposal: Proposal, file: str, at_ms: int) -> str:
    """The whole file."""
    return "\n".join(_lines(proposal, file, at_ms)) + "\n"


def section(assets: Mapping[str, Asset]) -> str:
    """The section of the assets alone, to be pasted."""
    return "\n".join(_assets(assets)) + "\n"


def _lines(proposal: Proposal, file: str, at_ms: int) -> Iterator[str]:
    yield _HEAD.format(modeline=MODELINE, when=rfc3339(at_ms), file=_comment(file))
    yield f"gateway: {{id: {word(proposal.gateway_id)}}}"
    yield ""
    yield "brokers:"
    for place in proposal.places:
        yield from _broker(place.broker)
    yield ""
    sights = [(place, sight) for place in proposal.places for sight in place.sights]
    yield "sources:" if sights else "sources: {}   # no bridge was heard"
    for place, sight in sights:
        source = sight.source
        told = f"{devices(sight)}, {counted(sight.messages, 'message')} while we listened"
        yield f"  {source.name}:   # {told}"
        yield from (f"    # {_comment(warning)}" for warning in sight.warnings)
        own = {"bridge": source.kind, "broker": place.broker.name, **source.settings}
        yield from (f"    {key}: {_value(value)}" for key, value in own.items())
    yield ""
    yield from _assets(proposal.assets)
    if proposal.left_out:
        yield ""
        yield "# Heard of, and not proposed:"
        yield from (f"#   {_comment(one)}" for one in proposal.left_out)
    yield ""
    yield "store:"
    if proposal.beside:
        yield "  path: gateway.db             # beside this file; without this line: the service's"
    yield "  max_bytes: 2GiB              # the oldest readings go first"
    yield "  keep: {readings: 90d, decisions: 2y}"


def _broker(broker: Broker) -> Iterator[str]:
    yield f"  {broker.name}:"
    yield f"    host: {word(broker.host)}"
    yield f"    port: {broker.port}"
    if broker.protocol != "auto":
        yield f'    protocol: "{broker.protocol}"   # it does not answer MQTT 5'
    if broker.username:
        yield f"    username: {word(broker.username)}"
    if broker.password_file:
        yield f"    password_file: {word(broker.password_file)}"
    if broker.tls is not None:
        ca = broker.tls.ca_file
        yield f"    tls: {{ca_file: {word(ca)}}}" if ca else "    tls: true"


def _assets(assets: Mapping[str, Asset]) -> Iterator[str]:
    yield "assets:" if assets else "assets: {}"
    for asset in assets.values():
        yield f"  {asset.id}:"
        yield f"    name: {word(asset.name)}"
        yield from (f"    # {_comment(_about(part))}" for part in asset.parts)
        yield "    metrics:" if any(asset.metrics) else "    metrics: {}"
        yield from (f"      {_metric(part, one)}" for part, one in asset.metrics)
        yield from _actions(asset)
        yield ""


def _about(part: Part) -> str:
    seen, told = part.seen, [f"{part.source}/{part.seen.device}"]
    if seen.entry is not None and seen.entry.model:
        told.append(seen.entry.model)
    every_ms = seen.every_ms
    if every_ms is not None:
        told.append(f"spoke every {every_ms / 1000:.3g} s")
    elif not seen.uplinks:
        told.append("was not heard while we listened")
    if seen.online is False:
        told.append("announced as offline")
    return ", ".join(told)


def _metric(part: Part, one: Found) -> str:
    keys: dict[str, Any] = {"from": f"{part.source}/{part.seen.device}"}
    if one.path != one.name:
        keys["path"] = one.path
    if one.unit.symbol:
        keys["unit"] = one.unit.symbol
    keys |= {**one.settings, "stale": init_proposal.stale(part)}
    notes = [] if one.value is None else [f"was {_comment(json.dumps(one.value))}"]
    notes += ["unit by its name only: check it"] if one.unit.symbol and one.unit.guessed else []
    line = f"{one.name}: {_value(keys)}"
    return f"{line}   # {'; '.join(notes)}" if notes else line


def _actions(asset: Asset) -> Iterator[str]:
    deeds = [(part, deed) for part in asset.parts for deed in part.deeds]
    if not deeds:
        return
    yield "    actions:                     # what may be done; nothing else ever is"
    for part, deed in deeds:
        yield from _deed(asset, part, deed)
    off = next((deed.name for _, deed in deeds if deed.off), "")
    limit = asset.threshold
    mark = "" if limit is not None else "# "
    if limit is None:
        yield "    # a rule, and what follows from it, once you know what is too much:"
    else:
        yield "    # a first guess, twice what was heard: write what is too much for this machine"
    rule = f'"{asset.power or "power"} > {limit or 1000:g}"'
    yield f"    {mark}verdicts:"
    yield f"    {mark}  - {{rule: {rule}, label: overload}}"
    yield f"    {mark}policy:                      # shadow records, advise tells, act commands"
    policy = f"when: overload, for: 3 of 5, do: {off}, mode: advise, min_interval: 30m"
    yield f"    {mark}  - {{{policy}}}"


def _deed(asset: Asset, part: Part, deed: Deed) -> Iterator[str]:
    yield f"      {deed.name}:"
    yield f"        to: {word(f'{part.source}/{part.seen.device}')}"
    yield f"        set: {_value(deed.set)}"
    if asset.power:
        shown = "below" if deed.off else "above"
        yield f"        proof: {{metric: {asset.power}, {shown}: 5, within: 30s}}"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        items = (f"{word(str(key))}: {_value(one)}" for key, one in value.items())
        return f"{{{', '.join(items)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, bool | int | float):
        return f"{value:g}" if isinstance(value, float) else json.dumps(value)
    return word(str(value))


def word(text: str) -> str:
    """A scalar that says exactly this text, quoted where YAML would read it otherwise."""
    plain = _PLAIN.fullmatch(text) is not None and text.lower() not in _SPECIAL
    return text if plain else f'"{"".join(map(_letter, text))}"'


def _letter(letter: str) -> str:
    """As YAML writes it in double quotes; JSON's pairs of surrogates are none to YAML."""
    if letter in '"\\':
        return f"\\{letter}"
    return letter if letter.isprintable() else f"\\U{ord(letter):08x}"


_SPECIAL: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n", "value"})
"""Also ``value``: in an action's ``set`` the bare word stands for what the policy says."""


def _comment(text: str) -> str:
    """Text that ends no comment: what devices call themselves is theirs to choose."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)[:200]


def devices(sight: Sight) -> str:
    """How many there are, in words."""
    return counted(len(sight.devices), "device")


def summary(places: list[Place]) -> Iterator[str]:
    """What was seen, for people."""
    for place in places:
        heard = place.heard
        all_of_it = "" if not heard.refused else ", as far as it lets us hear"
        many = f"{counted(heard.messages, 'message')} on {counted(len(heard.topics), 'topic')}"
        yield f"{place.broker.host}:{place.broker.port}: {many}{all_of_it}"
        for sight in place.sights:
            source = sight.source
            own = ", ".join(f"{key} {value}" for key, value in source.settings.items())
            count = devices(sight)
            bad = sum(sight.rejects.values())
            rejected = f", {counted(bad, 'message')} could not be read" if bad else ""
            yield f"  {source.name}: {source.kind}{f' ({own})' if own else ''}, {count}{rejected}"
            yield from (f"    ! {warning}" for warning in sight.warnings)
        if not place.sights:
            yield "  no bridge and no JSON was heard"
