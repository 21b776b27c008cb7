"""From a device to metrics and actions: what can be measured on it, and what can be switched."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.cli import init_units
from gateway.cli.init_sight import Seen
from gateway.cli.init_units import NO_UNIT, Unit
from gateway.core.grammar import RESERVED
from gateway.core.messages import Feature, Tree
from gateway.core.paths import Index, Key, Path, Step

METRICS: Final = 40
"""Of one device."""
DEEPEST: Final = 5
ITEMS: Final = 4
"""Elements of a list that are looked at: the phases of a meter."""
_ASIDE: Final = frozenset(
    {"time", "timestamp", "ts", "t", "date", "id", "uptime", "uptimesec", "heap", "sleep", "seq"}
    | {"sleepmode", "loadavg", "mqttcount", "wifi", "vcc", "linkquality", "endpoint", "device"}
    | {"update", "update_available", "last_seen", "totalstarttime", "berry", "hostname", "group"}
)
"""Keys, in small letters, that are about the message and its sender."""
_COUNTERS: Final = re.compile(r"(.*_)?(energy|total|total_energy|pulses?|volume|counter)")
_RELAY: Final = re.compile(r"(?:state|POWER)(?:_?([A-Za-z0-9]+))?")


@dataclass(frozen=True, slots=True)
class Found:
    """A metric that is proposed."""

    name: str
    path: str
    unit: Unit = NO_UNIT
    settings: Mapping[str, Any] = field(default_factory=dict)
    """``range``, ``kind`` and ``words``, as the file says them."""
    value: Tree = None
    """The newest value; None when none was heard."""


@dataclass(frozen=True, slots=True)
class Deed:
    """An action that is proposed."""

    name: str
    set: Mapping[str, object]
    off: bool


def metrics(kind: str, seen: Seen) -> list[Found]:
    """Everything measured on a device, each under a name of its own."""
    found = list(_exposed(seen)) if _features(seen) else list(_heard(kind, seen))
    named: dict[str, Found] = {}
    for one in found[:METRICS]:
        name = one.name
        for number in range(2, METRICS + 2):
            if name not in named:
                break
            name = f"{one.name}_{number}"
        named[name] = Found(name, one.path, one.unit, one.settings, one.value)
    return list(named.values())


def deeds(kind: str, seen: Seen) -> list[Deed]:
    """The switches of a device, as two actions each."""
    found: list[Deed] = []
    for key, (on, off) in _switches(kind, seen).items():
        relay = _RELAY.fullmatch(key)
        end = f"_{slug(relay[1])}" if relay and relay[1] else ""
        found += [Deed(f"switch_off{end}", {key: off}, off=True)]
        found += [Deed(f"switch_on{end}", {key: on}, off=False)]
    return found


def slug(text: str, by: str = "_") -> str:
    """A name for the file: small ASCII letters, digits and ``by``."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", by, text)
    word = re.sub(r"[^a-z0-9]+", by, split.lower().encode("ascii", "ignore").decode()).strip(by)
    word = word[:48].strip(by)
    return word if word and word[0].isalpha() and word not in RESERVED else f"x{by}{word}".strip(by)


def _features(seen: Seen) -> tuple[Feature, ...]:
    return seen.entry.features if seen.entry is not None else ()


def _switches(kind: str, seen: Seen) -> Mapping[str, tuple[object, object]]:
    """Keys that are relays, each with what says on and off."""
    if kind == "tasmota":
        return {key: ("ON", "OFF") for key in seen.values if re.fullmatch(r"POWER\d{0,2}", key)}
    return {
        one.property: (one.values[0], one.values[1])
        for one in _features(seen)
        if one.settable and one.kind == "binary" and len(one.values) == 2  # noqa: PLR2004
        and _RELAY.fullmatch(one.property)
    }  # fmt: skip


def _exposed(seen: Seen) -> Iterator[Found]:
    """By the registry: what is reported and cannot be set, and the switches' states."""
    for one in _features(seen):
        relay = one.kind == "binary" and _RELAY.fullmatch(one.property) is not None
        if not one.readable or (one.settable and not relay) or "." in one.property:
            continue
        if one.property.lower() in _ASIDE:
            continue
        value = seen.values.get(one.property)
        if one.kind == "numeric":
            settings: dict[str, Any] = {}
            if one.low is not None and one.high is not None and one.low < one.high:
                settings["range"] = [one.low, one.high]
            if _COUNTERS.fullmatch(one.property):
                settings["kind"] = "counter"
            yield _found(Path.of(Key(one.property)), init_units.of_word(one.unit), settings, value)
        elif one.kind == "binary" and len(one.values) == 2:  # noqa: PLR2004
            words = {_word(one.values[0]): True, _word(one.values[1]): False}
            yield _found(Path.of(Key(one.property)), NO_UNIT, {"words": words}, value)


def _heard(kind: str, seen: Seen) -> Iterator[Found]:
    """By what was said: every number and every word that means yes or no."""
    for steps, value in _leaves(_told(kind, seen), ()):
        path = Path.of(*steps)
        if isinstance(value, bool):
            yield _found(path, NO_UNIT, {"words": {"true": True, "false": False}}, value)
        elif isinstance(value, int | float):
            unit = init_units.of_key(kind, str(path), value)
            last = str(path).rpartition(".")[2].lower()
            settings = {"kind": "counter"} if _COUNTERS.fullmatch(last) else {}
            yield _found(path, unit, settings, value)
        elif isinstance(value, str) and (words := _meant(value)):
            yield _found(path, NO_UNIT, {"words": words}, value)


def _told(kind: str, seen: Seen) -> Tree:
    """The part of a device's document that its codec made."""
    values = seen.values
    parts = {"chirpstack": ("object",), "thethings": ("normalized_payload", "decoded_payload")}
    if kind in parts:
        return next(({key: values[key]} for key in parts[kind] if values.get(key)), {})
    return {key: value for key, value in values.items() if key not in seen.aside}


def _leaves(tree: Tree, steps: tuple[Step, ...]) -> Iterator[tuple[tuple[Step, ...], Tree]]:
    if len(steps) > DEEPEST:
        return
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key.lower() not in _ASIDE and key.isprintable() and 0 < len(key) <= 64:  # noqa: PLR2004
                yield from _leaves(value, (*steps, Key(key)))
    elif isinstance(tree, list):
        for at, value in enumerate(tree[:ITEMS]):
            yield from _leaves(value, (*steps, Index(at)))
    else:
        yield steps, tree


def _found(path: Path, unit: Unit, settings: Mapping[str, Any], value: Tree) -> Found:
    keys = [step.name for step in path.steps if isinstance(step, Key)]
    at = next((str(step.at + 1) for step in path.steps[-1:] if isinstance(step, Index)), "")
    inner = {"temperature", "current", "total", "value"}
    start = -2 if len(keys) > 1 and keys[-1] in inner and keys[0] == "normalized_payload" else -1
    name = slug("_".join([*keys[start:], at]) if at else "_".join(keys[start:]))
    if _RELAY.fullmatch(str(path)) and str(path).startswith("POWER"):
        name = f"switch_{str(path)[5:]}".strip("_")  # of Tasmota; a power is in watts
    return Found(name, str(path), unit, settings, value)


def _meant(word: str) -> Mapping[str, bool]:
    """A word that means yes or no, and its opposite as the same device probably writes it."""
    pairs = (("on", "off"), ("open", "closed"), ("true", "false"), ("yes", "no"))
    for yes, no in (*pairs, ("active", "inactive"), ("running", "stopped")):
        if word.lower() in (yes, no):
            write = str.upper if word.isupper() else str.title if word.istitle() else str.lower
            return {write(yes): True, write(no): False}
    return {}


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
