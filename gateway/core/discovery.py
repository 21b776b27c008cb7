"""Home Assistant's MQTT discovery: one document per device, for assets.

Wire format: the device discovery of Home Assistant 2024.12 and later,
``<prefix>/device/<object id>/config``, with full names (no abbreviations), as its schemas
(homeassistant/components/mqtt) read it. Templates are Jinja; the sandbox of Home Assistant knows
``tojson``, and renders None as the text that its entities read as unknown.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple

from gateway.core import durations
from gateway.core.assets import Asset
from gateway.core.topic_tree import Document

AUTHOR: Final = "home assistant"
STATE_EXPIRES_S: Final = 180
"""Three times the interval at which an unchanged state is published."""
HEALTH_EXPIRES_S: Final = 120
EVENTS: Final = ("raised", "repeated", "cleared", "fail_safe", "forced")
MODES: Final = ("file", "shadow", "advise", "act")
_TIMES: Final = {"d": "d", "h": "h", "min": "min", "s": "s"}
"""Units of time that Home Assistant knows as a duration."""

Component = dict[str, object]


@dataclass(frozen=True, slots=True)
class HomeAssistant:
    """What the file says of it."""

    prefix: str = "homeassistant"
    hold_ms: int = 28_800_000


class Gauge(NamedTuple):
    """The score of one model."""

    model: str
    remaining: bool = False
    """It is the remaining life, in ``unit``."""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where it is published, and by whom."""

    home: HomeAssistant
    base: str
    """``edge/<gateway id>``."""
    gateway: str
    """The gateway's id."""
    name: str
    version: str

    @property
    def uid(self) -> str:
        """The gateway as a device."""
        return f"edge_{self.gateway}"

    def uid_of(self, asset: str) -> str:
        """An asset as a device; Home Assistant takes letters, digits, _ and -."""
        plain = re.sub(r"[^A-Za-z0-9_-]", "_", asset)
        mark = "" if plain == asset else f"_{sha256(asset.encode()).hexdigest()[:6]}"
        return f"{self.uid}_asset_{plain}{mark}"

    def topic(self, uid: str) -> str:
        """Where a device is announced."""
        return f"{self.home.prefix}/device/{uid}/config"

    @property
    def birth(self) -> str:
        """Where Home Assistant says that it is there."""
        return f"{self.home.prefix}/status"


def device(
    place: Place,
    uid: str,
    about: Document,
    availability: Sequence[str],
    components: Mapping[str, Component],
) -> Document:
    """One device with its components; the shared shape of all."""
    return {
        "device": {"identifiers": [uid], "manufacturer": "edge-gateway"} | about,
        "origin": {"name": "edge-gateway", "sw_version": place.version},
        "availability": [{"topic": topic} for topic in availability],
        "availability_mode": "all",
        "qos": 1,
        "components": {
            key: {**one, "unique_id": f"{uid}_{key}"} for key, one in components.items()
        },
    }


def asset(place: Place, one: Asset, gauges: Iterable[Gauge]) -> Document:
    """An asset as a device."""
    root = f"{place.base}/asset/{one.id}"
    components = _views(root) | {
        key: _gauge(root, gauge) for gauge in gauges for key in (_key(gauge),)
    }
    components |= {key: _reachable(place, part) for key, part in _controls(place, root).items()}
    about: Document = {"name": one.name, "model": "asset", "via_device": place.uid}
    topics = [f"{place.base}/availability", f"{root}/availability"]
    return device(place, place.uid_of(one.id), about, topics, components)


def _views(root: str) -> dict[str, Component]:
    state = {"state_topic": f"{root}/state", "expire_after": STATE_EXPIRES_S}
    return {
        "health": {
            "platform": "sensor",
            "name": "Health",
            "icon": "mdi:heart-pulse",
            "value_template": "{{ value_json.label }}",
            "json_attributes_topic": f"{root}/explanation",
            "json_attributes_template": _picked("event", "words", "rung", "decision"),
            **state,
        },
        "problem": {
            "platform": "binary_sensor",
            "name": "Problem",
            "device_class": "problem",
            "value_template": "{{ 'ON' if value_json.alert else 'OFF' }}",
            "json_attributes_topic": f"{root}/alert",
            "json_attributes_template": _picked("state", "label", "since", "decision"),
            **state,
        },
        "decision": {
            "platform": "event",
            "name": "Decision",
            "icon": "mdi:gavel",
            "state_topic": f"{root}/decision",
            "event_types": list(EVENTS),
            "value_template": _DECISION,
        },
    }


def _picked(*keys: str) -> str:
    """A template that makes an object of some keys of the document."""
    pairs = ", ".join(f"'{key}': value_json.get('{key}')" for key in keys)
    return "{{ {" + pairs + "} | tojson }}"


_DECISION: Final = (
    "{{ {'event_type': value_json.event, 'label': value_json.label, 'mode': value_json.mode,"
    " 'action': value_json.action, 'refused': value_json.refused,"
    " 'rung': value_json.verdict.rung, 'score': value_json.verdict.score,"
    " 'decision': value_json.id} | tojson }}"
)


def _key(gauge: Gauge) -> str:
    return f"{'remaining' if gauge.remaining else 'score'}_{gauge.model}"


def _gauge(root: str, gauge: Gauge) -> Component:
    """The score of a model; of one that tells the remaining life, with its unit."""
    made: Component = {
        "platform": "sensor",
        "name": f"Score {gauge.model}",
        "state_topic": f"{root}/state",
        "value_template": f"{{{{ value_json.scores.get('{gauge.model}') }}}}",
        "state_class": "measurement",
        "suggested_display_precision": 2,
        "expire_after": STATE_EXPIRES_S,
    }
    if gauge.remaining:
        made |= {"name": f"Remaining life {gauge.model}", "icon": "mdi:timer-sand"}
        if gauge.unit in _TIMES:
            made |= {"device_class": "duration", "unit_of_measurement": _TIMES[gauge.unit]}
        elif gauge.unit:
            made["unit_of_measurement"] = gauge.unit
    return made


def _controls(place: Place, root: str) -> dict[str, Component]:
    """What people can do there; the answers come as the new state."""
    span = durations.render(place.home.hold_ms)
    hold = {"hold": True} | _signed("held", span)
    working = {"on": True} | _signed("maintenance", span)
    return {
        "mode": {
            "platform": "select",
            "name": "Mode",
            "icon": "mdi:robot-industrial",
            "options": list(MODES),
            "state_topic": f"{root}/state",
            "value_template": (
                "{{ value_json.mode_override.mode if value_json.mode_override else 'file' }}"
            ),
            "command_topic": f"{root}/mode/set",
            "command_template": _command("mode", "value", _signed("mode chosen", span)),
        },
        "hold": _switch("Hold", "mdi:hand-back-right", root, "override", "hold", hold),
        "maintenance": _switch(
            "Maintenance", "mdi:wrench", root, "maintenance", "maintenance", working
        ),
        "acknowledge": {
            "platform": "button",
            "name": "Acknowledge",
            "icon": "mdi:check",
            "command_topic": f"{root}/acknowledge/set",
            "payload_press": _text(_signed("acknowledged")),
        },
    }


def _switch(
    name: str, icon: str, root: str, command: str, key: str, payload_on: Document
) -> Component:
    """On and off are whole commands; what is shown is the asset's state."""
    first = next(iter(payload_on))
    return {
        "platform": "switch",
        "name": name,
        "icon": icon,
        "state_topic": f"{root}/state",
        "value_template": f"{{{{ 'ON' if value_json.{key} else 'OFF' }}}}",
        "state_on": "ON",
        "state_off": "OFF",
        "command_topic": f"{root}/{command}/set",
        "payload_on": _text(payload_on),
        "payload_off": _text({first: False} | _signed("ended")),
    }


def _signed(what: str, span: str = "") -> Document:
    """Author and reason, and for how long."""
    signed: Document = {"author": AUTHOR, "reason": f"{what} in Home Assistant"}
    return signed | {"for": span} if span else signed


def _command(key: str, variable: str, rest: Document) -> str:
    """A template that makes a command of what was chosen."""
    pairs = ", ".join([f"'{key}': {variable}", *(f"'{k}': '{v}'" for k, v in rest.items())])
    return "{{ {" + pairs + "} | tojson }}"


def _text(document: Document) -> str:
    return json.dumps(document, ensure_ascii=False)


def _reachable(place: Place, part: Component) -> Component:
    """Controls work while the gateway does: a machine without news may be held, too."""
    return part | {"availability": [{"topic": f"{place.base}/availability"}]}
