"""What ``bridge/info`` says about the bridge's own settings, and what they make impossible."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.core.messages import Tree

_NO_LAST_SEEN = (
    "advanced.last_seen is 'disable': a repeated value cannot be told from a fresh one;"
    " set advanced.last_seen: ISO_8601"
)
_CACHED = (
    "advanced.cache_state is true and there is no last_seen: every message repeats all values ever"
    " seen; set advanced.cache_state: false, or advanced.last_seen: ISO_8601"
)
_NO_AVAILABILITY = (
    "availability is off: a device that is gone is not announced; set availability.enabled: true"
)
_ATTRIBUTE = (
    "advanced.output is 'attribute': names that hold a slash are ambiguous;"
    " set advanced.output: json"
)
_QOS = (
    "device_options.qos is 0: what is sent while this gateway restarts is lost;"
    " set device_options.qos: 1"
)


@dataclass(frozen=True, slots=True)
class Info:
    """The settings of Zigbee2MQTT that change how its messages are read."""

    output: str = ""
    """json, attribute or attribute_and_json; empty while unknown."""
    cached: bool = True
    warnings: tuple[str, ...] = ()


def read(tree: Tree) -> Info:
    """Read ``bridge/info``; what an old version does not tell is taken as its default."""
    config = _object(tree, "config")
    if not config:
        return Info()
    advanced = _object(config, "advanced")
    output = str(advanced.get("output", "json"))
    cached = advanced.get("cache_state", True) is not False
    silent = advanced.get("last_seen", "disable") == "disable"
    found = {
        _NO_LAST_SEEN: silent,
        _CACHED: silent and cached,
        _NO_AVAILABILITY: not _available(config),
        _ATTRIBUTE: output == "attribute",
        _QOS: _object(config, "device_options").get("qos", 0) == 0 and "device_options" in config,
    }
    return Info(output, cached, tuple(text for text, applies in found.items() if applies))


def _available(config: Mapping[str, Tree]) -> bool:
    """2.x has ``availability.enabled``; in 1.x an object is on and a bool says so."""
    setting = config.get("availability")
    if isinstance(setting, dict):
        return setting.get("enabled", True) is not False
    return setting is True


def _object(tree: Tree, key: str) -> Mapping[str, Tree]:
    found = tree.get(key) if isinstance(tree, dict) else None
    return found if isinstance(found, dict) else {}
