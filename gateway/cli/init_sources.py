"""Which bridges speak on a broker, by their topics; what none claims may be plain JSON."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gateway import registry
from gateway.cli.decode import SUFFIXES
from gateway.cli.init_listen import Heard
from gateway.core.documents import load
from gateway.core.messages import Message
from gateway.core.ports import Bridge
from gateway.core.topics import matches, overlaps
from gateway.errors import DecodeError

_OURS: Final = re.compile(r"(edge|fleet|homeassistant|\$[^/]*)/")
_SPOKEN: Final = (
    ("zigbee2mqtt", re.compile(r"(.+)/bridge/(?:info|devices|state)")),
    ("chirpstack", re.compile(r"(.+)/[^/]+/device/[0-9A-Fa-f]{16}/event/\w+")),
    ("thethings", re.compile(r"(v3)/[^/]+/devices/[^/]+/(?:up|join|down/.*|location/.*)")),
    ("tasmota", re.compile(r"(?:tele|stat)()/[^/]+/(?:LWT|STATE|SENSOR|RESULT|POWER\d*)")),
    ("tasmota", re.compile(r"[^/]+(/)(?:tele|stat)/(?:LWT|STATE|SENSOR|RESULT|POWER\d*)")),
)
"""What only this bridge says; the group is what may differ from one site to another."""
_NAMES: Final = {
    "zigbee2mqtt": "zigbee",
    "chirpstack": "lora",
    "thethings": "ttn",
    "tasmota": "tasmota",
    "json": "json",
}
MOST_JSON: Final = 20
"""Sources of plain JSON that are proposed for one broker."""


@dataclass(slots=True)
class Source:
    """One source that is proposed."""

    name: str
    kind: str
    broker: str
    settings: dict[str, Any] = field(default_factory=dict)
    """What differs from the bridge's defaults, as the file says it."""

    @property
    def bridge(self) -> Bridge:
        """A new bridge with these settings."""
        make: Any = registry.find("bridges", self.kind)
        made: Bridge = make(self.name, make.Settings(**self.settings))
        return made

    @property
    def filters(self) -> list[str]:
        """What it subscribes to."""
        return [one.filter for one in self.bridge.subscriptions()]


def sources(heard: Heard, broker: str, taken: Iterable[str] = ()) -> list[Source]:
    """Everything that can be a source of this broker; names of ``taken`` are not given again."""
    names = set(taken)
    found: list[Source] = []
    filters: list[str] = []
    for kind, own in sorted(set(_spoken(heard.topics))):
        source = Source(_NAMES[kind], kind, broker, _settings(kind, own))
        filters += _add(source, found, names, filters)
    rest = [
        messages[-1] for topic, messages in heard.topics.items() if not _claimed(topic, filters)
    ]
    for settings in list(_patterns(rest))[:MOST_JSON]:
        filters += _add(Source("json", "json", broker, settings), found, names, filters)
    return found


def _spoken(topics: Iterable[str]) -> Iterator[tuple[str, str]]:
    for topic in topics:
        for kind, pattern in _SPOKEN:
            match = None if _OURS.match(topic) else pattern.fullmatch(topic)
            if match is not None:
                yield kind, match[1]


def _settings(kind: str, own: str) -> dict[str, Any]:
    match kind:
        case "zigbee2mqtt":
            return {"base": own}
        case "chirpstack" if own != "application":
            return {"application": own}
        case "tasmota" if own:
            return {"full_topic": "%topic%/%prefix%/"}
    return {}


def _add(source: Source, found: list[Source], names: set[str], filters: list[str]) -> list[str]:
    """Add it under a name of its own, unless it would take messages of another one."""
    own = source.filters
    if any(overlaps(one, other) for one in own for other in [*filters, "edge/#"]):
        return []
    plain = source.name
    for number in range(2, len(names) + 3):
        if source.name not in names:
            break
        source.name = f"{plain}_{number}"
    names.add(source.name)
    found.append(source)
    return own


def _claimed(topic: str, filters: Sequence[str]) -> bool:
    return bool(_OURS.match(topic)) or any(matches(one, topic) for one in filters)


def _patterns(rest: Sequence[Message]) -> Iterator[dict[str, Any]]:
    """Topics of one shape are one source: as many levels, the same first and the same last."""
    groups: dict[tuple[object, ...], list[Message]] = {}
    for message in rest:
        levels = message.topic.split("/")
        if set(message.topic) & set("{}+#"):
            continue  # it could not be written as a pattern
        tree = _tree(message.payload)
        if isinstance(tree, dict) or _records(tree):
            last = levels[-1] if levels[-1].lower() in SUFFIXES else ""
            groups.setdefault((len(levels), levels[0], last, isinstance(tree, dict)), []).append(
                message
            )
    for messages in groups.values():
        tree = _tree(messages[0].payload)
        yield {"topic": _pattern([one.topic for one in messages]), **_records(tree)}


def _tree(payload: bytes) -> object:
    try:
        return load(payload)
    except DecodeError:
        return None


def _records(tree: object) -> dict[str, Any]:
    """How the records of a list are named: ``[{"n": "OIL", "v": 61.2}]``; empty if they are not."""
    first = tree[0] if isinstance(tree, list) and tree else None
    if not isinstance(first, dict):
        return {}
    name = next((key for key in ("n", "name", "id", "tag") if isinstance(first.get(key), str)), "")
    value = next((key for key in ("v", "value", "val") if key in first), "")
    return {"each": "[*]", "name": name, "value": [value]} if name and value else {}


def _pattern(topics: Sequence[str]) -> str:
    """The first level that differs is the device; of one topic, the last telling level."""
    table = [topic.split("/") for topic in topics]
    differ = [at for at, column in enumerate(zip(*table, strict=True)) if len(set(column)) > 1]
    if not differ:
        telling = [at for at, level in enumerate(table[0]) if level.lower() not in SUFFIXES]
        differ = telling[-1:] or [0]
    levels = ["+" if at in differ else level for at, level in enumerate(table[0])]
    levels[differ[0]] = "{device}"
    return "/".join(levels)
