"""What ``bridge/devices`` says about each device.

Source: zigbee2mqtt.io, docs/guide/usage/exposes.md. A specific type (light, switch, climate) has
no property of its own: it is flattened. A composite is one property whose value is an object: it is
kept, and its members follow it as ``property.member``.
"""

from collections.abc import Iterator, Mapping

from gateway.core.messages import Device, Feature, Tree
from gateway.errors import DecodeError

IN_STATE, SETTABLE, GETTABLE = 1, 2, 4
"""The bits of ``access``."""

_KINDS = frozenset({"binary", "numeric", "enum", "text", "composite", "list"})


def devices(tree: Tree) -> tuple[Device, ...]:
    """Read the registry; the coordinator is left out, since it neither measures nor acts.

    Raises:
        DecodeError: ``shape``.
    """
    if not isinstance(tree, list):
        raise DecodeError("shape", "bridge/devices: expected an array")
    entries = (entry for entry in tree if isinstance(entry, dict))
    return tuple(
        _device(entry)
        for entry in entries
        if entry.get("type") != "Coordinator" and _text(entry, "friendly_name")
    )


def _device(entry: Mapping[str, Tree]) -> Device:
    definition = entry.get("definition")
    known = definition if isinstance(definition, dict) else {}
    return Device(
        device=_text(entry, "friendly_name"),
        address=_text(entry, "ieee_address"),
        model=_text(known, "model") or _text(entry, "model_id"),
        enabled=entry.get("disabled") is not True,
        supported=bool(known) and entry.get("supported") is not False,
        interviewed=_interviewed(entry),
        battery="battery" in _text(entry, "power_source").lower(),
        features=tuple(_features(known.get("exposes"))),
    )


def _interviewed(entry: Mapping[str, Tree]) -> bool:
    """2.x has a state; 1.x has two flags."""
    state = entry.get("interview_state")
    if isinstance(state, str):
        return state == "SUCCESSFUL"
    return entry.get("interview_completed") is not False and entry.get("interviewing") is not True


def _features(exposes: Tree, above: Feature | None = None) -> Iterator[Feature]:
    """Give all features, depth first; ``above`` is the composite they are members of."""
    if not isinstance(exposes, list):
        return
    for expose in exposes:
        if not isinstance(expose, dict):
            continue
        kind, inner = _text(expose, "type"), expose.get("features")
        if kind not in _KINDS and isinstance(inner, list):
            yield from _features(inner, above)
            continue
        feature = _feature(expose, above)
        if feature.property:
            yield feature
        if feature.property and kind == "composite":
            yield from _features(inner, feature)


def _feature(expose: Mapping[str, Tree], above: Feature | None) -> Feature:
    access = expose.get("access")
    if not isinstance(access, int):
        access = _access(above)
    kind = _text(expose, "type")
    low, high = ("length_min", "length_max") if kind == "list" else ("value_min", "value_max")
    return Feature(
        property=_property(expose, above),
        readable=bool(access & IN_STATE),
        settable=bool(access & SETTABLE),
        gettable=bool(access & GETTABLE),
        kind=kind if kind in _KINDS else "any",
        values=tuple(_values(kind, expose)),
        low=_number(expose.get(low)),
        high=_number(expose.get(high)),
        unit=_text(expose, "unit"),
        step=_number(expose.get("value_step")),
        items=_items(expose.get("item_type")),
    )


def _items(item_type: Tree) -> str:
    """2.x has an expose as the type of the items, 1.x a word."""
    kind = _text(item_type, "type") if isinstance(item_type, dict) else item_type
    return kind if isinstance(kind, str) and kind in _KINDS else "any"


def _property(expose: Mapping[str, Tree], above: Feature | None) -> str:
    """``property`` is the key in the state and in the command; members go by their name."""
    if above is not None:
        name = _text(expose, "name")
        return f"{above.property}.{name}" if name else ""
    name, endpoint = _text(expose, "name"), _text(expose, "endpoint")
    return _text(expose, "property") or (f"{name}_{endpoint}" if name and endpoint else name)


def _access(above: Feature | None) -> int:
    """A member without access bits of its own has its composite's."""
    if above is None:
        return IN_STATE
    return IN_STATE * above.readable + SETTABLE * above.settable + GETTABLE * above.gettable


def _values(kind: str, expose: Mapping[str, Tree]) -> Iterator[object]:
    """What is accepted: never ``value_toggle``; presets may lie outside a numeric's range."""
    if kind == "binary":
        yield from (expose[key] for key in ("value_on", "value_off") if key in expose)
    listed = expose.get({"enum": "values", "numeric": "presets"}.get(kind, ""))
    for value in listed if isinstance(listed, list) else ():
        if kind == "enum":
            yield value
        elif isinstance(value, dict) and _number(value.get("value")) is not None:
            yield value["value"]


def _number(value: Tree) -> float | None:
    return float(value) if type(value) is int or type(value) is float else None


def _text(entry: Mapping[str, Tree], key: str) -> str:
    value = entry.get(key)
    return value if isinstance(value, str) else ""
