"""Home Assistant's MQTT discovery: one document per device, for assets.

Templates are Jinja; the sandbox of Home Assistant knows ``tojson``, and renders None as the text
that its entities read as unknown.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from gateway.core.assets import Asset
from gateway.core.discovery_controls import controls
from gateway.core.discovery_place import Component, Place, device
from gateway.core.topic_tree import Document

STATE_EXPIRES_S: Final = 180
"""Three times the interval at which an unchanged state is published."""
HEALTH_EXPIRES_S: Final = 120
EVENTS: Final = ("raised", "repeated", "cleared", "fail_safe", "forced")
_TIMES: Final = {"d": "d", "h": "h", "min": "min", "s": "s"}
"""Units of time that Home Assistant knows as a duration."""


class Gauge(NamedTuple):
    """The score of one model."""

    model: str
    remaining: bool = False
    """It is the remaining life, in ``unit``."""
    unit: str = ""


def asset(place: Place, one: Asset, gauges: Iterable[Gauge]) -> Document:
    """An asset as a device."""
    root = f"{place.base}/asset/{one.id}"
    components = _views(root) | {_key(gauge): _gauge(root, gauge) for gauge in gauges}
    components |= {key: _reachable(place, part) for key, part in controls(place, root).items()}
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


def _reachable(place: Place, part: Component) -> Component:
    """Controls work while the gateway does: a machine without news may be held, too."""
    return part | {"availability": [{"topic": f"{place.base}/availability"}]}
